//! The sum of the squares of each workgroup's share of a gradient [rows, columns].

use super::formulas::{exact, near};
use super::{Check, Subject};
use crate::kernels::square_sums::{KERNEL, SUMS, call, workgroups};
use crate::kernels::step::Step;
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::new(case)] };

/// Rows of sums.
const TENSORS: usize = 3;

/// 2⁴⁰: larger multiples of the norm count as this.
const MOST_MULTIPLE: f64 = 1_099_511_627_776.0;

fn case(problem: &Problem) -> Case {
    let Problem { rows, columns, edges, .. } = *problem;
    let count = rows * columns;
    let far: &[f32] = if edges { &[f32::MAX, -1e30, 1e15] } else { &[] };
    let gradient = problem.matrix(0, rows, columns, [-2.0, 2.0], &[&TINY, far].concat());
    let norm = f64::from([1.0, 0.1, 5.0, 1e-20, 1e20][problem.pick(1, 5)] as f32);
    let row = problem.pick(2, TENSORS);
    let [largest, inverse] = [MOST_MULTIPLE * norm, 1.0 / norm].map(Approximate::nearest);
    let square = |element: f64| {
        let magnitude = exact(element).abs();
        let multiple = if magnitude.value < largest.value { magnitude } else { largest } * inverse;
        multiple * multiple
    };
    let mut shares = vec![Vec::new(); workgroups(count)];
    for (place, &element) in gradient.elements.iter().enumerate() {
        let of_shares = shares.len();
        shares[place / 64 % of_shares].push(square(element));
    }
    let mut sums = vec![Expected::Untouched; TENSORS * SUMS];
    for (sum, share) in sums[row * SUMS..].iter_mut().zip(shares) {
        let computed = Approximate::sum(share);
        *sum = near(computed.value, computed);
    }
    Case {
        shape: format!("{count} elements, norm {norm:e}, row {row}"),
        call: call(count, row, norm),
        step: Step::default(),
        operands: vec![Operand::read(&gradient), Operand::written(TENSORS, SUMS, sums)],
    }
}
