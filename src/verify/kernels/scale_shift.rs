//! Scale, shift and activation of what was normalized, [rows, columns].

use super::formulas::{activate, exact, near};
use super::{Check, Subject, folded_along_y};
use crate::kernels::scale_shift::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::Activation;
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check {
    kernel: &KERNEL,
    subjects: || {
        let curved = Activation::ALL.into_iter().filter(|&activation| activation != Activation::Identity).count();
        vec![
            Subject::new(|problem| case(Activation::Identity, problem)),
            Subject::choosing(curved, |problem| {
                let curved = Activation::ALL.into_iter().filter(|&activation| activation != Activation::Identity);
                case(problem.choose(4, curved), problem)
            }),
        ]
    },
};

fn case(activation: Activation, problem: &Problem) -> Case {
    let Problem { rows, columns, .. } = *problem;
    let normalized = problem.matrix(0, rows, columns, [-3.0, 3.0], &TINY);
    let scale = problem.matrix(1, 1, columns, [-2.0, 2.0], &TINY);
    let shift = problem.matrix(2, 1, columns, [-2.0, 2.0], &TINY);
    let [values, slopes] = [0, 1].map(|which| -> Vec<Expected> {
        let expected = normalized.elements.iter().enumerate().map(|(i, &x)| {
            let (a, b) = (scale.at(0, i % columns), shift.at(0, i % columns));
            let logit = x * a + b;
            let computed = activate(activation, exact(x) * exact(a) + exact(b))[which];
            near([activation.apply(logit), activation.derivative(logit)][which], computed)
        });
        expected.collect()
    });
    let mut operands = vec![Operand::read(&normalized), Operand::read(&scale), Operand::read(&shift)];
    operands.push(Operand::written(rows, columns, values));
    if activation != Activation::Identity {
        operands.push(Operand::written(rows, columns, slopes));
    }
    Case {
        shape: format!("{rows} × {columns}, {}", activation.name()),
        call: folded_along_y(call(activation, rows, columns), problem),
        step: Step::default(),
        operands,
    }
}
