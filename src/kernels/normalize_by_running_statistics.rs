//! Batch normalization outside of training, by statistics that were collected in it.

use super::{Call, Kernel, bindings, linear_grid, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, Write};
use crate::gpu::{Interface, Needs, Variant};
use crate::reference::normalization::EPSILON;

shader_struct! {
    struct Parameters {
        count: u32,
        columns: u32,
        epsilon: f32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "normalize_by_running_statistics",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 means: Read;
            2 variances: Read;
            3 values: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 0, features: &[] },
    variants: || vec![variant()],
};

fn variant() -> Variant {
    Variant::new("normalize_by_running_statistics", include_str!("../../shaders/normalize_by_running_statistics.wgsl"))
}

/// Binds `means` and `variances` `[columns]`, none of them below 0, and `values` [rows, columns]: each becomes its distance from its column's
/// mean, in deviations.
pub fn call(rows: usize, columns: usize) -> Call {
    let count = rows * columns;
    let parameters = Parameters { count: count as u32, columns: columns as u32, epsilon: EPSILON as f32 };
    Call {
        kernel: &KERNEL,
        variant: variant(),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: Vec::new(),
        workgroups: linear_grid(count, 64),
    }
}
