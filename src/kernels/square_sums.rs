//! The squared norm of a gradient, as sums that are still to be added up.

use super::{Call, Kernel, bindings, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, Write};
use crate::gpu::{Interface, Needs, Variant};

shader_struct! {
    struct Parameters {
        count: u32,
        first: u32,
        largest: f32,
        inverse_norm: f32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "square_sums",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 gradient: Read;
            2 sums: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 256, features: &[] },
    variants: || vec![variant()],
};

/// The most workgroups for a tensor, and so the elements of its row of sums.
pub const SUMS: usize = 256;

/// Elements that make a workgroup worth while.
const ELEMENTS_OF_A_WORKGROUP: usize = 1024;

/// Elements count as at most so many times the norm. The square of this, times all elements that 32 bits count, is finite in f32.
const MOST_MULTIPLE: f64 = (1u64 << 40) as f64;

fn variant() -> Variant {
    Variant::new("square_sums", include_str!("../../shaders/square_sums.wgsl"))
}

/// Workgroups for a tensor of `count` elements.
pub fn workgroups(count: usize) -> usize {
    count.div_ceil(ELEMENTS_OF_A_WORKGROUP).clamp(1, SUMS)
}

/// Binds `gradient` of `count` elements, and `sums` [tensors, [`SUMS`]]. Each workgroup sets an element of the row `row`, from the first
/// on, to the sum of the squares of some elements, as multiples of `norm`. Together they are the whole row's sum; what is behind them
/// stays.
pub fn call(count: usize, row: usize, norm: f64) -> Call {
    let parameters = Parameters {
        count: count as u32,
        first: (row * SUMS) as u32,
        largest: (MOST_MULTIPLE * norm) as f32,
        inverse_norm: (1.0 / norm) as f32,
    };
    Call {
        kernel: &KERNEL,
        variant: variant(),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: Vec::new(),
        workgroups: [workgroups(count) as u32, 1, 1],
    }
}
