//! A gradient goes back through an activation. The tensors have rows × columns elements.

use super::formulas::{activation_derivative, exact, near};
use super::{Check, Subject, folded_along_y};
use crate::kernels::activation_backward::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::Activation;
use crate::verify::case::{Case, Operand};
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check {
    kernel: &KERNEL,
    subjects: || {
        let inner = Activation::ALL.into_iter().filter(|&activation| activation != Activation::Identity);
        inner.map(|activation| Subject::new(move |problem| case(activation, problem))).collect()
    },
};

fn case(activation: Activation, problem: &Problem) -> Case {
    let Problem { rows, columns, edges, .. } = *problem;
    // What the activation can give.
    let (range, ends): (_, &[f32]) = match activation {
        Activation::Identity => ([-2.0, 2.0], &[]),
        Activation::Relu => ([0.0, 2.0], &[1e30]),
        Activation::Sigmoid => ([0.0, 1.0], &[1.0]),
        Activation::Tanh => ([-1.0, 1.0], &[1.0, -1.0]),
    };
    let not_negative: &[f32] = &[0.0, 1e-40, f32::MIN_POSITIVE];
    let tiny = if activation == Activation::Tanh { &TINY } else { not_negative };
    let output = problem.matrix(0, rows, columns, range, &[tiny, ends].concat());
    let far: &[f32] = if edges { &[1e30, -1e30, 88.0, -88.0] } else { &[] };
    let gradient = problem.matrix(1, rows, columns, [-1.0, 1.0], &[&TINY, far].concat());
    let twin = gradient.zip(&output, |g, y| g * activation.derivative(y));
    let computed = |g: f64, y: f64| exact(g) * activation_derivative(activation, exact(y));
    let pairs = gradient.elements.iter().zip(&output.elements);
    let after = pairs.zip(&twin.elements).map(|((&g, &y), &value)| near(value, computed(g, y)));
    Case {
        shape: format!("{rows} × {columns}"),
        call: folded_along_y(call(activation, rows * columns), problem),
        step: Step::default(),
        operands: vec![Operand::read(&output), Operand::updated(&gradient, after.collect())],
    }
}
