//! Products [rows, inner] · [inner, columns] in every form, schedule and activation.
//!
//! In a case about edges each row of A picks the first row of B, and there is no bias: the sum is exact, and the activation is seen by
//! itself.

use super::formulas::{activate, exact, near};
use super::{Check, Subject, folded_along_z};
use crate::kernels::matmul::{self, Form, Matmul, Schedule};
use crate::kernels::step::Step;
use crate::reference::{Activation, Matrix};
use crate::verify::approximate::{Approximate, ROUNDING, SMALLEST_NORMAL};
use crate::verify::case::{Case, Operand};
use crate::verify::problem::{Problem, TINY};

pub const DIRECT: Check = Check {
    kernel: &matmul::DIRECT,
    subjects: || [false, true].into_iter().flat_map(|vector| subjects(Schedule::Direct, Some(vector))).collect(),
};

pub const SUBGROUP: Check = Check {
    kernel: &matmul::SUBGROUP,
    subjects: || [false, true].into_iter().flat_map(|vector| subjects(Schedule::Subgroup, Some(vector))).collect(),
};

pub const TILED: Check = Check { kernel: &matmul::TILED, subjects: || subjects(Schedule::Tiled, None) };

/// What a layer's output and the two gradients take, as `kernels/matmul.rs` registers them. `vector`: whether rows of B are to be whole
/// vec4s, where the schedule makes a difference there.
fn subjects(schedule: Schedule, vector: Option<bool>) -> Vec<Subject> {
    let of_layer = Activation::ALL.map(|activation| (Form::Plain, activation, true));
    let of_gradient = Form::ALL.map(|form| (form, Activation::Identity, false));
    let subject = |(form, activation, bias)| {
        Subject::new(move |problem| {
            let Problem { rows, columns, inner, .. } = fitting(problem, schedule, form, vector);
            let product = Matmul { form, schedule, activation, bias, rows, columns, inner };
            case(product, problem)
        })
    };
    of_layer.into_iter().chain(of_gradient).map(subject).collect()
}

/// The problem with the rows that the schedule loads by vec4 made whole ones or not.
fn fitting(problem: &Problem, schedule: Schedule, form: Form, vector: Option<bool>) -> Problem {
    let Problem { rows, columns, inner, .. } = *problem;
    let whole = |length: usize| length.next_multiple_of(4);
    let broken = |length: usize| if length.is_multiple_of(4) { length + 1 } else { length };
    match (vector, schedule, form) {
        (None, ..) => *problem,
        (Some(true), Schedule::Subgroup, Form::TransposedA) => {
            Problem { rows: whole(rows), columns: whole(columns), ..*problem }
        }
        (Some(true), Schedule::Subgroup, _) => Problem { columns: whole(columns), inner: whole(inner), ..*problem },
        (Some(true), _, Form::TransposedB) => Problem { inner: whole(inner), ..*problem },
        (Some(true), ..) => Problem { columns: whole(columns), ..*problem },
        (Some(false), _, Form::TransposedB) => Problem { inner: broken(inner), ..*problem },
        (Some(false), ..) => Problem { columns: broken(columns), ..*problem },
    }
}

fn case(product: Matmul, problem: &Problem) -> Case {
    let Matmul { form, rows, columns, inner, activation, bias, .. } = product;
    let (a, b, bias_row) = if problem.edges { unit_factors(&product, problem) } else { factors(&product, problem) };
    let added = |column: usize| if bias { bias_row.at(0, column) } else { 0.0 };
    let sums = a.times(&b);
    let magnitudes = a.map(f64::abs).times(&b.map(f64::abs));
    let expected = (0..rows * columns).map(|i| {
        let (row, column) = (i / columns, i % columns);
        let sum = sums.at(row, column) + added(column);
        let logit = if problem.edges {
            exact(sum)
        } else {
            // (K + 8)·2⁻²⁴·(|A|·|B|): each of K products and sums is rounded once (Higham, section 3.1). What is subnormal may be lost.
            let roundings = (inner as f64 + 8.0) * ROUNDING * (magnitudes.at(row, column) + added(column).abs());
            Approximate { value: sum, error: roundings + 4.0 * (inner as f64 + 1.0) * SMALLEST_NORMAL }
        };
        near(activation.apply(sum), activate(activation, logit))
    });
    let expected = expected.collect();
    let stored_a = if form == Form::TransposedA { a.transposed() } else { a };
    let stored_b = if form == Form::TransposedB { b.transposed() } else { b };
    let mut operands = vec![Operand::read(&stored_a), Operand::read(&stored_b)];
    if bias {
        operands.push(Operand::read(&bias_row));
    }
    operands.push(Operand::written(rows, columns, expected));
    Case {
        shape: format!("rows {rows}, columns {columns}, inner {inner}"),
        call: folded_along_z(product.call(), problem),
        step: Step::default(),
        operands,
    }
}

/// A, B and the bias of ordinary numbers.
fn factors(product: &Matmul, problem: &Problem) -> (Matrix, Matrix, Matrix) {
    let matrix = |what, rows, columns| problem.matrix(what, rows, columns, [-1.0, 1.0], &TINY);
    let Matmul { rows, columns, inner, .. } = *product;
    (matrix(0, rows, inner), matrix(1, inner, columns), matrix(2, 1, columns))
}

/// A of ones in its first column and zeros elsewhere, B of numbers that activations find hard, and no bias.
fn unit_factors(product: &Matmul, problem: &Problem) -> (Matrix, Matrix, Matrix) {
    const FAR: [f32; 16] =
        [0.5, -0.5, 0.01, -0.01, 10.0, -10.0, 88.0, -88.0, 89.0, -89.0, 1e4, -1e4, 1e-30, -1e-30, 1e30, -1e30];
    let Matmul { rows, columns, inner, .. } = *product;
    let a = Matrix::from_fn(rows, inner, |_, k| f64::from(k == 0));
    let b = problem.matrix(1, inner, columns, [-20.0, 20.0], &[&TINY[..], &FAR].concat());
    (a, b, Matrix::zeros(1, columns))
}
