//! Codes of `columns` numbers for the rows of a batch, out of means and log variances.

use super::formulas::{exact, near, normal};
use super::{Check, Subject};
use crate::kernels::draw_code::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::Matrix;
use crate::reference::variational::{LOG_VARIANCE_LIMIT, draw, means, noise, word};
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::Problem;

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::choosing(2, case)] };

/// Means and log variances [rows, 2 · units], some of which are beyond what is taken.
pub(super) fn distribution(problem: &Problem, what: u32, rows: usize, units: usize) -> Matrix {
    let far: &[f32] = if problem.edges { &[30.0, -30.0, 20.0] } else { &[] };
    problem.matrix(what, rows, 2 * units, [-2.0, 2.0], &[&[0.0], far].concat())
}

/// σ of a unit, as `lib/variational.wgsl` and its users compute it.
pub(super) fn deviation(log_variance: f64) -> Approximate {
    (exact(0.5) * exact(log_variance.clamp(-LOG_VARIANCE_LIMIT, LOG_VARIANCE_LIMIT))).exp()
}

fn case(problem: &Problem) -> Case {
    let Problem { rows, columns: units, seed, .. } = *problem;
    let draws = problem.choose(0, [true, false]);
    let given = distribution(problem, 1, rows, units);
    let (epoch, first) = (problem.pick(2, 1000) as u32, problem.pick(3, 1000) as u32);
    let twin = if draws { draw(&given, &noise(seed, epoch, first, rows, units)) } else { means(&given) };
    let element = |place: usize| -> Expected {
        let (row, unit) = (place / units, place % units);
        if !draws {
            return Expected::Near { value: twin.elements[place], bound: 0.0 };
        }
        let drawn = normal(word(seed, epoch, first + row as u32, unit));
        near(twin.elements[place], exact(given.at(row, unit)) + deviation(given.at(row, units + unit)) * drawn)
    };
    Case {
        shape: format!("{rows} codes of {units}, drawn: {draws}, epoch {epoch}, from {first}"),
        call: call(draws, rows, units),
        step: Step {
            first_position: first,
            rows: rows as u32,
            epoch,
            seed_low: seed as u32,
            seed_high: (seed >> 32) as u32,
            ..Step::default()
        },
        operands: vec![Operand::read(&given), Operand::written(rows, units, (0..rows * units).map(element).collect())],
    }
}
