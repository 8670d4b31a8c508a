//! The errors of each sample of a batch [rows, columns], at its place among all samples.

use super::formulas::{activate, binary_cross_entropy, clamped_cross_entropy, exact, near};
use super::{Check, Subject};
use crate::kernels::metrics::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::{self, Activation};
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::choosing(Activation::ALL.len(), case)] };

/// One element's cross-entropy and squared error, as the shader computes them.
fn computed(output: Activation, z: f64, t: f64) -> [Approximate; 2] {
    let (z, t) = (exact(z), exact(t));
    let [y, _] = activate(output, z);
    let cross_entropy = match output {
        Activation::Sigmoid => binary_cross_entropy(z, t),
        _ => clamped_cross_entropy(y, t),
    };
    [cross_entropy, (y - t) * (y - t)]
}

/// The same in f64.
fn twin(output: Activation, z: f64, t: f64) -> [f64; 2] {
    let y = output.apply(z);
    let cross_entropy = match output {
        Activation::Sigmoid => reference::binary_cross_entropy(z, t),
        _ => reference::clamped_cross_entropy(y, t),
    };
    [cross_entropy, (y - t) * (y - t)]
}

fn case(problem: &Problem) -> Case {
    let output = problem.choose(5, Activation::ALL);
    let Problem { rows: batch_size, columns, edges, .. } = *problem;
    let rows = 1 + problem.pick(0, batch_size);
    let first = problem.pick(1, 5);
    let samples = first + rows + problem.pick(2, 3);
    let far: &[f32] = if edges { &[20.0, -20.0, 88.0, -88.0, 1e15, -1e15] } else { &[] };
    let logits = problem.matrix(3, batch_size, columns, [-3.0, 3.0], &[&TINY, far].concat());
    let targets = problem.matrix(4, batch_size, columns, [0.0, 1.0], &[0.0, 1.0, 0.5]);
    let mut metrics = vec![Expected::Untouched; 2 * samples];
    for row in 0..rows {
        let pairs = || (0..columns).map(|column| (logits.at(row, column), targets.at(row, column)));
        for which in 0..2 {
            let total = Approximate::sum(pairs().map(|(z, t)| computed(output, z, t)[which]));
            let value = pairs().map(|(z, t)| twin(output, z, t)[which]).sum();
            metrics[2 * (first + row) + which] = near(value, total);
        }
    }
    Case {
        shape: format!(
            "{} output, {rows} samples of {columns} from {first} of {samples}, {batch_size} rows",
            output.name()
        ),
        call: call(output, batch_size, columns),
        step: Step { first_sample: first as u32, rows: rows as u32, ..Step::default() },
        operands: vec![Operand::read(&logits), Operand::read(&targets), Operand::written(samples, 2, metrics)],
    }
}
