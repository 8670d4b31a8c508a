//! A batch of `rows` samples of `columns` pixels out of `inner` samples, now and then past the end of an epoch.
//!
//! The first bytes of a sample are its number, so that a wrong sample shows: the order that the shader computes, and the random words
//! behind it, are the twin's bit for bit.

use super::formulas::{corrupted, exact, near};
use super::{Check, Subject};
use crate::kernels::gather::{KERNEL, Order, call, call_chosen, pack, words_per_sample};
use crate::kernels::step::Step;
use crate::reference::corruption::word;
use crate::reference::shuffle::Shuffle;
use crate::reference::{Corruption, Noise};
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::{Problem, in_vectors};

pub const CHECK: Check = Check {
    kernel: &KERNEL,
    subjects: || {
        let subject = |order, vector| Subject::new(move |problem| case(order, Corruption::NONE, vector, problem));
        let corrupting = |order, vector| {
            Subject::choosing(Noise::ALL.len() - 1, move |problem| case(order, corruption(problem, 1), vector, problem))
        };
        let both = |(order, vector)| [subject(order, vector), corrupting(order, vector)];
        let computed =
            [false, true].into_iter().flat_map(|vector| Order::ALL.map(|order| (order, vector))).flat_map(both);
        let chosen = [false, true].into_iter().flat_map(|vector| {
            let corrupting = Subject::choosing(Noise::ALL.len() - 1, move |problem| {
                case_chosen(corruption(problem, 1), vector, problem)
            });
            [Subject::new(move |problem| case_chosen(Corruption::NONE, vector, problem)), corrupting]
        });
        computed.chain(chosen).collect()
    },
};

/// Any corruption, but the `skipped` first of them.
pub(super) fn corruption(problem: &Problem, skipped: usize) -> Corruption {
    let amount = [0.25, 0.5, 1.0][problem.pick(15, 3)];
    Corruption { noise: problem.choose(16, Noise::ALL.into_iter().skip(skipped)), amount }
}

/// `vector`: whether rows are to be whole vec4s.
fn case(order: Order, corruption: Corruption, vector: bool, problem: &Problem) -> Case {
    let Problem { rows: batch_size, edges, .. } = *problem;
    // Every size of a set must be permuted rightly; larger ones take more bits of the random words.
    let sample_count = if edges { [problem.inner * 37, 60_000, 65_537][problem.pick(3, 3)] } else { problem.inner };
    // In a large set, too, a sample is to show its whole number.
    let pixels = if edges { problem.columns.max(4) } else { problem.columns };
    let pixels = in_vectors(pixels, vector);
    let first = problem.pick(0, sample_count);
    // A batch may have fewer samples than rows, as the last one of an epoch has.
    let most = batch_size.min(sample_count - first);
    let rows = if edges { 1 + problem.pick(2, most) } else { most };
    let epoch = problem.pick(1, 1000) as u32;
    let byte = |sample: usize, pixel: usize| match pixel {
        0..4 => (sample as u32).to_le_bytes()[pixel],
        _ => ((sample * 31 + pixel * 37) % 251) as u8,
    };
    let bytes: Vec<u8> = (0..sample_count * pixels).map(|i| byte(i / pixels, i % pixels)).collect();
    let shuffle = Shuffle::new(sample_count as u32, problem.seed, epoch);
    let sample_at = |position: usize| match order {
        Order::Stored => position,
        Order::Shuffled => shuffle.sample_at(position as u32) as usize,
    };
    let before = problem.pick(14, 1000);
    let row_of_batch = |row: usize, corruption: Corruption| -> Vec<Expected> {
        if row >= rows {
            return vec![Expected::Near { value: 0.0, bound: 0.0 }; pixels];
        }
        let sample = sample_at(first + row);
        let pixel = |pixel: usize| {
            let word = word(problem.seed, epoch, (before + first + row) as u32, pixel);
            gathered(byte(sample, pixel), corruption, word)
        };
        (0..pixels).map(pixel).collect()
    };
    let matrix = |corruption| (0..batch_size).flat_map(|row| row_of_batch(row, corruption)).collect();
    Case {
        shape: format!(
            "{rows} samples of {pixels} pixels from {first} of {sample_count}, {batch_size} rows, epoch {epoch}, {corruption:?}"
        ),
        call: call(order, corruption, batch_size, sample_count, pixels),
        // A stream has the samples before it no longer.
        step: step(problem.seed, epoch, first, before + first, rows),
        operands: operands(batch_size, pixels, &bytes, corruption, matrix),
    }
}

