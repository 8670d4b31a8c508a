//! A count of passes that becomes one more.

use super::formulas::exact_word;
use super::{Check, Subject};
use crate::kernels::count_completion::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::Matrix;
use crate::verify::case::{Case, Operand};
use crate::verify::problem::Problem;

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::new(case)] };

/// The bits of the largest finite number: as numbers, counts are brought there and back.
const LARGEST: usize = 0x7f7f_ffff;

fn case(problem: &Problem) -> Case {
    let count = problem.pick(1, LARGEST) as u32;
    let before = Matrix::from_fn(1, 1, |_, _| f64::from(f32::from_bits(count)));
    Case {
        shape: format!("{count} passes"),
        call: call(),
        step: Step::default(),
        operands: vec![Operand::updated(&before, vec![exact_word(count + 1)])],
    }
}
