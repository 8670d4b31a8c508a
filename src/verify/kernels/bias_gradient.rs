//! The column sums of a gradient [rows, columns].

use super::formulas::{exact, near};
use super::{Check, Subject, folded_along_y};
use crate::kernels::bias_gradient::{KERNEL, call};
use crate::kernels::step::Step;
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::problem::{Problem, TINY, in_vectors};

pub const CHECK: Check = Check {
    kernel: &KERNEL,
    subjects: || [false, true].map(|vector| Subject::new(move |problem| case(vector, problem))).into(),
};

/// `vector`: whether there are whole vec4s of columns.
fn case(vector: bool, problem: &Problem) -> Case {
    let Problem { rows, edges, .. } = *problem;
    let columns = in_vectors(problem.columns, vector);
    let far: &[f32] = if edges { &[1e30, -1e30, 88.0, -88.0] } else { &[] };
    let gradient = problem.matrix(0, rows, columns, [-1.0, 1.0], &[&TINY, far].concat());
    let expected = gradient
        .column_sums()
        .into_iter()
        .enumerate()
        .map(|(column, value)| near(value, Approximate::sum((0..rows).map(|row| exact(gradient.at(row, column))))));
    let expected = expected.collect();
    Case {
        shape: format!("{rows} × {columns}"),
        call: folded_along_y(call(rows, columns), problem),
        step: Step::default(),
        operands: vec![Operand::read(&gradient), Operand::written(1, columns, expected)],
    }
}
