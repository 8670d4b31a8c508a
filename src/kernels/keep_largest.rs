//! Of each row the largest numbers, the others being made 0, and their derivatives too.

use super::{Call, Kernel, bindings, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Write};
use crate::gpu::{Interface, Needs, Variant};

shader_struct! {
    struct Parameters {
        columns: u32,
        kept: u32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "keep_largest",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 values: Write;
            2 derivative: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 256, features: &[] },
    variants: || [false, true].map(variant).into(),
};

/// `masks`: the derivative is written rather than changed.
fn variant(masks: bool) -> Variant {
    Variant::new("keep_largest", include_str!("../../shaders/keep_largest.wgsl")).flag("MASK", masks)
}

/// Binds `values` [rows, columns], of which the largest `active` of each row stay, and `derivative` of the same shape. If it `masks`, that
/// becomes 1 where a value stays; otherwise it is left as it is there.
pub fn call(active: usize, masks: bool, rows: usize, columns: usize) -> Call {
    Call {
        kernel: &KERNEL,
        variant: variant(masks),
        parameters: bytemuck::bytes_of(&Parameters { columns: columns as u32, kept: active as u32 }).to_vec(),
        structures: Vec::new(),
        workgroups: [rows as u32, 1, 1],
    }
}
