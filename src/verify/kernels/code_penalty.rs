//! The penalty of each code of a batch [rows, columns], some rows of which may be past its end.

use super::formulas::{exact, near};
use super::{Check, Subject};
use crate::kernels::code_penalty::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::code::{CONTRACTIBLE, bend};
use crate::reference::{Activation, CLAMP, CodeSettings, Matrix};
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::Problem;

pub const CHECK: Check = Check {
    kernel: &KERNEL,
    subjects: || {
        [false, true].map(|has_derivative| Subject::choosing(4, move |problem| case(has_derivative, problem))).into()
    },
};

fn case(has_derivative: bool, problem: &Problem) -> Case {
    let Problem { rows: batch_size, columns, edges, .. } = *problem;
    let activation = match has_derivative {
        true => problem.choose(0, CONTRACTIBLE.into_iter().chain([Activation::Gelu])),
        false => Activation::Identity,
    };
    let one_of = |what, weights: [f32; 3]| f64::from(weights[problem.pick(what, 3)]);
    let settings = CodeSettings {
        l1: one_of(1, [0.0, 0.5, 3.0]),
        kl: one_of(2, [0.0, 1.0, 10.0]),
        target_activity: one_of(3, [0.05, 0.5, 0.001]),
        contractive: one_of(4, [0.0, 0.1, 2.0]),
        ..CodeSettings::NONE
    };
    let rows = 1 + problem.pick(5, batch_size);
    let code = problem.matrix(6, batch_size, columns, [-1.0, 1.0], &[0.0, 1.0, -1.0]);
    let derivative = problem.matrix(7, batch_size, columns, [0.0, 1.0], &[0.0, 1.0]);
    // Units that are never active, or always.
    let extremes: &[f32] = if edges { &[0.0, 1.0, 1e-10] } else { &[] };
    let activity = problem.matrix(8, 1, columns, [0.0, 1.0], extremes);
    let norms = problem.matrix(9, 1, columns, [0.0, 4.0], &[0.0]);
    let statistics = Matrix { rows: 2, columns, elements: [activity.elements, norms.elements].concat() };
    let (slots, slot) = (3, problem.pick(10, 3));
    let before = problem.matrix(11, slots, batch_size, [0.0, 0.01], &[]);
    let weight = exact(f64::from((1.0 / (rows * columns) as f64) as f32));

    let element = |row: usize, column: usize| -> [Approximate; 2] {
        let h = exact(code.at(row, column));
        let d = if has_derivative { exact(derivative.at(row, column)) } else { exact(1.0) };
        let [l1, kl, contractive] = [settings.l1, settings.kl, settings.contractive].map(exact);
        let norm = exact(statistics.at(1, column));
        let [divergence, slope] = divergence(&settings, statistics.at(0, column));
        let contraction = contractive * d * norm;
        let bent = match activation {
            Activation::Sigmoid => exact(1.0) - h.doubled(),
            Activation::Tanh => -h.doubled(),
            _ => exact(bend(activation, h.value)),
        };
        let sign = exact(if h.value == 0.0 { 0.0 } else { h.value.signum() });
        [
            l1 * h.abs() + kl * divergence + contraction * d,
            (l1 * sign + kl * slope + contraction.doubled() * bent) * d * weight,
        ]
    };
    let mut gradient = Vec::new();
    let mut losses = vec![Expected::Untouched; slots * batch_size];
    for row in 0..batch_size {
        let place = slot * batch_size + row;
        if row >= rows {
            gradient.extend(vec![Expected::Near { value: 0.0, bound: 0.0 }; columns]);
            losses[place] = Expected::Near { value: before.elements[place], bound: 0.0 };
            continue;
        }
        let elements: Vec<_> = (0..columns).map(|column| element(row, column)).collect();
        gradient.extend(elements.iter().map(|[_, computed]| near(computed.value, *computed)));
        let total = Approximate::sum(elements.iter().map(|[penalty, _]| *penalty));
        let after = exact(before.elements[place]) + total * weight;
        losses[place] = near(after.value, after);
    }
    let mut operands = vec![
        Operand::read(&code),
        Operand::read(&statistics),
        Operand::written(batch_size, columns, gradient),
        Operand::updated(&before, losses),
    ];
    operands.extend(has_derivative.then(|| Operand::read(&derivative)));
    Case {
        shape: format!("{rows} codes of {columns} {}, {batch_size} rows, {settings:?}", activation.name()),
        call: call(&settings, activation, has_derivative, batch_size, columns),
        step: Step {
            rows: rows as u32,
            loss_slot: slot as u32,
            inverse_element_count: weight.value as f32,
            ..Step::default()
        },
        operands,
    }
}

/// The divergence of a mean activity from its target and its derivative, as the shader computes them.
fn divergence(settings: &CodeSettings, activity: f64) -> [Approximate; 2] {
    let (target, one) = (settings.target_activity, exact(1.0));
    let (wanted, mean) = (exact(target), exact(activity).clamp(CLAMP, 1.0 - CLAMP));
    let entropy = Approximate::nearest(target * target.ln() + (1.0 - target) * (1.0 - target).ln());
    let value = entropy - wanted * mean.ln() - (one - wanted) * (one - mean).ln();
    let slope = (one - wanted) / (one - mean) - wanted / mean;
    let twin = settings.divergence(activity);
    [Approximate { value: twin.0, ..value }, Approximate { value: twin.1, ..slope }]
}
