//! The column sums of a gradient [rows, columns], or of its products with what was normalized.

use super::formulas::{exact, near};
use super::{Check, Subject, folded_along_y};
use crate::kernels::bias_gradient::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::Matrix;
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::problem::{Problem, TINY, in_vectors};

pub const CHECK: Check = Check {
    kernel: &KERNEL,
    subjects: || {
        let variants = [(false, false), (true, false), (false, true), (true, true)];
        variants.map(|(vector, of_scale)| Subject::new(move |problem| case(vector, of_scale, problem))).into()
    },
};

/// `vector`: whether there are whole vec4s of columns.
fn case(vector: bool, of_scale: bool, problem: &Problem) -> Case {
    let Problem { rows, edges, .. } = *problem;
    let columns = in_vectors(problem.columns, vector);
    let far: &[f32] = if edges { &[1e30, -1e30, 88.0, -88.0] } else { &[] };
    let gradient = problem.matrix(0, rows, columns, [-1.0, 1.0], &[&TINY, far].concat());
    let normalized = problem.matrix(1, rows, columns, [-2.0, 2.0], &TINY);
    let factor = |row, column| if of_scale { normalized.at(row, column) } else { 1.0 };
    let terms = Matrix::from_fn(rows, columns, |row, column| gradient.at(row, column) * factor(row, column));
    let expected = terms.column_sums().into_iter().enumerate().map(|(column, value)| {
        let term = |row| exact(gradient.at(row, column)) * exact(factor(row, column));
        let summed = |row| if of_scale { term(row) } else { exact(gradient.at(row, column)) };
        near(value, Approximate::sum((0..rows).map(summed)))
    });
    let expected = expected.collect();
    let mut operands = vec![Operand::read(&gradient), Operand::written(1, columns, expected)];
    if of_scale {
        operands.push(Operand::read(&normalized));
    }
    Case {
        shape: format!("{rows} × {columns}, of a scale: {of_scale}"),
        call: folded_along_y(call(of_scale, rows, columns), problem),
        step: Step::default(),
        operands,
    }
}
