//! The way of a gradient [rows, columns] back through layer normalization.

use super::formulas::{exact, near};
use super::{Check, Subject};
use crate::kernels::normalize_rows_gradient::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::Matrix;
use crate::reference::normalization::rows_gradient;
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::new(case)] };

fn case(problem: &Problem) -> Case {
    let Problem { rows, columns, .. } = *problem;
    let gradient = problem.matrix(0, rows, columns, [-1.0, 1.0], &TINY);
    let scale = problem.matrix(1, 1, columns, [-2.0, 2.0], &TINY);
    let deviations = problem.matrix(2, rows, 1, [0.1, 300.0], &[]);
    let normalized = problem.matrix(3, rows, columns, [-3.0, 3.0], &TINY);
    let scaled = Matrix::from_fn(rows, columns, |row, column| gradient.at(row, column) * scale.at(0, column));
    let twin = rows_gradient(&normalized, &deviations.elements, &scaled);
    let count = exact(columns as f64);
    let mut after = Vec::new();
    for row in 0..rows {
        let x = |column| exact(normalized.at(row, column));
        let of = |column| exact(gradient.at(row, column)) * exact(scale.at(0, column));
        let mean = Approximate::sum((0..columns).map(of)) / count;
        let along = Approximate::sum((0..columns).map(|column| of(column) * x(column))) / count;
        let inverse = exact(deviations.at(row, 0));
        after.extend(
            (0..columns).map(|column| near(twin.at(row, column), (of(column) - mean - x(column) * along) * inverse)),
        );
    }
    Case {
        shape: format!("{rows} × {columns}"),
        call: call(rows, columns),
        step: Step::default(),
        operands: vec![
            Operand::read(&gradient),
            Operand::read(&scale),
            Operand::read(&deviations),
            Operand::updated(&normalized, after),
        ],
    }
}
