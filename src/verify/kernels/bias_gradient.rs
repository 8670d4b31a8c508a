//! The column sums of a gradient [rows, columns].

use super::formulas::{exact, near};
use super::{Check, Subject, folded_along_y};
use crate::kernels::bias_gradient::{KERNEL, call};
use crate::kernels::step::Step;
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::new(case)] };

fn case(problem: &Problem) -> Case {
    let Problem { rows, columns, edges, .. } = *problem;
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
