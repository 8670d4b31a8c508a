//! What follows the normalization in a layer: a scale, a shift, and the activation.

use super::{Call, Kernel, activation_number, bindings, linear_grid, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, Write};
use crate::gpu::{Interface, Needs, Variant};
use crate::reference::Activation;

shader_struct! {
    struct Parameters {
        count: u32,
        columns: u32,
        activation: u32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "scale_shift",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 normalized: Read;
            2 scale: Read;
            3 shift: Read;
            4 output: Write;
            5 derivative: Write, if "DERIVATIVE";
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 0, features: &[] },
    variants: || [false, true].map(variant).into(),
};

fn variant(has_derivative: bool) -> Variant {
    Variant::new("scale_shift", include_str!("../../shaders/scale_shift.wgsl")).flag("DERIVATIVE", has_derivative)
}

/// Binds `normalized` [rows, columns], `scale` and `shift` `[columns]`, `output` [rows, columns], and `derivative` of the same shape
/// unless the activation is the identity.
pub fn call(activation: Activation, rows: usize, columns: usize) -> Call {
    let count = rows * columns;
    let parameters =
        Parameters { count: count as u32, columns: columns as u32, activation: activation_number(activation) };
    Call {
        kernel: &KERNEL,
        variant: variant(activation != Activation::Identity),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: Vec::new(),
        workgroups: linear_grid(count, 64),
    }
}
