//! A matrix added to another one.

use super::{Call, Kernel, bindings, linear_grid, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, Write};
use crate::gpu::{Interface, Needs, Variant};

shader_struct! {
    struct Parameters {
        count: u32,
        columns: u32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "accumulate",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 matrix: Read;
            2 sum: Write;
            3 factors: Read, if "FACTORS";
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 0, features: &[] },
    variants: || [false, true].map(variant).into(),
};

fn variant(has_factors: bool) -> Variant {
    Variant::new("accumulate", include_str!("../../shaders/accumulate.wgsl")).flag("FACTORS", has_factors)
}

/// Binds `matrix` [rows, columns], `sum` of the same shape, to which it is added, and `factors` `[columns]`, which its columns are multiplied
/// by, if it has them.
pub fn call(has_factors: bool, rows: usize, columns: usize) -> Call {
    let count = rows * columns;
    Call {
        kernel: &KERNEL,
        variant: variant(has_factors),
        parameters: bytemuck::bytes_of(&Parameters { count: count as u32, columns: columns as u32 }).to_vec(),
        structures: Vec::new(),
        workgroups: linear_grid(count, 64),
    }
}
