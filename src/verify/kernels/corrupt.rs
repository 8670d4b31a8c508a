//! A batch of `rows` rows of `columns` numbers with noise, the last rows now and then past the end of the batch.

use super::formulas::{corrupted, exact, near};
use super::gather::corruption;
use super::{Check, Subject};
use crate::kernels::corrupt::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::Noise;
use crate::reference::corruption::word;
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::choosing(Noise::ALL.len() - 1, case)] };

fn case(problem: &Problem) -> Case {
    let Problem { rows: batch_size, columns, .. } = *problem;
    let rows = 1 + problem.pick(2, batch_size);
    let (epoch, first) = (problem.pick(1, 1000) as u32, problem.pick(14, 100_000));
    let corruption = corruption(problem, 1);
    let batch = problem.matrix(0, batch_size, columns, [-2.0, 2.0], &TINY);
    let element = |(index, &value): (usize, &f64)| {
        let (row, column) = (index / columns, index % columns);
        if row >= rows {
            return Expected::Near { value: 0.0, bound: 0.0 };
        }
        let word = word(problem.seed, epoch, (first + row) as u32, column);
        near(corruption.apply(word, value), corrupted(corruption, word, exact(value)))
    };
    let expected = batch.elements.iter().enumerate().map(element).collect();
    Case {
        shape: format!("{rows} of {batch_size} rows of {columns}, epoch {epoch}, {corruption:?}"),
        call: call(corruption, batch_size, columns),
        step: Step {
            first_position: first as u32,
            rows: rows as u32,
            epoch,
            seed_low: problem.seed as u32,
            seed_high: (problem.seed >> 32) as u32,
            ..Step::default()
        },
        operands: vec![Operand::read(&batch), Operand::written(batch_size, columns, expected)],
    }
}
