//! Chains of up to `inner` iterations from `columns` groups of four elements.

use super::formulas::{exact, near};
use super::{Check, Subject, folded_along_y};
use crate::kernels::multiply_add::{CHAINS, KERNEL, UNROLLED, call};
use crate::kernels::step::Step;
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::new(case)] };

fn case(problem: &Problem) -> Case {
    let (quads, iterations) = (problem.columns, problem.inner);
    let [factor, addend] = [[0.5f32, 0.999, -0.75][problem.pick(0, 3)], [0.25f32, -1.0, 0.0][problem.pick(1, 3)]];
    let values = problem.matrix(2, quads, 4, [-1.0, 1.0], &TINY);
    let [factor_twin, addend_twin] = [factor, addend].map(f64::from);
    let steps = iterations * UNROLLED;
    let chain = |start: f64| (0..steps).fold(start, |x, _| x * factor_twin + addend_twin);
    let computed_chain =
        |start: Approximate| (0..steps).fold(start, |x, _| x * exact(factor_twin) + exact(addend_twin));
    let after = values.elements.iter().map(|&value| {
        let starts = || (0..CHAINS).map(|chain| chain as f64);
        let twin = starts().map(|start| chain(value + start)).sum();
        near(twin, Approximate::sum(starts().map(|start| computed_chain(exact(value) + exact(start)))))
    });
    let after = after.collect();
    Case {
        shape: format!("{quads} × 4, {iterations} iterations of · {factor} + {addend}"),
        call: folded_along_y(call(quads, iterations, factor, addend), problem),
        step: Step::default(),
        operands: vec![Operand::updated(&values, after)],
    }
}
