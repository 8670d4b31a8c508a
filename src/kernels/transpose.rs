//! A matrix transposed.

use super::{Call, Kernel, bindings, folded_y, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, Write};
use crate::gpu::{Interface, Needs, Variant};

shader_struct! {
    struct Parameters {
        rows: u32,
        columns: u32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "transpose",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 matrix: Read;
            2 transposed: Write;
        },
    },
    needs: Needs { invocations: 256, workgroup_bytes: 1088, features: &[] },
    variants: || vec![variant()],
};

/// Rows and columns of a tile.
const TILE: usize = 16;

fn variant() -> Variant {
    Variant::new("transpose", include_str!("../../shaders/transpose.wgsl"))
}

/// Binds `matrix` [rows, columns] and `transposed` [columns, rows].
pub fn call(rows: usize, columns: usize) -> Call {
    Call {
        kernel: &KERNEL,
        variant: variant(),
        parameters: bytemuck::bytes_of(&Parameters { rows: rows as u32, columns: columns as u32 }).to_vec(),
        structures: Vec::new(),
        workgroups: folded_y(columns.div_ceil(TILE), rows.div_ceil(TILE)),
    }
}
