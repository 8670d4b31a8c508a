//! The first number that is not finite in each workgroup's share of a tensor [rows, columns].

use super::formulas::exact_word;
use super::{Check, Subject};
use crate::kernels::non_finite::{FINDINGS, KERNEL, call, workgroups};
use crate::kernels::step::Step;
use crate::reference::non_finite::non_finite_places;
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::{Problem, TINY};

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::new(case)] };

/// Infinities, and NaNs that are as near to them as there are, and as far.
const NON_FINITE: [u32; 6] = [0x7f80_0000, 0xff80_0000, 0x7f80_0001, 0xff80_0001, 0x7fff_ffff, 0xffff_ffff];

/// Rows of findings.
const TENSORS: usize = 3;

fn case(problem: &Problem) -> Case {
    let Problem { rows, columns, edges, .. } = *problem;
    let count = rows * columns;
    let matrix = problem.matrix(0, rows, columns, [-9.0, 9.0], &[&TINY[..], &[f32::MAX, f32::MIN]].concat());
    let mut words: Vec<u32> = matrix.elements.iter().map(|&element| (element as f32).to_bits()).collect();
    // Mostly a few anywhere; sometimes none, sometimes the last one alone.
    if edges {
        words[count - 1] = NON_FINITE[problem.pick(1, NON_FINITE.len())];
    } else {
        for what in 0..problem.pick(2, 4) as u32 {
            words[problem.pick(3 + what, count)] = NON_FINITE[problem.pick(10 + what, NON_FINITE.len())];
        }
    }
    let row = problem.pick(20, TENSORS);
    let mut found = vec![Expected::Untouched; TENSORS * FINDINGS];
    let shares = &mut found[row * FINDINGS..][..workgroups(count)];
    shares.fill(exact_word(0));
    let of_shares = shares.len();
    for place in non_finite_places(&words) {
        let share = &mut shares[place / 64 % of_shares];
        if *share == exact_word(0) {
            *share = exact_word(place as u32 + 1);
        }
    }
    Case {
        shape: format!("{count} elements, row {row}"),
        call: call(count, row),
        step: Step::default(),
        operands: vec![Operand::read_words(rows, columns, words), Operand::written(TENSORS, FINDINGS, found)],
    }
}
