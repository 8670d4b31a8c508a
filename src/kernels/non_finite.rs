//! Where a tensor holds a number that is not finite.

use super::{Call, Kernel, bindings, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, Write};
use crate::gpu::{Interface, Needs, Variant};

shader_struct! {
    struct Parameters {
        count: u32,
        first: u32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "non_finite",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 words: Read;
            2 found: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 256, features: &[] },
    variants: || vec![variant()],
};

/// The most workgroups for a tensor, and so the elements of its row of findings.
pub const FINDINGS: usize = 64;

/// Elements that make a workgroup worth while.
const ELEMENTS_OF_A_WORKGROUP: usize = 1024;

fn variant() -> Variant {
    Variant::new("non_finite", include_str!("../../shaders/non_finite.wgsl"))
}

/// Workgroups for a tensor of `count` elements.
pub fn workgroups(count: usize) -> usize {
    count.div_ceil(ELEMENTS_OF_A_WORKGROUP).clamp(1, FINDINGS)
}

/// Binds a tensor of `count` elements, and `found` [tensors, [`FINDINGS`]] of u32. Each workgroup sets an element of the row `row`, from
/// the first on, to the place of the first element that it has found, counted from 1, or to 0.
pub fn call(count: usize, row: usize) -> Call {
    let parameters = Parameters { count: count as u32, first: (row * FINDINGS) as u32 };
    Call {
        kernel: &KERNEL,
        variant: variant(),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: Vec::new(),
        workgroups: [workgroups(count) as u32, 1, 1],
    }
}
