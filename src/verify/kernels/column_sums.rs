//! The sums over the columns of a matrix [rows, columns], some of whose rows may be past the batch's end.

use super::formulas::{exact, near};
use super::{Check, Subject, folded_along_y};
use crate::kernels::column_sums::{ColumnSum, KERNEL, call};
use crate::kernels::step::Step;
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::choosing(3, case)] };

/// Rows of sums.
const ROWS: usize = 2;

fn case(problem: &Problem) -> Case {
    let Problem { rows, columns, edges, .. } = *problem;
    let factor = f64::from([0.2f32, 2.0, 1e3][problem.pick(0, 3)]);
    let sum = problem.choose(1, [ColumnSum::MeanOfBatch, ColumnSum::Squares, ColumnSum::SquaresOfBatch(factor)]);
    let far: &[f32] = if edges { &[1e15, -1e15] } else { &[] };
    let matrix = problem.matrix(2, rows, columns, [-1.0, 1.0], &[&TINY, far].concat());
    let (of_batch, row) = (1 + problem.pick(3, rows), problem.pick(4, ROWS));
    let weight = (1.0 / (of_batch * 784) as f64) as f32;
    let (summed, squares) = match sum {
        ColumnSum::MeanOfBatch => (of_batch, false),
        ColumnSum::Squares => (rows, true),
        ColumnSum::SquaresOfBatch(_) => (of_batch, true),
    };
    let total = |column: usize| {
        let elements = (0..summed).map(|row| exact(matrix.at(row, column)));
        let total = Approximate::sum(elements.map(|x| if squares { x * x } else { x }));
        match sum {
            ColumnSum::MeanOfBatch => total / exact(of_batch as f64),
            ColumnSum::Squares => total,
            ColumnSum::SquaresOfBatch(factor) => total * (exact(factor) * exact(f64::from(weight))),
        }
    };
    let mut sums = vec![Expected::Untouched; ROWS * columns];
    for (column, expected) in sums[row * columns..(row + 1) * columns].iter_mut().enumerate() {
        let computed = total(column);
        *expected = near(computed.value, computed);
    }
    Case {
        shape: format!("{rows} × {columns}, {of_batch} of the batch, {sum:?}, row {row}"),
        call: folded_along_y(call(sum, rows, columns, row), problem),
        step: Step { rows: of_batch as u32, inverse_element_count: weight, ..Step::default() },
        operands: vec![Operand::read(&matrix), Operand::written(ROWS, columns, sums)],
    }
}
