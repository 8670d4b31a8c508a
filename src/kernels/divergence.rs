//! The divergence of a variational code's distribution from the standard normal one, and its gradient.

use super::step::Step;
use super::{Call, Kernel, bindings, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, TableRow, Write};
use crate::gpu::{Interface, Needs, Variant};

shader_struct! {
    struct Parameters {
        units: u32,
        weight: f32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "divergence",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 step: TableRow(&Step::LAYOUT);
            2 distribution: Read;
            3 sample_losses: Write;
            4 code_gradient: Read, if "GRADIENT";
            5 distribution_gradient: Write, if "GRADIENT";
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 256, features: &[] },
    variants: || [false, true].map(variant).into(),
};

fn variant(has_gradient: bool) -> Variant {
    Variant::new("divergence", include_str!("../../shaders/divergence.wgsl")).flag("GRADIENT", has_gradient)
}

/// Binds `distribution` [batch_size, 2 · units], means and then log variances, and `sample_losses` [steps of a submission, batch_size], to
/// which each sample's divergence times `weight` is added. With a gradient, also that of the code that was drawn, [batch_size, units], and
/// that of the distribution.
pub fn call(weight: f64, has_gradient: bool, batch_size: usize, units: usize) -> Call {
    Call {
        kernel: &KERNEL,
        variant: variant(has_gradient),
        parameters: bytemuck::bytes_of(&Parameters { units: units as u32, weight: weight as f32 }).to_vec(),
        structures: Vec::new(),
        workgroups: [batch_size as u32, 1, 1],
    }
}
