//! One update by Adam, from any moments. The tensors have rows × columns elements.

use super::formulas::{exact, near, updated_by_adam};
use super::{Check, Subject, folded_along_y};
use crate::kernels::adam::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::{Adam, adam};
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::{Problem, TINY, in_vectors};

pub const CHECK: Check = Check {
    kernel: &KERNEL,
    subjects: || [false, true].map(|vector| Subject::new(move |problem| case(vector, problem))).into(),
};

/// Settings that f32 holds exactly, so that both sides compute from the same.
pub(super) fn settings(problem: &Problem) -> Adam {
    let one_of = |what, values: [f32; 3]| f64::from(values[problem.pick(what, 3)]);
    Adam {
        learning_rate: one_of(4, [1e-3, 0.1, 1e-5]),
        beta1: one_of(5, [0.9, 0.5, 0.0]),
        beta2: one_of(6, [0.999, 0.99, 0.9]),
        epsilon: one_of(7, [1e-7, 1e-8, 1e-3]),
    }
}

/// `vector`: whether the elements are to be a multiple of four.
fn case(vector: bool, problem: &Problem) -> Case {
    let Problem { edges, .. } = *problem;
    let columns = in_vectors(problem.columns, vector);
    // An even number of rows could make a multiple of four.
    let rows = if vector { problem.rows } else { problem.rows | 1 };
    let settings = settings(problem);
    let t = [1, 2, 10, 1000, 1_000_000][problem.pick(8, 5)];
    let (first_scale, second_scale) = settings.moment_scales(t);
    let specials: &[f32] = if edges { &[1e10, -1e10, 1e-20, -1e-20] } else { &[] };
    let specials = [&TINY, specials].concat();
    let matrix = |what, range| problem.matrix(what, rows, columns, range, &specials);
    let gradient = matrix(0, [-0.1, 0.1]);
    let values = matrix(1, [-1.0, 1.0]);
    let first_moment = matrix(2, [-0.1, 0.1]);
    let second_moment = matrix(3, [0.0, 0.01]).map(f64::abs);

    let mut twin = [&values, &first_moment, &second_moment].map(|matrix| matrix.elements.clone());
    let [twin_values, twin_first, twin_second] = &mut twin;
    adam(settings, t, twin_values, &gradient.elements, twin_first, twin_second);
    let computed = (0..values.elements.len()).map(|i| {
        let [g, value, m, v] =
            [&gradient, &values, &first_moment, &second_moment].map(|matrix| exact(matrix.elements[i]));
        updated_by_adam(settings, (first_scale, second_scale), g, [value, m, v])
    });
    let computed: Vec<_> = computed.collect();
    let after = |which: usize| -> Vec<Expected> {
        twin[which].iter().zip(&computed).map(|(&value, computed)| near(value, computed[which])).collect()
    };
    Case {
        shape: format!("{rows} × {columns}, step {t}, {settings:?}"),
        call: folded_along_y(call(rows * columns, settings.beta1, settings.beta2, settings.epsilon), problem),
        step: Step {
            learning_rate: settings.learning_rate as f32,
            first_moment_scale: first_scale as f32,
            second_moment_scale: second_scale as f32,
            ..Step::default()
        },
        operands: vec![
            Operand::read(&gradient),
            Operand::updated(&values, after(0)),
            Operand::updated(&first_moment, after(1)),
            Operand::updated(&second_moment, after(2)),
        ],
    }
}
