//! Products [rows, inner] · [inner, columns] in every form and schedule, with everything that may follow them.
//!
//! In a case about edges each row of A picks the first row of B, and there is no bias: the sum is exact, and the activation is seen by
//! itself.

use super::formulas::{activate, exact, near, sum_of_products};
use super::{Check, Subject, folded_along_z};
use crate::gpu::Variant;
use crate::kernels::matmul::{self, Epilogue, Form, Load, Matmul, Schedule, TileSize};
use crate::kernels::step::Step;
use crate::reference::{Activation, Matrix};
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::{Problem, TINY, in_units};
use std::collections::BTreeMap;

pub const DIRECT: Check = Check { kernel: &matmul::DIRECT, subjects: || subjects(Schedule::Direct) };

pub const SUBGROUP: Check = Check { kernel: &matmul::SUBGROUP, subjects: || subjects(Schedule::Subgroup) };

pub const TILED: Check = Check {
    kernel: &matmul::TILED,
    subjects: || TileSize::ALL.into_iter().flat_map(|size| subjects(Schedule::Tiled(size))).collect(),
};

/// Every product that a training takes, with rows that are loaded by one, two and four elements.
fn subjects(schedule: Schedule) -> Vec<Subject> {
    let smallest = Problem::of_shape([1, 1, 1], 0);
    let product = move |problem: &Problem, load, form, epilogue| {
        let Problem { rows, columns, inner, .. } = fitting(problem, schedule, form, load);
        Matmul { form, schedule, epilogue, rows, columns, inner }
    };
    // The parameters of some variants choose between epilogues; all sizes together see each often enough.
    let mut epilogues: BTreeMap<Variant, (Load, Form, Vec<Epilogue>)> = BTreeMap::new();
    for &load in schedule.loads() {
        for (form, epilogue) in matmul::used() {
            let variant = product(&smallest, load, form, epilogue).call().variant;
            epilogues.entry(variant).or_insert((load, form, Vec::new())).2.push(epilogue);
        }
    }
    let subject = |(load, form, epilogues): (Load, Form, Vec<Epilogue>)| {
        Subject::new(move |problem| {
            let epilogue = problem.choose(4, epilogues.iter().copied());
            case(product(problem, load, form, epilogue), problem)
        })
    };
    epilogues.into_values().map(subject).collect()
}

/// The problem with the rows that the schedule loads made whole numbers of what it loads at once.
fn fitting(problem: &Problem, schedule: Schedule, form: Form, load: Load) -> Problem {
    let Problem { rows, columns, inner, .. } = *problem;
    let whole = |length| in_units(length, load.elements());
    match (load, schedule, form) {
        (_, Schedule::Direct, Form::TransposedB) => Problem { inner: whole(inner), ..*problem },
        (Load::Single, ..) | (_, Schedule::Direct, _) => Problem { columns: whole(columns), ..*problem },
        (_, _, Form::TransposedA) => Problem { rows: whole(rows), columns: whole(columns), ..*problem },
        _ => Problem { columns: whole(columns), inner: whole(inner), ..*problem },
    }
}

fn case(product: Matmul, problem: &Problem) -> Case {
    let Matmul { form, rows, columns, inner, epilogue, .. } = product;
    let (a, b, bias) = if problem.edges { unit_factors(&product, problem) } else { factors(&product, problem) };
    let derivatives = problem.matrix(3, rows, columns, [-0.2, 1.2], &[&TINY[..], &[1.0]].concat());
    let products = a.times(&b);
    let magnitudes = a.map(f64::abs).times(&b.map(f64::abs));
    let sum = |value: f64, magnitude: f64| match problem.edges {
        true => exact(value),
        false => sum_of_products(value, magnitude, inner),
    };
    let of_each = |expected: &dyn Fn(f64, f64, usize) -> Expected| -> Vec<Expected> {
        let both = products.elements.iter().zip(&magnitudes.elements).enumerate();
        both.map(|(i, (&product, &magnitude))| expected(product, magnitude, i)).collect()
    };
    let stored_a = if form == Form::TransposedA { a.transposed() } else { a };
    let stored_b = if form == Form::TransposedB { b.transposed() } else { b };
    let mut operands = vec![Operand::read(&stored_a), Operand::read(&stored_b)];
    match epilogue {
        Epilogue::Product => {
            let expected = of_each(&|product, magnitude, _| near(product, sum(product, magnitude)));
            operands.push(Operand::written(rows, columns, expected));
        }
        Epilogue::Layer(activation) => {
            operands.push(Operand::read(&bias));
            let [values, slopes] = [0, 1].map(|which| {
                of_each(&|product, magnitude, i| {
                    let added = bias.at(0, i % columns);
                    let logit = product + added;
                    let computed = activate(activation, sum(logit, magnitude + added.abs()))[which];
                    near([activation.apply(logit), activation.derivative(logit)][which], computed)
                })
            });
            operands.push(Operand::written(rows, columns, values));
            if activation != Activation::Identity {
                operands.push(Operand::written(rows, columns, slopes));
            }
        }
        Epilogue::Backward => {
            let expected = of_each(&|product, magnitude, i| {
                let derivative = derivatives.elements[i];
                near(product * derivative, sum(product, magnitude) * exact(derivative))
            });
            operands.push(Operand::updated(&derivatives, expected));
        }
    }
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
