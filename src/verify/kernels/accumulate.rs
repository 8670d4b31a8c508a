//! A matrix [rows, columns] added to another one, its columns times factors or not.

use super::formulas::{exact, near};
use super::{Check, Subject, folded_along_y};
use crate::kernels::accumulate::{KERNEL, call};
use crate::kernels::step::Step;
use crate::verify::case::{Case, Operand};
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check {
    kernel: &KERNEL,
    subjects: || [false, true].map(|has_factors| Subject::new(move |problem| case(has_factors, problem))).into(),
};

fn case(has_factors: bool, problem: &Problem) -> Case {
    let Problem { rows, columns, edges, .. } = *problem;
    let far: &[f32] = if edges { &[1e15, -1e15] } else { &[] };
    let matrix = |what, rows| problem.matrix(what, rows, columns, [-1.0, 1.0], &[&TINY, far].concat());
    let (added, before, factors) = (matrix(0, rows), matrix(1, rows), matrix(2, 1));
    let after = (0..rows * columns).map(|i| {
        let [sum, element, factor] = [before.elements[i], added.elements[i], factors.elements[i % columns]];
        if has_factors {
            near(sum + element * factor, exact(sum) + exact(element) * exact(factor))
        } else {
            near(sum + element, exact(sum) + exact(element))
        }
    });
    let mut operands = vec![Operand::read(&added), Operand::updated(&before, after.collect())];
    operands.extend(has_factors.then(|| Operand::read(&factors)));
    Case {
        shape: format!("{rows} × {columns}"),
        call: folded_along_y(call(has_factors, rows, columns), problem),
        step: Step::default(),
        operands,
    }
}
