//! The gradients of one layer's parameters and their update, from any input and gradient: rows are those of a batch, columns the layer's
//! outputs, and inner its inputs.

use super::formulas::{exact, near, optimized, sum_of_products};
use super::optimizer::{rate_factor, settings, step_number};
use super::update::above_zero;
use super::{Check, Subject, folded_along_z};
use crate::kernels::matmul::TileSize;
use crate::kernels::matmul::update::{KERNEL, LayerUpdate};
use crate::kernels::step::Step;
use crate::reference::{Matrix, Moments};
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::{Problem, TINY, in_vectors};

pub const CHECK: Check = Check {
    kernel: &KERNEL,
    subjects: || {
        let subject = |size, moments, vector| Subject::new(move |problem| case(size, moments, vector, problem));
        let of =
            |size| Moments::ALL.into_iter().flat_map(move |m| [false, true].map(|vector| subject(size, m, vector)));
        TileSize::ALL.into_iter().flat_map(of).collect()
    },
};

fn case(size: TileSize, moments: Moments, vector: bool, problem: &Problem) -> Case {
    let (inputs, outputs) = (in_vectors(problem.inner, vector), in_vectors(problem.columns, true));
    // Where rows are no whole vec4s, either the inputs' or the outputs' are none.
    let outputs = if vector || problem.pick(60, 2) == 0 { outputs } else { outputs + 1 };
    let batch_size = problem.rows;
    let settings = settings(moments, problem);
    let (t, rate_factor) = (step_number(problem), rate_factor(problem));
    let bias = (inputs * outputs).next_multiple_of(4) + 4 * problem.pick(61, 3);
    let input = problem.matrix(62, batch_size, inputs, [-1.0, 1.0], &TINY);
    let gradient = problem.matrix(63, batch_size, outputs, [-0.1, 0.1], &TINY);
    // What is between the weight and the bias is no number.
    let is_between = |i: usize| (inputs * outputs..bias).contains(&i);
    let tensor = |what, range| {
        let numbers = problem.matrix(what, 1, bias + outputs, range, &TINY);
        Matrix::from_fn(1, bias + outputs, |_, i| if is_between(i) { f64::NAN } else { numbers.at(0, i) })
    };
    let values = tensor(64, [-1.0, 1.0]);
    let first_moments = tensor(65, [-0.1, 0.1]);
    let second_moments = tensor(66, [0.0, 0.01]).map(above_zero);

    // The input that is always 1 gives the bias its gradient.
    let inputs_and_one =
        Matrix::from_fn(batch_size, inputs + 1, |row, i| if i < inputs { input.at(row, i) } else { 1.0 });
    let sums = inputs_and_one.transposed().times(&gradient);
    let magnitudes = inputs_and_one.map(f64::abs).transposed().times(&gradient.map(f64::abs));
    let mut expected = [(); 3].map(|()| vec![Expected::Untouched; bias + outputs]);
    for element in 0..sums.elements.len() {
        let is_bias = element >= inputs * outputs;
        let place = if is_bias { bias + element - inputs * outputs } else { element };
        let applied = if is_bias { settings.of_biases() } else { settings };
        let g = sum_of_products(sums.elements[element], magnitudes.elements[element], batch_size);
        let before = [&values, &first_moments, &second_moments].map(|tensor| exact(tensor.elements[place]));
        for (expected, after) in expected.iter_mut().zip(optimized(applied, t, rate_factor, g, before)) {
            expected[place] = near(after.value, after);
        }
    }
    let [after_values, after_first_moments, after_second_moments] = expected;
    let mut operands = vec![Operand::read(&input), Operand::read(&gradient), Operand::updated(&values, after_values)];
    operands.extend(moments.first.then(|| Operand::updated(&first_moments, after_first_moments)));
    operands.extend(moments.second.then(|| Operand::updated(&second_moments, after_second_moments)));
    let update = LayerUpdate { inputs, outputs, batch_size, bias, rate_factor };
    Case {
        shape: format!("{update:?}, step {t}, {settings:?}"),
        call: folded_along_z(update.call(size, moments), problem),
        step: Step::default().updating(settings.learning_rate, &settings.coefficients(t)),
        operands,
    }
}
