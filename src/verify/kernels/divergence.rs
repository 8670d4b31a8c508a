//! The divergence of each distribution of codes of `columns` numbers, for a batch some rows of which may be past its end.

use super::draw_code::{deviation, distribution};
use super::formulas::{exact, near, normal};
use super::{Check, Subject};
use crate::kernels::divergence::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::variational::{LOG_VARIANCE_LIMIT, divergences, gradient, noise, word};
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::Problem;

pub const CHECK: Check = Check {
    kernel: &KERNEL,
    subjects: || [false, true].map(|has_gradient| Subject::new(move |problem| case(has_gradient, problem))).into(),
};

fn case(has_gradient: bool, problem: &Problem) -> Case {
    let Problem { rows: batch_size, columns: units, seed, .. } = *problem;
    let rows = 1 + problem.pick(0, batch_size);
    let weight = f64::from([1.0f32, 0.1, 4.0][problem.pick(1, 3)]);
    let given = distribution(problem, 2, batch_size, units);
    let (epoch, first) = (problem.pick(3, 1000) as u32, problem.pick(4, 1000) as u32);
    let (slots, slot) = (3, problem.pick(5, 3));
    let before = problem.matrix(6, slots, batch_size, [0.0, 0.01], &[]);
    let share = f64::from((1.0 / (rows * units) as f64) as f32);
    // No gradient comes from rows past the end.
    let mut of_code = problem.matrix(7, batch_size, units, [-0.1, 0.1], &[]);
    of_code.elements[rows * units..].fill(0.0);
    let of_row = |row: usize| if row < rows { exact(weight) * exact(share) } else { exact(0.0) };
    let kept = |given: f64| given.clamp(-LOG_VARIANCE_LIMIT, LOG_VARIANCE_LIMIT);

    let mut losses = vec![Expected::Untouched; slots * batch_size];
    for (row, divergence) in divergences(&given).into_iter().enumerate() {
        let of_unit = |unit: usize| {
            let (mean, logarithm) = (exact(given.at(row, unit)), exact(kept(given.at(row, units + unit))));
            exact(0.5) * (mean * mean + logarithm.exp() - exact(1.0) - logarithm)
        };
        let total = Approximate { value: divergence, ..Approximate::sum((0..units).map(of_unit)) };
        let place = slot * batch_size + row;
        let after = exact(before.elements[place]) + total * of_row(row);
        losses[place] = near(after.value, after);
    }
    let mut operands = vec![Operand::read(&given), Operand::updated(&before, losses)];
    if has_gradient {
        let drawn = noise(seed, epoch, first, batch_size, units);
        let [inside, past] = [weight * share, 0.0].map(|weight| gradient(&given, &drawn, &of_code, weight));
        let element = |place: usize| {
            let (row, column) = (place / (2 * units), place % (2 * units));
            let twin = if row < rows { inside.at(row, column) } else { past.at(row, column) };
            let Some(unit) = column.checked_sub(units) else {
                return near(twin, exact(of_code.at(row, column)) + of_row(row) * exact(given.at(row, column)));
            };
            if given.at(row, column).abs() > LOG_VARIANCE_LIMIT {
                return Expected::Near { value: 0.0, bound: 0.0 };
            }
            let drawn = normal(word(seed, epoch, first + row as u32, unit));
            let by_draw = exact(of_code.at(row, unit)) * deviation(given.at(row, column)) * drawn;
            near(twin, exact(0.5) * (by_draw + of_row(row) * (exact(given.at(row, column)).exp() - exact(1.0))))
        };
        operands.push(Operand::read(&of_code));
        let elements = (0..2 * units * batch_size).map(element).collect();
        operands.push(Operand::written(batch_size, 2 * units, elements));
    }
    Case {
        shape: format!("{rows} distributions of {units} numbers, {batch_size} rows, weight {weight}, from {first}"),
        call: call(weight, has_gradient, batch_size, units),
        step: Step {
            first_position: first,
            rows: rows as u32,
            epoch,
            loss_slot: slot as u32,
            seed_low: seed as u32,
            seed_high: (seed >> 32) as u32,
            inverse_element_count: share as f32,
            ..Step::default()
        },
        operands,
    }
}
