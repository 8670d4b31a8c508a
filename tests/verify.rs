//! Every check of `diabolo verify` on an adapter, with inputs drawn afresh.

mod support;

use diabolo::verify::{AdapterReport, Effort, Plan, check_names, verify};
use std::hash::{BuildHasher, RandomState};
use support::gpu;

/// Checks of whole steps; all others are of a kernel.
const OF_STEPS: [&str; 3] = ["gradients", "training", "determinism"];

fn verified(check: &str) -> AdapterReport {
    let seed = RandomState::new().hash_one(check);
    let report = verify(&gpu(), Plan { effort: Effort::FULL, seed, only: Some(check) }, |_, _, _| ());
    let bad: Vec<_> = report.rows.iter().filter(|row| !row.verdict.is_good()).collect();
    assert!(report.is_good(), "{check}, seed {seed}: {bad:#?} {:?}", report.ended_by);
    assert!(!report.rows.is_empty(), "{check} checks nothing");
    report
}

#[test]
fn every_variant_of_every_kernel_is_right_in_at_least_64_cases() {
    let mut cases = 0;
    for check in check_names().into_iter().filter(|check| !OF_STEPS.contains(check)) {
        let report = verified(check);
        assert!(report.rows.iter().all(|row| row.cases >= 64), "{check}: {:?}", report.rows);
        cases += report.cases();
    }
    assert!(cases >= 2000, "{cases}");
}

#[test]
fn gradients_and_whole_trainings_follow_the_twin() {
    for check in OF_STEPS {
        verified(check);
    }
}
