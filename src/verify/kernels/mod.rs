//! How each kernel is checked: one file for each, with the same stem as the kernel's.
//!
//! A check makes cases out of problems; what they must give comes from `reference/`, and the bound from evaluating the shader's formula
//! with [`Approximate`](super::approximate::Approximate).

mod accumulate;
mod augment;
mod bias_gradient;
mod choose_samples;
mod clip_scale;
mod code_penalty;
mod column_sums;
mod copy;
mod corrupt;
mod count_completion;
mod divergence;
mod draw_code;
mod dropout;
mod formulas;
mod gather;
mod keep_largest;
mod layer_update;
mod loss;
mod matmul;
mod metrics;
mod multiply;
mod multiply_add;
mod networks;
mod non_finite;
mod normalize_by_running_statistics;
mod normalize_columns;
mod normalize_columns_gradient;
mod normalize_rows;
mod normalize_rows_gradient;
mod optimizer;
mod propagate;
mod row_sums;
mod scale_shift;
mod softmax_cross_entropy;
mod square_sums;
mod transpose;
mod update;

use super::case::Case;
use super::problem::Problem;
use crate::gpu::Variant;
use crate::kernels::{Call, Kernel};

/// How one kernel is checked.
pub struct Check {
    pub kernel: &'static Kernel,
    /// One for each variant of the kernel.
    pub subjects: fn() -> Vec<Subject>,
}

/// A variant, and how a problem becomes a case of it.
pub struct Subject {
    pub variant: Variant,
    pub case: Box<dyn Fn(&Problem) -> Case>,
    /// Between how many formulas its parameters choose: as many times more problems are drawn.
    pub choices: usize,
}

impl Subject {
    /// The variant is what `case` calls.
    fn new(case: impl Fn(&Problem) -> Case + 'static) -> Self {
        Self::choosing(1, case)
    }

    /// The same of a variant whose parameters choose between formulas.
    fn choosing(choices: usize, case: impl Fn(&Problem) -> Case + 'static) -> Self {
        let smallest = Problem::of_shape([1, 1, 1], 0);
        Self { variant: case(&smallest).call.variant, case: Box::new(case), choices }
    }
}

/// The call with its row of workgroups folded into up to three rows, as it is where an axis of a dispatch is too short for it.
fn folded_along_y(call: Call, problem: &Problem) -> Call {
    let [x, y, z] = call.workgroups;
    let folds = folds(problem);
    Call { workgroups: [(x * y).div_ceil(folds), folds, z], ..call }
}

/// The same with workgroups along y, which go on along z.
fn folded_along_z(call: Call, problem: &Problem) -> Call {
    let [x, y, z] = call.workgroups;
    let folds = folds(problem);
    Call { workgroups: [x, (y * z).div_ceil(folds), folds], ..call }
}

fn folds(problem: &Problem) -> u32 {
    1 + problem.pick(u32::MAX, 3) as u32
}

/// A check for every kernel of [`crate::kernels::ALL`].
pub static CHECKS: [Check; 39] = [
    accumulate::CHECK,
    augment::CHECK,
    bias_gradient::CHECK,
    choose_samples::CHECK,
    clip_scale::CHECK,
    code_penalty::CHECK,
    column_sums::CHECK,
    copy::CHECK,
    corrupt::CHECK,
    count_completion::CHECK,
    divergence::CHECK,
    draw_code::CHECK,
    dropout::CHECK,
    gather::CHECK,
    keep_largest::CHECK,
    loss::CHECK,
    matmul::DIRECT,
    matmul::SUBGROUP,
    matmul::TILED,
    layer_update::CHECK,
    metrics::CHECK,
    multiply::CHECK,
    multiply_add::CHECK,
    non_finite::CHECK,
    normalize_by_running_statistics::CHECK,
    normalize_columns::CHECK,
    normalize_columns_gradient::CHECK,
    normalize_rows::CHECK,
    normalize_rows_gradient::CHECK,
    optimizer::CHECK,
    propagate::SUBGROUP,
    propagate::WORKGROUP,
    row_sums::CHECK,
    scale_shift::CHECK,
    softmax_cross_entropy::CHECK,
    square_sums::CHECK,
    transpose::CHECK,
    update::SUBGROUP,
    update::WORKGROUP,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels;
    use crate::verify::problem::problems;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_variant_of_every_registered_kernel_is_checked() {
        let registered: BTreeSet<Variant> = kernels::ALL.iter().flat_map(|kernel| (kernel.variants)()).collect();
        let checked: Vec<Variant> =
            CHECKS.iter().flat_map(|check| (check.subjects)()).map(|subject| subject.variant).collect();
        assert_eq!(checked.len(), registered.len(), "a variant is checked twice");
        assert_eq!(checked.into_iter().collect::<BTreeSet<_>>(), registered);
    }

    #[test]
    fn checks_of_one_name_stand_together() {
        let names = crate::verify::check_names();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    }

    #[test]
    fn a_check_is_of_the_kernel_it_names() {
        for check in &CHECKS {
            for subject in (check.subjects)() {
                assert_eq!(subject.variant.shader(), check.kernel.interface.name);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        /// Whatever the problem, a subject's case is one of its own variant.
        #[test]
        fn a_case_is_of_its_subject_s_variant(problem in problems()) {
            for subject in CHECKS.iter().flat_map(|check| (check.subjects)()) {
                prop_assert_eq!((subject.case)(&problem).call.variant, subject.variant);
            }
        }
    }
}
