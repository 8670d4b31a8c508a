//! Layer normalization of `columns` outputs for the rows of a batch.

use super::formulas::{exact, near};
use super::{Check, Subject};
use crate::kernels::normalize_rows::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::normalization::{EPSILON, inverse_deviations, normalize_rows};
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::new(case)] };

/// What a shader makes of numbers that are normalized together.
pub(super) struct Statistics {
    pub mean: Approximate,
    /// The sum of the squared distances from that.
    pub squares: Approximate,
    /// What each of these distances is multiplied by.
    pub inverse_deviation: Approximate,
}

impl Statistics {
    pub fn of(numbers: &[f64]) -> Self {
        let count = exact(numbers.len() as f64);
        let mean = Approximate::sum(numbers.iter().map(|&x| exact(x))) / count;
        let square = |&x: &f64| {
            let centered = exact(x) - mean;
            centered * centered
        };
        let squares = Approximate::sum(numbers.iter().map(square));
        let inverse_deviation = exact(1.0) / (squares / count + Approximate::nearest(EPSILON)).sqrt();
        Self { mean, squares, inverse_deviation }
    }

    /// A number that is normalized.
    pub fn normalized(&self, x: f64) -> Approximate {
        (exact(x) - self.mean) * self.inverse_deviation
    }
}

fn case(problem: &Problem) -> Case {
    let Problem { rows, columns, .. } = *problem;
    // At the edges rows far from 0, whose squares are much larger than their variance.
    let range = if problem.edges { [50.0, 51.0] } else { [-2.0, 2.0] };
    let values = problem.matrix(0, rows, columns, range, if problem.edges { &[] } else { &TINY });
    let twin = normalize_rows(&values);
    let mut after = Vec::new();
    let mut deviations = Vec::new();
    for (row, inverse) in values.elements.chunks(columns).zip(inverse_deviations(&values)) {
        let statistics = Statistics::of(row);
        deviations.push(near(inverse, statistics.inverse_deviation));
        after.extend(row.iter().map(|&x| statistics.normalized(x)));
    }
    let after = twin.elements.iter().zip(after).map(|(&twin, computed)| near(twin, computed)).collect();
    Case {
        shape: format!("{rows} × {columns}"),
        call: call(rows, columns),
        step: Step::default(),
        operands: vec![Operand::updated(&values, after), Operand::written(rows, 1, deviations)],
    }
}
