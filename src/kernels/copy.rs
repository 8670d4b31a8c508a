//! A copy of a tensor, which an adapter's bandwidth is measured with.

use super::{Call, Kernel, bindings, linear_grid, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, Write};
use crate::gpu::{Interface, Needs, Variant};

shader_struct! {
    struct Parameters {
        quads: u32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "copy",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 original: Read;
            2 copied: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 0, features: &[] },
    variants: || vec![variant()],
};

fn variant() -> Variant {
    Variant::new("copy", include_str!("../../shaders/copy.wgsl"))
}

/// Binds `original` and `copied`, both of `quads` groups of four elements.
pub fn call(quads: usize) -> Call {
    Call {
        kernel: &KERNEL,
        variant: variant(),
        parameters: bytemuck::bytes_of(&Parameters { quads: quads as u32 }).to_vec(),
        structures: Vec::new(),
        workgroups: linear_grid(quads, 64),
    }
}
