//! What gradients are multiplied by, so that their global norm is at most what it may be.

use super::{Call, Kernel, bindings, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, Write};
use crate::gpu::{Interface, Needs, Variant};

shader_struct! {
    struct Parameters {
        count: u32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "clip_scale",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 sums: Read;
            2 scale: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 256, features: &[] },
    variants: || vec![variant()],
};

fn variant() -> Variant {
    Variant::new("clip_scale", include_str!("../../shaders/clip_scale.wgsl"))
}

/// Binds `sums` of `count` elements, which [`square_sums`](super::square_sums) has filled, and `scale` `[1]`.
pub fn call(count: usize) -> Call {
    Call {
        kernel: &KERNEL,
        variant: variant(),
        parameters: bytemuck::bytes_of(&Parameters { count: count as u32 }).to_vec(),
        structures: Vec::new(),
        workgroups: [1, 1, 1],
    }
}
