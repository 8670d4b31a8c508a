//! A batch through a whole network and back: every input, loss and gradient on the way.

use super::formulas::{corrupted, exact, loss_and_derivative, near};
use super::gather::corruption;
use super::networks::{Computed, Subject as Net};
use super::{Check, Subject};
use crate::kernels::gather::{Order, pack, words_per_sample};
use crate::kernels::propagate::{self, Tile, Work, call};
use crate::kernels::step::Step;
use crate::reference::Loss;
use crate::reference::corruption::word;
use crate::reference::shuffle::Shuffle;
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::Problem;

pub const SUBGROUP: Check = Check { kernel: &propagate::SUBGROUP, subjects: || subjects(Tile::Subgroup) };

pub const WORKGROUP: Check = Check { kernel: &propagate::WORKGROUP, subjects: || subjects(Tile::Workgroup) };

fn subjects(tile: Tile) -> Vec<Subject> {
    vec![Subject::choosing(2 * Loss::ALL.len(), move |problem| case(tile, problem))]
}

fn case(tile: Tile, problem: &Problem) -> Case {
    let (loss, output) = problem.choose(17, Loss::with_outputs());
    let net = Net::of(problem, tile, output);
    let corruption = corruption(problem, 0);
    let net = if corruption.is_none() { net } else { Net { layout: net.layout.with_targets_apart(), ..net } };
    let Net { ref network, ref layout, rows } = net;
    // Logits so far out that sigmoids are exactly 0 or 1.
    let range = if problem.edges { [-9.0, 9.0] } else { [-0.5, 0.5] };
    let (parameters, values) = net.parameters(problem, 30, range);
    let pixels = network.pixels();
    let before = problem.pick(26, 10);
    let sample_count = before + rows + problem.pick(27, 10);
    let byte = |sample: usize, pixel: usize| ((sample * 31 + pixel * 37 + sample * pixel) % 256) as u8;
    let bytes: Vec<u8> = (0..sample_count * pixels).map(|i| byte(i / pixels, i % pixels)).collect();
    let epoch = problem.pick(28, 1000) as u32;
    let order = Order::ALL[problem.pick(29, 2)];
    let shuffle = Shuffle::new(sample_count as u32, problem.seed, epoch);
    let sample_at = |position: usize| match order {
        Order::Stored => position,
        Order::Shuffled => shuffle.sample_at(position as u32) as usize,
    };
    let weight = (1.0 / (rows * pixels) as f64) as f32;

    let batch = Computed::from_fn(layout.rows, pixels, |row, pixel| {
        let is_sample = row < rows;
        let value = if is_sample { f64::from(byte(sample_at(before + row), pixel)) } else { 0.0 };
        Approximate { value: value / 255.0, ..exact(value) * Approximate::nearest(1.0 / 255.0) }
    });
    let first_position = before + problem.pick(18, 1000);
    let input = Computed::from_fn(layout.rows, pixels, |row, pixel| {
        let word = word(problem.seed, epoch, (first_position + row) as u32, pixel);
        if row < rows { corrupted(corruption, word, batch.at(row, pixel)) } else { batch.at(row, pixel) }
    });
    let (mut inputs, mut derivatives) = (vec![input], Vec::new());
    let mut logits = inputs[0].logits(&parameters[0]);
    for (layer, parameters) in network.layers().iter().zip(&parameters[1..]) {
        let [input, derivative] = logits.activated(layer.activation);
        logits = input.logits(parameters);
        inputs.push(input);
        derivatives.push(derivative);
    }
    let element = |row: usize, column: usize| {
        let [value, derivative] = loss_and_derivative(loss, output, logits.at(row, column), batch.at(row, column));
        let weight = exact(if row < rows { f64::from(weight) } else { 0.0 });
        [value * weight, derivative * weight]
    };
    let (slots, slot) = (3, problem.pick(19, 3));
    let mut sample_losses = vec![Expected::Untouched; slots * layout.rows];
    for row in 0..layout.rows {
        let total = Approximate::sum((0..pixels).map(|column| element(row, column)[0]));
        sample_losses[slot * layout.rows + row] = near(total.value, total);
    }
    let mut gradients = vec![Computed::from_fn(layout.rows, pixels, |row, column| element(row, column)[1])];
    for (derivative, [weight, _]) in derivatives.iter().zip(&parameters[1..]).rev() {
        let behind = &gradients[gradients.len() - 1];
        gradients.push(behind.behind(weight, derivative));
    }
    gradients.reverse();
    let mut expected = vec![Expected::Untouched; layout.rows * layout.row];
    net.place(&mut expected, layout.targets, pixels, |row, pixel| {
        let computed = batch.at(row, pixel);
        near(computed.value, computed)
    });
    for ((placed, input), gradient) in layout.layers.iter().zip(&inputs).zip(&gradients) {
        for (first_quad, matrix) in [(placed.input, input), (placed.gradient, gradient)] {
            net.place(&mut expected, first_quad, matrix.columns, |row, column| {
                let computed = matrix.at(row, column);
                near(computed.value, computed)
            });
        }
    }
    let widths: Vec<usize> = network.layers().iter().map(|layer| layer.inputs).collect();
    Case {
        shape: format!(
            "{loss}, {} output, {rows} samples of {sample_count} in {} rows, widths {widths:?}, {order:?}, {corruption:?}",
            output.name(),
            layout.rows
        ),
        call: call(
            tile,
            Work { loss, order, corruption, targets: layout.targets },
            &layout.layers,
            layout.rows,
            sample_count,
        ),
        step: Step {
            first_sample: before as u32,
            first_position: first_position as u32,
            rows: rows as u32,
            epoch,
            loss_slot: slot as u32,
            seed_low: problem.seed as u32,
            seed_high: (problem.seed >> 32) as u32,
            inverse_element_count: weight,
            ..Step::default()
        },
        operands: vec![
            Operand::read_words(sample_count, words_per_sample(pixels), pack(&bytes, pixels)),
            Operand::read(&values),
            Operand::written(layout.rows, layout.row, expected),
            Operand::written(slots, layout.rows, sample_losses),
        ],
    }
}
