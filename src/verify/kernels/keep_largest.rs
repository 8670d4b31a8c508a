//! The largest numbers of each row of a matrix [rows, columns].

use super::{Check, Subject};
use crate::kernels::keep_largest::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::Matrix;
use crate::reference::code::threshold;
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::Problem;

pub const CHECK: Check = Check {
    kernel: &KERNEL,
    subjects: || [false, true].map(|masks| Subject::new(move |problem| case(masks, problem))).into(),
};

fn case(masks: bool, problem: &Problem) -> Case {
    let Problem { rows, columns, edges, .. } = *problem;
    // Some of which are equal; but none is subnormal, which an adapter may take for zero.
    let far: &[f32] = if edges { &[f32::MAX, f32::MIN, f32::MIN_POSITIVE, -f32::MIN_POSITIVE] } else { &[] };
    let values = problem.matrix(0, rows, columns, [-1.0, 1.0], &[&[0.0, -0.0, 0.5, -0.5], far].concat());
    let derivative = problem.matrix(1, rows, columns, [-1.0, 1.0], &[]);
    let active = 1 + problem.pick(2, columns);
    let thresholds: Vec<f64> = values.elements.chunks(columns).map(|row| threshold(row, active)).collect();
    let after = |matrix: &Matrix| -> Vec<Expected> {
        let stays = |index: usize| values.elements[index] >= thresholds[index / columns];
        let value = |(index, &value): (usize, &f64)| if stays(index) { value } else { 0.0 };
        let elements = matrix.elements.iter().enumerate().map(value);
        elements.map(|value| Expected::Near { value, bound: 0.0 }).collect()
    };
    let ones = derivative.map(|_| 1.0);
    let derivative = match masks {
        true => Operand::written(rows, columns, after(&ones)),
        false => Operand::updated(&derivative, after(&derivative)),
    };
    Case {
        shape: format!("{rows} × {columns}, {active} active"),
        call: call(active, masks, rows, columns),
        step: Step::default(),
        operands: vec![Operand::updated(&values, after(&values)), derivative],
    }
}