/// The samples that another tensor lists, in no order and some of them twice.
fn case_chosen(corruption: Corruption, vector: bool, problem: &Problem) -> Case {
    let Problem { rows: batch_size, inner: sample_count, .. } = *problem;
    let pixels = in_vectors(problem.columns, vector);
    let rows = 1 + problem.pick(2, batch_size);
    let chosen: Vec<u32> = (0..batch_size).map(|row| problem.pick(100 + row as u32, sample_count) as u32).collect();
    let byte = |sample: usize, pixel: usize| ((sample * 31 + pixel * 37) % 251) as u8;
    let bytes: Vec<u8> = (0..sample_count * pixels).map(|i| byte(i / pixels, i % pixels)).collect();
    let (epoch, before) = (problem.pick(1, 1000) as u32, problem.pick(14, 1000));
    let element = |row: usize, pixel: usize, corruption: Corruption| {
        if row >= rows {
            return Expected::Near { value: 0.0, bound: 0.0 };
        }
        let word = word(problem.seed, epoch, (before + row) as u32, pixel);
        gathered(byte(chosen[row] as usize, pixel), corruption, word)
    };
    let matrix = |corruption| (0..batch_size * pixels).map(|i| element(i / pixels, i % pixels, corruption)).collect();
    let mut operands = operands(batch_size, pixels, &bytes, corruption, matrix);
    operands.push(Operand::read_words(batch_size, 1, chosen.clone()));
    Case {
        shape: format!(
            "{rows} chosen samples of {pixels} pixels out of {sample_count}, {batch_size} rows, {corruption:?}"
        ),
        call: call_chosen(corruption, batch_size, sample_count, pixels),
        step: step(problem.seed, epoch, 0, before, rows),
        operands,
    }
}

/// What becomes of a byte under noise by this word.
fn gathered(byte: u8, corruption: Corruption, word: u32) -> Expected {
    let value = f64::from(byte);
    // 1/255 is rounded once, the product once more; a neighboring gray is off by 30,000 times as much.
    let computed = exact(value) * Approximate::nearest(1.0 / 255.0);
    let seen = corrupted(corruption, word, Approximate { value: value / 255.0, ..computed });
    near(corruption.apply(word, value / 255.0), seen)
}

/// The bytes of all samples, and the batch that is gathered of them: without noise, and with it if there is any.
fn operands(
    batch_size: usize,
    pixels: usize,
    bytes: &[u8],
    corruption: Corruption,
    batch: impl Fn(Corruption) -> Vec<Expected>,
) -> Vec<Operand> {
    let samples = Operand::read_words(bytes.len() / pixels, words_per_sample(pixels), pack(bytes, pixels));
    let mut operands = vec![samples, Operand::written(batch_size, pixels, batch(Corruption::NONE))];
    if !corruption.is_none() {
        operands.push(Operand::written(batch_size, pixels, batch(corruption)));
    }
    operands
}

/// A step that draws a batch's samples.
pub(super) fn step(seed: u64, epoch: u32, first_sample: usize, first_position: usize, rows: usize) -> Step {
    Step {
        first_sample: first_sample as u32,
        first_position: first_position as u32,
        rows: rows as u32,
        epoch,
        seed_low: seed as u32,
        seed_high: (seed >> 32) as u32,
        ..Step::default()
    }
}
