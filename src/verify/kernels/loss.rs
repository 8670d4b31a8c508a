//! The loss of each sample of a batch [rows, columns], some rows of which may be past its end, and the gradient of the mean loss.

use super::formulas::{exact, loss_and_derivative, near};
use super::{Check, Subject};
use crate::kernels::loss::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::Loss;
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::{Problem, TINY, in_vectors};

pub const CHECK: Check = Check {
    kernel: &KERNEL,
    subjects: || {
        let choices = Loss::with_outputs().count();
        let subject =
            |(is_weighted, vector)| Subject::choosing(choices, move |problem| case(is_weighted, vector, problem));
        [(false, false), (false, true), (true, false), (true, true)].map(subject).into()
    },
};

/// `vector`: whether rows are to be whole vec4s.
fn case(is_weighted: bool, vector: bool, problem: &Problem) -> Case {
    let (loss, output) = problem.choose(4, Loss::with_outputs());
    let Problem { rows: batch_size, edges, .. } = *problem;
    let columns = in_vectors(problem.columns, vector);
    let rows = 1 + problem.pick(0, batch_size);
    // Sigmoids there are exactly 0 or 1, and naive formulas are infinite or NaN.
    let far: &[f32] = if edges { &[88.0, -88.0, 89.0, -89.0, 200.0, -200.0, 1e15, -1e15] } else { &[] };
    let logits = problem.matrix(1, batch_size, columns, [-12.0, 12.0], &[&TINY, far].concat());
    let targets = problem.matrix(2, batch_size, columns, [0.0, 1.0], &[0.0, 1.0, 0.5]);
    let weight = (1.0 / (rows * columns) as f64) as f32;
    let weights = problem.matrix(5, batch_size, 1, [0.0, 3.0], &[0.0, 1.0]);

    let element = |row: usize, column: usize| {
        let (z, t) = (logits.at(row, column), targets.at(row, column));
        (loss_and_derivative(loss, output, exact(z), exact(t)), loss.value(output, z, t), loss.gradient(output, z, t))
    };
    let mut gradient = Vec::new();
    let (slots, slot) = (3, problem.pick(3, 3));
    let mut sample_losses = vec![Expected::Untouched; slot * batch_size];
    for row in 0..batch_size {
        if row >= rows {
            gradient.extend(vec![Expected::Near { value: 0.0, bound: 0.0 }; columns]);
            sample_losses.push(Expected::Near { value: 0.0, bound: 0.0 });
            continue;
        }
        let elements: Vec<_> = (0..columns).map(|column| element(row, column)).collect();
        let (weight, of_sample) = (f64::from(weight), weights.at(row, 0));
        let (weight, approximate) = match is_weighted {
            true => (weight * of_sample, exact(weight) * exact(of_sample)),
            false => (weight, exact(weight)),
        };
        gradient.extend(elements.iter().map(|&([_, computed], _, twin)| near(twin * weight, computed * approximate)));
        let total = Approximate::sum(elements.iter().map(|&([computed, _], ..)| computed));
        let twin: f64 = elements.iter().map(|&(_, twin, _)| twin).sum();
        sample_losses.push(near(twin * weight, total * approximate));
    }
    sample_losses.resize(slots * batch_size, Expected::Untouched);
    Case {
        shape: format!("{loss}, {} output, {rows} samples of {columns}, {batch_size} rows, slot {slot}", output.name()),
        call: call(loss, output, is_weighted, batch_size, columns),
        step: Step { rows: rows as u32, loss_slot: slot as u32, inverse_element_count: weight, ..Step::default() },
        operands: [
            Operand::read(&logits),
            Operand::read(&targets),
            Operand::written(batch_size, columns, gradient),
            Operand::written(slots, batch_size, sample_losses),
        ]
        .into_iter()
        .chain(is_weighted.then(|| Operand::read(&weights)))
        .collect(),
    }
}
