//! The loss of each sample of a batch [rows, columns], the columns being classes, some rows being past its end, and the gradient of the mean
//! loss.

use super::formulas::{exact, near};
use super::{Check, Subject, folded_along_y};
use crate::kernels::softmax_cross_entropy::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::classification::softmax_cross_entropy;
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::new(case)] };

/// The loss and its derivatives, as the shader computes them.
fn computed(logits: &[f64], label: usize) -> (Approximate, Vec<Approximate>) {
    let largest = exact(logits.iter().copied().fold(f64::NEG_INFINITY, f64::max));
    let below: Vec<Approximate> = logits.iter().map(|&logit| exact(logit) - largest).collect();
    let powers: Vec<Approximate> = below.iter().map(|difference| difference.exp()).collect();
    let sum = Approximate::sum(powers.iter().copied());
    let of_label = |class: usize| exact(if class == label { 1.0 } else { 0.0 });
    let gradient = powers.iter().enumerate().map(|(class, &power)| power / sum - of_label(class)).collect();
    (sum.ln() - below[label], gradient)
}

fn case(problem: &Problem) -> Case {
    let Problem { rows: batch_size, columns: classes, edges, .. } = *problem;
    let rows = 1 + problem.pick(0, batch_size);
    // Exponentials there are infinite, or all of them 0, where nothing is subtracted.
    let far: &[f32] = if edges { &[88.0, -88.0, 89.0, -89.0, 200.0, -200.0, 1e15, -1e15] } else { &[] };
    let logits = problem.matrix(1, batch_size, classes, [-12.0, 12.0], &[&TINY, far].concat());
    let class_weights = problem.matrix(2, 1, classes, [0.0, 3.0], &[0.0, 1.0]);
    let labels: Vec<u32> = (0..batch_size).map(|row| problem.pick(100 + row as u32, classes) as u32).collect();
    let inverse = (1.0 / rows as f64) as f32;

    let mut gradient = Vec::new();
    let (slots, slot) = (3, problem.pick(3, 3));
    let mut sample_losses = vec![Expected::Untouched; slot * batch_size];
    let nothing = Expected::Near { value: 0.0, bound: 0.0 };
    for (row, &label) in labels.iter().enumerate() {
        if row >= rows {
            gradient.extend(vec![nothing; classes]);
            sample_losses.push(nothing);
            continue;
        }
        let label = label as usize;
        let logits: Vec<f64> = (0..classes).map(|class| logits.at(row, class)).collect();
        let weight = exact(class_weights.at(0, label)) * exact(f64::from(inverse));
        let (loss, derivatives) = computed(&logits, label);
        let (twin, twin_gradient) = softmax_cross_entropy(&logits, label);
        let expected = twin_gradient.into_iter().zip(derivatives);
        gradient.extend(expected.map(|(twin, derivative)| near(twin * weight.value, derivative * weight)));
        sample_losses.push(near(twin * weight.value, loss * weight));
    }
    sample_losses.resize(slots * batch_size, Expected::Untouched);
    Case {
        shape: format!("{rows} samples of {classes} classes, {batch_size} rows, slot {slot}"),
        call: folded_along_y(call(batch_size, classes), problem),
        step: Step { rows: rows as u32, loss_slot: slot as u32, inverse_element_count: inverse, ..Step::default() },
        operands: vec![
            Operand::read(&logits),
            Operand::read_words(batch_size, 1, labels),
            Operand::read(&class_weights),
            Operand::written(batch_size, classes, gradient),
            Operand::written(slots, batch_size, sample_losses),
        ],
    }
}
