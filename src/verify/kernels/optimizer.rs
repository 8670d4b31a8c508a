//! One update by an optimizer, from any moments. The tensors have rows × columns elements.

use super::formulas::{exact, near, optimized};
use super::{Check, Subject, folded_along_y};
use crate::kernels::optimizer::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::{Algorithm, Matrix, Moments, Optimizer};
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::{Problem, TINY, in_vectors};

pub const CHECK: Check = Check {
    kernel: &KERNEL,
    subjects: || {
        let subject =
            |moments, clips, vector| Subject::choosing(2, move |problem| case(moments, clips, vector, problem));
        let of_moments = |moments| {
            [(false, false), (false, true), (true, false), (true, true)]
                .map(|(clips, vector)| subject(moments, clips, vector))
        };
        Moments::ALL.into_iter().flat_map(of_moments).collect()
    },
};

/// An optimizer that keeps these moments, with settings that f32 holds exactly, so that both sides compute from the same.
pub(super) fn settings(moments: Moments, problem: &Problem) -> Optimizer {
    let one_of = |what, values: [f32; 3]| f64::from(values[problem.pick(what, 3)]);
    let algorithms = Algorithm::ALL.into_iter().filter(|algorithm| algorithm.moments() == moments);
    Optimizer {
        algorithm: problem.choose(10, algorithms),
        learning_rate: one_of(4, [1e-3, 0.1, 1e-5]),
        momentum: one_of(11, [0.9, 0.5, 0.0]),
        decay: one_of(12, [0.9, 0.99, 0.5]),
        beta1: one_of(5, [0.9, 0.5, 0.0]),
        beta2: one_of(6, [0.999, 0.99, 0.9]),
        epsilon: one_of(7, [1e-7, 1e-8, 1e-3]),
        weight_decay: one_of(13, [0.0, 1e-2, 0.5]),
        max_gradient_norm: 0.0,
    }
}

/// A layer's factor of the learning rate.
pub(super) fn rate_factor(problem: &Problem) -> f64 {
    problem.choose(15, [1.0, 0.125, 0.0, 3.0])
}

/// A step that a training may be at.
pub(super) fn step_number(problem: &Problem) -> u64 {
    [1, 2, 10, 1000, 1_000_000][problem.pick(8, 5)]
}

/// `vector`: whether the elements are to be a multiple of four.
fn case(moments: Moments, clips: bool, vector: bool, problem: &Problem) -> Case {
    let Problem { edges, .. } = *problem;
    let columns = in_vectors(problem.columns, vector);
    // An even number of rows could make a multiple of four.
    let rows = if vector { problem.rows } else { problem.rows | 1 };
    let settings = settings(moments, problem);
    let is_weight = problem.pick(9, 2) == 0;
    let applied = if is_weight { settings } else { settings.of_biases() };
    let (t, rate_factor) = (step_number(problem), rate_factor(problem));
    let specials: &[f32] = if edges { &[1e10, -1e10, 1e-20, -1e-20] } else { &[] };
    let specials = [&TINY, specials].concat();
    let matrix = |what, range| problem.matrix(what, rows, columns, range, &specials);
    let gradient = matrix(0, [-0.1, 0.1]);
    let values = matrix(1, [-1.0, 1.0]);
    let first_moment = matrix(2, [-0.1, 0.1]);
    let second_moment = matrix(3, [0.0, 0.01]).map(f64::abs);
    let scale = if clips { problem.matrix(14, 1, 1, [0.0, 1.0], &[1.0]) } else { Matrix::from_fn(1, 1, |_, _| 1.0) };
    let clipped = gradient.map(|g| g * scale.at(0, 0));

    let mut twin = [&values, &first_moment, &second_moment].map(|matrix| matrix.elements.clone());
    let [twin_values, twin_first, twin_second] = &mut twin;
    let rate = rate_factor * settings.learning_rate;
    applied.update(t, rate, twin_values, &clipped.elements, twin_first, twin_second);
    let computed = (0..values.elements.len()).map(|i| {
        let [g, value, m, v] =
            [&gradient, &values, &first_moment, &second_moment].map(|matrix| exact(matrix.elements[i]));
        let g = if clips { g * exact(scale.at(0, 0)) } else { g };
        optimized(applied, t, rate_factor, g, [value, m, v])
    });
    let computed: Vec<_> = computed.collect();
    let after = |which: usize| -> Vec<Expected> {
        twin[which].iter().zip(&computed).map(|(&value, computed)| near(value, computed[which])).collect()
    };
    let mut operands = vec![Operand::read(&gradient), Operand::updated(&values, after(0))];
    operands.extend(moments.first.then(|| Operand::updated(&first_moment, after(1))));
    operands.extend(moments.second.then(|| Operand::updated(&second_moment, after(2))));
    operands.extend(clips.then(|| Operand::read(&scale)));
    Case {
        shape: format!("{rows} × {columns}, step {t}, rate times {rate_factor}, {applied:?}"),
        call: folded_along_y(call(moments, clips, rows * columns, is_weight, rate_factor), problem),
        step: Step::default().updating(settings.learning_rate, &settings.coefficients(t)),
        operands,
    }
}
