//! A matrix [rows, columns] transposed.

use super::{Check, Subject, folded_along_z};
use crate::kernels::step::Step;
use crate::kernels::transpose::{KERNEL, call};
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::Problem;

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::new(case)] };

fn case(problem: &Problem) -> Case {
    let Problem { rows, columns, edges, .. } = *problem;
    let far: &[f32] = if edges { &[f32::MAX, f32::MIN, f32::MIN_POSITIVE] } else { &[] };
    let matrix = problem.matrix(0, rows, columns, [-1.0, 1.0], far);
    let expected = matrix.transposed().elements.into_iter().map(|value| Expected::Near { value, bound: 0.0 });
    let expected = expected.collect();
    Case {
        shape: format!("{rows} × {columns}"),
        call: folded_along_z(call(rows, columns), problem),
        step: Step::default(),
        operands: vec![Operand::read(&matrix), Operand::written(columns, rows, expected)],
    }
}
