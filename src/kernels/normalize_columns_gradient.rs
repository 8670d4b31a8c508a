//! The way of a gradient back through batch normalization.

use super::step::Step;
use super::{COLUMNS_OF_WORKGROUP, Call, Kernel, bindings, linear_grid, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, TableRow, Write};
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
        name: "normalize_columns_gradient",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 step: TableRow(&Step::LAYOUT);
            2 gradient: Read;
            3 scale: Read;
            4 inverse_deviations: Read;
            5 values: Write;
        },
    },
    needs: Needs { invocations: 256, workgroup_bytes: 1024, features: &[] },
    variants: || vec![variant()],
};

fn variant() -> Variant {
    Variant::new("normalize_columns_gradient", include_str!("../../shaders/normalize_columns_gradient.wgsl"))
}

/// Binds `gradient` [rows, columns] of what the layer's activation takes, `scale` and `inverse_deviations` `[columns]`, and `values` [rows,
/// columns], which are what [`normalize_columns`](super::normalize_columns) has left, and become the gradient of what it took: 0 in rows
/// that hold no sample.
pub fn call(rows: usize, columns: usize) -> Call {
    Call {
        kernel: &KERNEL,
        variant: variant(),
        parameters: bytemuck::bytes_of(&Parameters { rows: rows as u32, columns: columns as u32 }).to_vec(),
        structures: Vec::new(),
        workgroups: linear_grid(columns, COLUMNS_OF_WORKGROUP),
    }
}
