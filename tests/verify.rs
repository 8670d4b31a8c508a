//! Every check of `diabolo verify` on an adapter, with inputs drawn afresh.

mod support;

use diabolo::gpu::Gpu;
use diabolo::kernels;
use diabolo::verify::{AdapterReport, Coverage, VerifyOptions, check_names, verify};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use support::gpu;

fn verified(gpu: &Gpu, check: &str) -> AdapterReport {
    let seed = RandomState::new().hash_one(check);
    let report = verify(gpu, VerifyOptions { coverage: Coverage::FULL, seed, only: Some(check) }, |_, _, _| ());
    let bad: Vec<_> = report.rows.iter().filter(|row| !row.verdict.is_good()).collect();
    assert!(report.is_good(), "{check}, seed {seed}: {bad:#?} {:?}", report.ended_by);
    report
}

#[test]
fn every_variant_of_every_kernel_that_runs_here_is_right_in_at_least_64_cases() {
    let gpu = gpu();
    let mut cases = 0;
    // A check takes all kernels of its name.
    let mut variants: BTreeMap<&str, usize> = BTreeMap::new();
    for kernel in kernels::ALL {
        let count = if gpu.supports(&kernel.needs) { (kernel.variants)().len() } else { 0 };
        *variants.entry(kernel.interface.name).or_default() += count;
    }
    for (name, variants) in variants {
        let report = verified(&gpu, name);
        assert_eq!(report.rows.len(), variants, "{name}");
        assert!(report.rows.iter().all(|row| row.cases >= 64), "{name}: {:?}", report.rows);
        cases += report.cases();
    }
    assert!(cases >= 2000, "{cases}");
}

#[test]
fn gradients_and_whole_trainings_follow_the_twin() {
    let gpu = gpu();
    let of_kernels: Vec<&str> = kernels::ALL.iter().map(|kernel| kernel.interface.name).collect();
    let of_steps: Vec<&str> = check_names().into_iter().filter(|check| !of_kernels.contains(check)).collect();
    assert_eq!(of_steps, ["gradients", "training", "determinism", "classifier"]);
    for check in of_steps {
        assert!(verified(&gpu, check).cases() > 0, "{check} checks nothing");
    }
}
