//! Layer normalization of what a layer's product gives.

use super::{Call, Kernel, bindings, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Write};
use crate::gpu::{Interface, Needs, Variant};
use crate::reference::normalization::EPSILON;

shader_struct! {
    struct Parameters {
        columns: u32,
        epsilon: f32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "normalize_rows",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 values: Write;
            2 inverse_deviations: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 256, features: &[] },
    variants: || vec![variant()],
};

fn variant() -> Variant {
    Variant::new("normalize_rows", include_str!("../../shaders/normalize_rows.wgsl"))
}

/// Binds `values` [rows, columns], each row of which gets the mean 0 and the variance 1, and `inverse_deviations` `[rows]`: what each row was
/// multiplied by for that.
pub fn call(rows: usize, columns: usize) -> Call {
    Call {
        kernel: &KERNEL,
        variant: variant(),
        parameters: bytemuck::bytes_of(&Parameters { columns: columns as u32, epsilon: EPSILON as f32 }).to_vec(),
        structures: Vec::new(),
        workgroups: [rows as u32, 1, 1],
    }
}
