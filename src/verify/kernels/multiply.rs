//! A matrix [rows, columns] multiplied by another one, element by element.

use super::formulas::{exact, near};
use super::{Check, Subject, folded_along_y};
use crate::kernels::multiply::{KERNEL, call};
use crate::kernels::step::Step;
use crate::verify::case::{Case, Operand};
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::new(case)] };

fn case(problem: &Problem) -> Case {
    let Problem { rows, columns, edges, .. } = *problem;
    let far: &[f32] = if edges { &[1e15, -1e15] } else { &[] };
    let matrix = |what| problem.matrix(what, rows, columns, [-2.0, 2.0], &[&TINY, far].concat());
    let (factors, before) = (matrix(0), matrix(1));
    let elements = factors.elements.iter().zip(&before.elements);
    let after = elements.map(|(&factor, &element)| near(element * factor, exact(element) * exact(factor)));
    Case {
        shape: format!("{rows} × {columns}"),
        call: folded_along_y(call(rows, columns), problem),
        step: Step::default(),
        operands: vec![Operand::read(&factors), Operand::updated(&before, after.collect())],
    }
}
