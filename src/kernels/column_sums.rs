//! The sum of each column of a matrix, or of its squares.

use super::step::Step;
use super::{COLUMNS_OF_WORKGROUP, Call, Kernel, bindings, linear_grid, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, TableRow, Write};
use crate::gpu::{Interface, Needs, Variant};

shader_struct! {
    struct Parameters {
        rows: u32,
        columns: u32,
        first: u32,
        sum: u32,
        factor: f32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "column_sums",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 step: TableRow(&Step::LAYOUT);
            2 matrix: Read;
            3 sums: Write;
        },
    },
    needs: Needs { invocations: 256, workgroup_bytes: 1024, features: &[] },
    variants: || vec![variant()],
};

/// What is summed over each column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ColumnSum {
    /// The rows that hold samples, divided by their number.
    MeanOfBatch,
    /// The squares of all rows.
    Squares,
    /// The squares of the rows that hold samples, times this and the weight of an element in the mean loss.
    SquaresOfBatch(f64),
}

fn variant() -> Variant {
    Variant::new("column_sums", include_str!("../../shaders/column_sums.wgsl"))
}

/// Binds `matrix` [rows, columns], and `sums` [any, columns], whose row `row` is set.
pub fn call(sum: ColumnSum, rows: usize, columns: usize, row: usize) -> Call {
    let (number, factor) = match sum {
        ColumnSum::MeanOfBatch => (0, 1.0),
        ColumnSum::Squares => (1, 1.0),
        ColumnSum::SquaresOfBatch(factor) => (2, factor),
    };
    let parameters = Parameters {
        rows: rows as u32,
        columns: columns as u32,
        first: (row * columns) as u32,
        sum: number,
        factor: factor as f32,
    };
    Call {
        kernel: &KERNEL,
        variant: variant(),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: Vec::new(),
        workgroups: linear_grid(columns, COLUMNS_OF_WORKGROUP),
    }
}
