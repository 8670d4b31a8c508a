//! The samples of a batch of `rows` rows out of `inner` samples, and their classes, of which there are up to `columns`.
//!
//! Random words and what is drawn by them are the twin's bit for bit.

use super::formulas::exact_word;
use super::gather::step;
use super::{Check, Subject, folded_along_y};
use crate::kernels::choose_samples::{KERNEL, call};
use crate::reference::balance::Balance;
use crate::reference::shuffle::Shuffle;
use crate::verify::case::{Case, Operand};
use crate::verify::problem::Problem;

pub const CHECK: Check = Check {
    kernel: &KERNEL,
    subjects: || [false, true].map(|is_balanced| Subject::new(move |problem| case(is_balanced, problem))).into(),
};

fn case(is_balanced: bool, problem: &Problem) -> Case {
    let Problem { rows: batch_size, columns: classes, edges, seed, .. } = *problem;
    let sample_count = if edges { problem.inner * 37 } else { problem.inner };
    // Some classes may have no sample, and some very few.
    let class =
        |sample: usize| problem.pick(1000 + sample as u32, classes).min(problem.pick(2000 + sample as u32, classes));
    let labels: Vec<u32> = (0..sample_count).map(|sample| class(sample) as u32).collect();
    let first = problem.pick(0, sample_count);
    let rows = 1 + problem.pick(1, batch_size.min(sample_count - first));
    let epoch = problem.pick(2, 1000) as u32;
    let balance = Balance::new(&labels);
    let shuffle = Shuffle::new(sample_count as u32, seed, epoch);
    let sample_at = |row: usize| {
        let position = (first + row) as u32;
        if is_balanced { balance.sample_at(seed, epoch, position) } else { shuffle.sample_at(position) }
    };
    let samples: Vec<u32> = (0..batch_size).map(|row| if row < rows { sample_at(row) } else { 0 }).collect();
    let label = |(row, &sample): (usize, &u32)| if row < rows { labels[sample as usize] } else { 0 };
    let batch_labels = samples.iter().enumerate().map(label).map(exact_word).collect();
    let chosen = samples.iter().copied().map(exact_word).collect();
    let classes = is_balanced.then(|| balance.classes());
    let words = balance.words();
    let members = is_balanced.then(|| Operand::read_words(1, words.len(), words));
    let operands = [Operand::read_words(sample_count, 1, labels)].into_iter().chain(members);
    let written = [Operand::written(batch_size, 1, chosen), Operand::written(batch_size, 1, batch_labels)];
    Case {
        shape: format!("{rows} samples from {first} of {sample_count}, {batch_size} rows, epoch {epoch}"),
        call: folded_along_y(call(batch_size, sample_count, classes), problem),
        step: step(seed, epoch, 0, first, rows),
        operands: operands.chain(written).collect(),
    }
}
