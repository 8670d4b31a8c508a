//! Checkpoints on a disk that is full. The operating system refuses this process every byte of a file beyond a limit, so that this is the
//! only test in its program.

#![cfg(unix)]

use diabolo::config::Config;
use diabolo::error::Error;
use diabolo::model::{TrainingState, glorot_uniform};
use diabolo::report::metrics::AdapterIdentity;
use diabolo::train::{Checkpoint, CheckpointMetadata, Checkpoints, TrainingProgress};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::SIGXFSZ;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn checkpoint(step: u64) -> Checkpoint {
    let words = ["network.encoder=[{units=3, activation=\"relu\"}]", "network.decoder=[]"].map(str::to_owned);
    let config = Config::load("dense", &words).unwrap();
    let network = config.network(30);
    let metadata = CheckpointMetadata {
        version: "0.1.0".into(),
        adapter: AdapterIdentity { name: "none".into(), backend: "none".into(), driver: "none".into() },
        plan: "fused, subgroup".into(),
        step,
        progress: TrainingProgress { epochs: 3, steps: 4, loss_sum: 1.0 / 3.0, seconds: 0.1 },
        best: None,
        rollbacks: 0,
        training_images: 1,
        data_sha256: String::new(),
        wall_seconds: 1.0,
    };
    let state = TrainingState::initial(&glorot_uniform(&network, step), config.optimizer.algorithm.moments());
    Checkpoint { config, network, metadata, state }
}

#[test]
fn a_write_that_fails_at_any_64th_byte_leaves_the_checkpoint_before_and_names_the_cause() {
    // Without a handler, the first refusal would end the process.
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::new(folder.path());
    let (before, next) = (checkpoint(10), checkpoint(20));
    checkpoints.write(&before, true).unwrap();
    let size = next.to_bytes().unwrap().len();
    assert!(size > 2048, "{size}");
    let names = || {
        let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let names_before = names();
    let unlimited = getrlimit(Resource::Fsize);
    let refusals = [("best.safetensors", true), ("step-000000000020.safetensors", false)];
    for (limit, (file, is_best)) in (0..size).step_by(64).flat_map(|limit| refusals.map(|refusal| (limit, refusal))) {
        setrlimit(Resource::Fsize, Rlimit { current: Some(limit as u64), ..unlimited }).unwrap();
        let written = checkpoints.write(&next, is_best);
        setrlimit(Resource::Fsize, unlimited).unwrap();
        let error = written.unwrap_err();
        let message = error.to_string();
        assert!(matches!(error, Error::Report(_)) && error.exit_code() == 5);
        assert!(message.contains(&format!("{file}: File too large")), "{message}");
        assert!(
            message.ends_with("; raise the limit of the size of files, or write to another file system"),
            "{message}"
        );
        assert_eq!(names(), names_before, "after {limit} bytes");
        assert_eq!(checkpoints.newest().unwrap().unwrap(), before, "after {limit} bytes");
        assert_eq!(Checkpoint::load(&checkpoints.best()).unwrap(), before, "after {limit} bytes");
    }
    checkpoints.write(&next, true).unwrap();
    assert_eq!(checkpoints.newest().unwrap().unwrap(), next);
}
