//! Dropout of `columns` outputs of a layer for the rows of a batch.

use super::formulas::{exact, near};
use super::{Check, Subject};
use crate::kernels::dropout::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::Matrix;
use crate::reference::dropout::{mask, scale};
use crate::reference::training::BatchPlace;
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check {
    kernel: &KERNEL,
    subjects: || [false, true].map(|masks| Subject::new(move |problem| case(masks, problem))).into(),
};

fn case(masks: bool, problem: &Problem) -> Case {
    let Problem { rows, columns, seed, .. } = *problem;
    let (epoch, first_position) = (problem.pick(2, 1000) as u32, problem.pick(3, 100_000) as u32);
    let (layer, share) = (problem.pick(4, 9), problem.choose(5, [0.0, 0.2, 0.5, 0.999]));
    let values = problem.matrix(0, rows, columns, [-2.0, 2.0], &TINY);
    let derivative = problem.matrix(1, rows, columns, [-2.0, 2.0], &TINY);
    let mask = mask(BatchPlace { seed, epoch, first_position }, layer, share, rows, columns);
    let after = |matrix: &Matrix| -> Vec<Expected> {
        let factors = matrix.elements.iter().zip(&mask.elements);
        let after = factors.map(|(&value, &factor)| match factor {
            0.0 => Expected::Near { value: 0.0, bound: 0.0 },
            _ => near(value * factor, exact(value) * Approximate::nearest(scale(share))),
        });
        after.collect()
    };
    let ones = derivative.map(|_| 1.0);
    let derivative = match masks {
        true => Operand::written(rows, columns, after(&ones)),
        false => Operand::updated(&derivative, after(&derivative)),
    };
    Case {
        shape: format!("{rows} × {columns} of layer {layer}, a share of {share}, epoch {epoch}, from {first_position}"),
        call: call(layer, share, masks, rows, columns),
        step: Step {
            first_position,
            rows: rows as u32,
            epoch,
            seed_low: seed as u32,
            seed_high: (seed >> 32) as u32,
            ..Step::default()
        },
        operands: vec![Operand::updated(&values, after(&values)), derivative],
    }
}
