//! A copy of rows × columns groups of four elements, bit for bit but for subnormal numbers.

use super::formulas::{exact, near};
use super::{Check, Subject, folded_along_y};
use crate::kernels::copy::{KERNEL, call};
use crate::kernels::step::Step;
use crate::verify::case::{Case, Operand};
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::new(case)] };

fn case(problem: &Problem) -> Case {
    let quads = problem.rows * problem.columns;
    let original = problem.matrix(0, quads, 4, [-1e30, 1e30], &TINY);
    let copied = original.elements.iter().map(|&element| near(element, exact(element))).collect();
    Case {
        shape: format!("{quads} × 4"),
        call: folded_along_y(call(quads), problem),
        step: Step::default(),
        operands: vec![Operand::read(&original), Operand::written(quads, 4, copied)],
    }
}
