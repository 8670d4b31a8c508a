//! What gradients are multiplied by to be clipped, from rows × columns sums of squares.

use super::formulas::{exact, near};
use super::{Check, Subject};
use crate::kernels::clip_scale::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::clipping::clip_scale;
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::new(case)] };

fn case(problem: &Problem) -> Case {
    let Problem { rows, columns, edges, .. } = *problem;
    let count = rows * columns;
    // The norm is below what it may be, about that, and above it.
    let most = [0.5, 2.0, 100.0][problem.pick(1, 3)] / count as f32;
    let far: &[f32] = if edges { &[1e30] } else { &[] };
    let sums = problem.matrix(0, rows, columns, [0.0, most], &[&TINY[..4], far].concat()).map(f64::abs);
    let square = Approximate::sum(sums.elements.iter().map(|&sum| exact(sum)));
    let clipped = exact(1.0) / square.clamp(1.0, f64::INFINITY).sqrt();
    let is_surely_short = square.value + square.error <= 1.0;
    let scale = if is_surely_short { exact(1.0) } else { clipped };
    Case {
        shape: format!("{count} sums of {:e} in all", square.value),
        call: call(count),
        step: Step::default(),
        operands: vec![
            Operand::read(&sums),
            Operand::written(1, 1, vec![near(clip_scale(square.value.sqrt(), 1.0), scale)]),
        ],
    }
}
