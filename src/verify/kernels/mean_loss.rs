//! The mean of `rows` sample losses, in one of `inner` slots.

use super::formulas::{exact, near};
use super::{Check, Subject};
use crate::kernels::mean_loss::{KERNEL, call};
use crate::kernels::step::Step;
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::new(case)] };

fn case(problem: &Problem) -> Case {
    let Problem { rows, columns, inner: slots, edges, .. } = *problem;
    let beyond = problem.pick(0, 4);
    let slot = problem.pick(1, slots);
    let far: &[f32] = if edges { &[1e30] } else { &[] };
    let sample_losses = problem.matrix(2, rows + beyond, 1, [0.0, 9.0], &[&TINY, far].concat());
    let weight = (1.0 / (rows * columns) as f64) as f32;
    let in_batch = &sample_losses.elements[..rows];
    let total = Approximate::sum(in_batch.iter().map(|&loss| exact(loss)));
    let mut losses = vec![Expected::Untouched; slots];
    losses[slot] = near(in_batch.iter().sum::<f64>() * f64::from(weight), total * exact(f64::from(weight)));
    Case {
        shape: format!("{rows} samples of {columns}, {beyond} beyond them, slot {slot} of {slots}"),
        call: call(),
        step: Step { rows: rows as u32, loss_slot: slot as u32, inverse_element_count: weight, ..Step::default() },
        operands: vec![Operand::read(&sample_losses), Operand::written(slots, 1, losses)],
    }
}
