//! The way of a gradient [rows, columns] back through batch normalization, some of whose rows may hold no sample.

use super::formulas::{exact, near};
use super::{Check, Subject, folded_along_y};
use crate::kernels::normalize_columns_gradient::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::Matrix;
use crate::reference::normalization::columns_gradient;
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::new(case)] };

fn case(problem: &Problem) -> Case {
    let Problem { rows, columns, .. } = *problem;
    let gradient = problem.matrix(0, rows, columns, [-1.0, 1.0], &TINY);
    let scale = problem.matrix(1, 1, columns, [-2.0, 2.0], &TINY);
    let deviations = problem.matrix(2, 1, columns, [0.1, 300.0], &[]);
    let normalized = problem.matrix(3, rows, columns, [-3.0, 3.0], &TINY);
    let of_batch = 1 + problem.pick(4, rows);
    let first_rows = |matrix: &Matrix| Matrix::from_fn(of_batch, columns, |row, column| matrix.at(row, column));
    let of_normalized = first_rows(&gradient).columns_times(&scale.elements);
    let twin = columns_gradient(&first_rows(&normalized), &deviations.elements, &of_normalized);
    let count = exact(of_batch as f64);
    let mut after = vec![Expected::Near { value: 0.0, bound: 0.0 }; rows * columns];
    for column in 0..columns {
        let x = |row| exact(normalized.at(row, column));
        let of = |row| exact(gradient.at(row, column));
        let mean = Approximate::sum((0..of_batch).map(of)) / count;
        let along = Approximate::sum((0..of_batch).map(|row| of(row) * x(row))) / count;
        let factor = exact(scale.at(0, column)) * exact(deviations.at(0, column));
        for row in 0..of_batch {
            let computed = (of(row) - mean - x(row) * along) * factor;
            after[row * columns + column] = near(twin.at(row, column), computed);
        }
    }
    Case {
        shape: format!("{rows} × {columns}, {of_batch} of the batch"),
        call: folded_along_y(call(rows, columns), problem),
        step: Step { rows: of_batch as u32, ..Step::default() },
        operands: vec![
            Operand::read(&gradient),
            Operand::read(&scale),
            Operand::read(&deviations),
            Operand::updated(&normalized, after),
        ],
    }
}
