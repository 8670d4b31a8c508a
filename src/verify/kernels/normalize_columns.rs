//! Batch normalization of `columns` outputs for the rows of a batch, some of which may hold no sample.

use super::formulas::{exact, near};
use super::normalize_rows::Statistics;
use super::{Check, Subject, folded_along_y};
use crate::kernels::normalize_columns::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::Matrix;
use crate::reference::normalization::{MOMENTUM, RunningStatistics, column_inverse_deviations, normalize_columns};
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::new(case)] };

fn case(problem: &Problem) -> Case {
    let Problem { rows, columns, .. } = *problem;
    // At the edges columns far from 0, whose squares are much larger than their variance.
    let range = if problem.edges { [50.0, 51.0] } else { [-2.0, 2.0] };
    let values = problem.matrix(0, rows, columns, range, if problem.edges { &[] } else { &TINY });
    let means = problem.matrix(1, 1, columns, [-2.0, 2.0], &TINY);
    let variances = problem.matrix(2, 1, columns, [0.0, 3.0], &[0.0]);
    // A batch of one sample now and then.
    let of_batch = if problem.pick(3, 4) == 0 { 1 } else { 1 + problem.pick(4, rows) };
    let batch = Matrix::from_fn(of_batch, columns, |row, column| values.at(row, column));
    let twin = normalize_columns(&batch);
    let deviations = column_inverse_deviations(&batch);
    let mut running = RunningStatistics { means: means.elements.clone(), variances: variances.elements.clone() };
    running.observe(&batch);
    let columns_of_batch = batch.transposed();
    let statistics: Vec<Statistics> = columns_of_batch.elements.chunks(of_batch).map(Statistics::of).collect();
    let after = (0..rows * columns).map(|place| {
        let (row, column) = (place / columns, place % columns);
        match row < of_batch {
            true => near(twin.at(row, column), statistics[column].normalized(batch.at(row, column))),
            false => Expected::Near { value: 0.0, bound: 0.0 },
        }
    });
    let share = |before: f64, of_batch: Approximate| {
        Approximate::nearest(1.0 - MOMENTUM) * exact(before) + Approximate::nearest(MOMENTUM) * of_batch
    };
    let moved = |before: &Matrix, twin: &[f64], of_batch: &dyn Fn(&Statistics) -> Approximate| -> Vec<Expected> {
        let expected = before.elements.iter().zip(twin).zip(&statistics);
        expected.map(|((&before, &twin), statistics)| near(twin, share(before, of_batch(statistics)))).collect()
    };
    let (means_after, variances_after) = if of_batch > 1 {
        let variance = |of: &Statistics| of.squares / exact((of_batch - 1) as f64);
        (moved(&means, &running.means, &|of| of.mean), moved(&variances, &running.variances, &variance))
    } else {
        (vec![Expected::Untouched; columns], vec![Expected::Untouched; columns])
    };
    let inverse = deviations.iter().zip(&statistics).map(|(&twin, of)| near(twin, of.inverse_deviation));
    Case {
        shape: format!("{rows} × {columns}, {of_batch} of the batch"),
        call: folded_along_y(call(rows, columns), problem),
        step: Step { rows: of_batch as u32, ..Step::default() },
        operands: vec![
            Operand::updated(&values, after.collect()),
            Operand::written(1, columns, inverse.collect()),
            Operand::updated(&means, means_after),
            Operand::updated(&variances, variances_after),
        ],
    }
}
