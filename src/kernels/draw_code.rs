//! A variational code out of means and log variances.

use super::step::Step;
use super::{Call, Kernel, bindings, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, TableRow, Write};
use crate::gpu::{Interface, Needs, Variant};

shader_struct! {
    struct Parameters {
        units: u32,
        draws: u32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "draw_code",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 step: TableRow(&Step::LAYOUT);
            2 distribution: Read;
            3 code: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 0, features: &[] },
    variants: || vec![variant()],
};

fn variant() -> Variant {
    Variant::new("draw_code", include_str!("../../shaders/draw_code.wgsl"))
}

/// Binds `distribution` [batch_size, 2 · units], means and then log variances, and `code` [batch_size, units]: numbers that it `draws`, or the
/// means.
pub fn call(draws: bool, batch_size: usize, units: usize) -> Call {
    Call {
        kernel: &KERNEL,
        variant: variant(),
        parameters: bytemuck::bytes_of(&Parameters { units: units as u32, draws: u32::from(draws) }).to_vec(),
        structures: Vec::new(),
        workgroups: [batch_size as u32, 1, 1],
    }
}
