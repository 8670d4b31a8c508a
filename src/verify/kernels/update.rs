//! The gradients of a network's parameters and their update by an optimizer, from any inputs and gradients of its layers.

use super::formulas::{exact, near, optimized, sum_of_products};
use super::networks::Subject as Net;
use super::optimizer::{settings, step_number};
use super::{Check, Subject, folded_along_y};
use crate::kernels::propagate::Tile;
use crate::kernels::step::Step;
use crate::kernels::update::{self, call};
use crate::reference::{Activation, Matrix, Moments};
use crate::verify::approximate::Approximate;
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::{Problem, TINY};

const SMALLEST_SECOND_MOMENT: f64 = 1.0 / 1_048_576.0;

pub const SUBGROUP: Check = Check { kernel: &update::SUBGROUP, subjects: || subjects(Tile::Subgroup) };

pub const WORKGROUP: Check = Check { kernel: &update::WORKGROUP, subjects: || subjects(Tile::Workgroup) };

fn subjects(tile: Tile) -> Vec<Subject> {
    Moments::ALL.map(|moments| Subject::new(move |problem| case(tile, moments, problem))).into()
}

/// A second moment that a gradient known only nearly cannot turn into one that may be zero: the update divides by its root, and nothing
/// would be known of the quotient. The check of `optimizer` has moments of zero, beside gradients that are known.
pub(super) fn above_zero(second_moment: f64) -> f64 {
    // What lies between the parameters stays NaN.
    second_moment.abs().clamp(SMALLEST_SECOND_MOMENT, f64::INFINITY)
}

fn case(tile: Tile, moments: Moments, problem: &Problem) -> Case {
    let net = Net::of(problem, tile, Activation::Sigmoid);
    let Net { ref network, ref layout, .. } = net;
    let settings = settings(moments, problem);
    let t = step_number(problem);
    let (values, all_values) = net.parameters(problem, 30, [-1.0, 1.0]);
    let (first_moments, all_first_moments) = net.parameters(problem, 40, [-0.1, 0.1]);
    let (second_moments, all_second_moments) = net.parameters(problem, 50, [0.0, 0.01]);
    let second_moments: Vec<_> =
        second_moments.iter().map(|tensors| tensors.each_ref().map(|tensor| tensor.map(above_zero))).collect();
    let all_second_moments = all_second_moments.map(above_zero);

    let mut batch = Matrix::zeros(layout.rows, layout.row);
    let mut expected = [(); 3].map(|()| vec![Expected::Untouched; layout.values]);
    for (index, (layer, placed)) in network.layers().iter().zip(&layout.layers).enumerate() {
        let matrix = |what, columns, range| problem.matrix(what + index as u32, layout.rows, columns, range, &TINY);
        let input = matrix(60, layer.inputs, [-1.0, 1.0]);
        let gradient = matrix(70, layer.outputs, [-0.1, 0.1]);
        net.place(&mut batch.elements, placed.input, layer.inputs, |row, column| input.at(row, column));
        net.place(&mut batch.elements, placed.gradient, layer.outputs, |row, column| gradient.at(row, column));
        let ones = Matrix::from_fn(layout.rows, 1, |_, _| 1.0);
        for (which, (factor, applied)) in [(&input, settings), (&ones, settings.of_biases())].into_iter().enumerate() {
            let sums = factor.transposed().times(&gradient);
            let magnitudes = factor.map(f64::abs).transposed().times(&gradient.map(f64::abs));
            let offset = layout.offsets[2 * index + which];
            for element in 0..sums.elements.len() {
                let g = sum_of_products(sums.elements[element], magnitudes.elements[element], layout.rows);
                let before = [&values, &first_moments, &second_moments]
                    .map(|tensors| exact(tensors[index][which].elements[element]));
                let after: [Approximate; 3] = optimized(applied, t, layer.learning_rate_factor, g, before);
                for (expected, after) in expected.iter_mut().zip(after) {
                    expected[offset + element] = near(after.value, after);
                }
            }
        }
    }
    let [after_values, after_first_moments, after_second_moments] = expected;
    let mut operands = vec![Operand::read(&batch), Operand::updated(&all_values, after_values)];
    operands.extend(moments.first.then(|| Operand::updated(&all_first_moments, after_first_moments)));
    operands.extend(moments.second.then(|| Operand::updated(&all_second_moments, after_second_moments)));
    let widths: Vec<usize> = network.layers().iter().map(|layer| layer.inputs).collect();
    Case {
        shape: format!("{} rows, widths {widths:?}, step {t}, {settings:?}", layout.rows),
        call: folded_along_y(call(tile, &layout.layers, layout.rows, moments), problem),
        step: Step::default().updating(settings.learning_rate, &settings.coefficients(t)),
        operands,
    }
}
