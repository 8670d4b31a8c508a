//! Batch normalization of [rows, columns] outside of training.

use super::formulas::{exact, near};
use super::{Check, Subject, folded_along_y};
use crate::kernels::normalize_by_running_statistics::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::normalization::{EPSILON, RunningStatistics};
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::new(case)] };

fn case(problem: &Problem) -> Case {
    let Problem { rows, columns, .. } = *problem;
    let means = problem.matrix(0, 1, columns, [-2.0, 2.0], &TINY);
    let variances = problem.matrix(1, 1, columns, [0.0, 3.0], &[0.0, 1e-30, 1e6]);
    let values = problem.matrix(2, rows, columns, [-3.0, 3.0], &TINY);
    let running = RunningStatistics { means: means.elements.clone(), variances: variances.elements.clone() };
    let twin = running.normalize(&values);
    let after = values.elements.iter().zip(&twin.elements).enumerate().map(|(place, (&x, &twin))| {
        let column = place % columns;
        let deviation = (exact(variances.at(0, column)) + Approximate::nearest(EPSILON)).sqrt();
        near(twin, (exact(x) - exact(means.at(0, column))) / deviation)
    });
    Case {
        shape: format!("{rows} × {columns}"),
        call: folded_along_y(call(rows, columns), problem),
        step: Step::default(),
        operands: vec![Operand::read(&means), Operand::read(&variances), Operand::updated(&values, after.collect())],
    }
}
