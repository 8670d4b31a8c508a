//! The sum of each row of a matrix [rows, columns].

use super::formulas::{exact, near};
use super::{Check, Subject};
use crate::kernels::row_sums::{KERNEL, call};
use crate::kernels::step::Step;
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::new(case)] };

fn case(problem: &Problem) -> Case {
    let Problem { rows, columns, edges, .. } = *problem;
    let far: &[f32] = if edges { &[1e30] } else { &[] };
    let matrix = problem.matrix(0, rows, columns, [0.0, 9.0], &[&TINY, far].concat());
    let sum = |row: &[f64]| near(row.iter().sum(), Approximate::sum(row.iter().map(|&element| exact(element))));
    let sums = matrix.elements.chunks(columns).map(sum).collect();
    Case {
        shape: format!("{rows} × {columns}"),
        call: call(rows, columns),
        step: Step::default(),
        operands: vec![Operand::read(&matrix), Operand::written(rows, 1, sums)],
    }
}
