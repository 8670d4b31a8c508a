//! What a training meets that it cannot help: numbers that are not finite, a device that is lost or hangs. It ends within seconds and with the
//! documented exit code, or goes on, and what it had is kept.

mod support;

use diabolo::config::Config;
use diabolo::data::{Dataset, ImageShape, Images};
use diabolo::error::Error;
use diabolo::gpu::{Gpu, GpuError, Interface, Tensor, Variant};
use diabolo::kernels;
use diabolo::model::{TrainingState, glorot_uniform};
use diabolo::program::Plan;
use diabolo::reference::Moments;
use diabolo::report::progress::Verbosity;
use diabolo::train::{Checkpoint, Destination, OnDivergence, RunDirectory, RunOptions, Trainer, run};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use support::{diabolo, gpu};

static NEVER: AtomicBool = AtomicBool::new(false);

/// What it remembers.
const ADAM: Moments = Moments { first: true, second: true };

fn dataset() -> Dataset {
    let shape = ImageShape { height: 4, width: 4, channels: 1 };
    let images =
        |count: usize| Images::new(shape, (0..count * 16).map(|i| (i * i % 251) as u8).collect(), None).unwrap();
    Dataset::new("some", images(900), images(100)).unwrap()
}

fn config(words: &[&str]) -> Config {
    let small = ["training.batch_size=10", "network.encoder=[{units=8, activation=\"tanh\"}]", "network.decoder=[]"];
    let words: Vec<String> = small.iter().chain(words).map(|&word| word.to_owned()).collect();
    let config = Config::load("dense", &words).unwrap();
    config.validate().unwrap();
    config
}

fn train(gpu: &Gpu, config: &Config, path: &Path, on_divergence: OnDivergence) -> Result<RunDirectory, Error> {
    let options = RunOptions { verbosity: Verbosity::Quiet, on_divergence, plan: None, stop: &NEVER };
    run(gpu, config, &dataset(), &Destination::Named(path.to_owned()), options)
}

/// In every plan: a single number in one tensor, whichever it is, is found within the submission and named.
#[test]
fn a_number_that_is_not_finite_is_named_with_its_tensor_step_and_learning_rate() {
    let (gpu, dataset) = (gpu(), dataset());
    let network = config(&[]).network(16);
    let initial = TrainingState::initial(&glorot_uniform(&network, 1), ADAM);
    // A gradient that is clipped must not hide what is not finite in it.
    let clips = [config(&[]), config(&["optimizer.max_gradient_norm=0.1"])];
    let all = clips.iter().flat_map(|config| {
        let plans = Plan::available(&gpu, &network, 10, &config.additions());
        plans.into_iter().map(move |plan| (config, plan))
    });
    for (config, plan) in all {
        for (place, (name, _)) in TrainingState::names(&network, ADAM).into_iter().enumerate() {
            for bits in [f32::NAN.to_bits(), f32::INFINITY.to_bits(), 0xff80_0001] {
                let mut values = initial.values();
                let mut at = 0;
                let poisoned = TrainingState::build(&network, ADAM, |_, _| {
                    let mut values = values.next().unwrap().to_vec();
                    if at == place {
                        *values.last_mut().unwrap() = f32::from_bits(bits);
                    }
                    at += 1;
                    Ok::<_, ()>(values)
                });
                let mut trainer =
                    Trainer::with_plan(&gpu, config, dataset.train(), initial.parameters(), plan).unwrap();
                trainer.restore(&poisoned.unwrap()).unwrap();
                let error = trainer.train_epoch(0, |_| ()).unwrap_err();
                assert_eq!(error.exit_code(), 3);
                let message = error.to_string();
                assert!(message.contains("with learning rate 0.001"), "{message}");
                let Error::Diverged { step, what, .. } = error else { panic!("{message}") };
                // The first submission has one step.
                assert_eq!(step, 1, "{message}");
                // A parameter spoils others at once; a moment spoils its own parameter.
                let parameter = name.trim_end_matches(".first_moment").trim_end_matches(".second_moment");
                let is_moment = parameter != name;
                assert!(what.contains(" is not finite"), "{}, {name}: {message}", plan.name());
                assert!(!is_moment || what.contains(parameter), "{}, {name}: {message}", plan.name());
            }
        }
    }
}

/// Training goes on from a checkpoint into which a NaN was put.
#[test]
fn a_poisoned_weight_ends_the_program_with_its_code_and_keeps_the_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let row = |image: usize| (0..16).map(|i| (image * i * 37 % 256).to_string()).collect::<Vec<_>>().join(",") + "\n";
    fs::write(folder.path().join("data.csv"), (0..300).map(row).collect::<String>()).unwrap();
    let train = |more: &[&str]| {
        let mut command = diabolo();
        command.current_dir(&folder);
        command.args(["train", "--quiet", "--data", "data.csv", "--batch", "10", "--out", "run"]).args(more);
        command
    };
    train(&["--epochs", "2"]).assert().success();
    let checkpoints = folder.path().join("run/checkpoint");
    let newest = checkpoints.join("step-000000000054.safetensors");
    let mut checkpoint = Checkpoint::load(&newest).unwrap();
    let mut first = true;
    let mut values = checkpoint.state.values();
    let poisoned = TrainingState::build(&checkpoint.network, ADAM, |_, _| {
        let mut values = values.next().unwrap().to_vec();
        if std::mem::take(&mut first) {
            values[0] = f32::NAN;
        }
        Ok::<_, ()>(values)
    });
    drop(values);
    checkpoint.state = poisoned.unwrap();
    fs::write(&newest, checkpoint.to_bytes().unwrap()).unwrap();
    let began = Instant::now();
    let failed = train(&["--resume", "--epochs", "4"]).assert().failure().code(3);
    assert!(began.elapsed() < Duration::from_secs(10));
    let message = String::from_utf8(failed.get_output().stderr.clone()).unwrap();
    for part in ["encoder.0.weight is not finite", "at step 55 (epoch 3)", "learning rate 0.001"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(Checkpoint::load(&checkpoints.join("step-000000000027.safetensors")).is_ok());
}

/// Adam's steps are as large as the learning rate: there is one from which on numbers overflow within an epoch.
#[test]
fn a_diverged_training_goes_back_and_on_more_slowly_if_that_is_wanted() {
    let gpu = gpu();
    let folder = tempfile::tempdir().unwrap();
    let with_rate = |exponent: i32| {
        let rate = format!("optimizer.learning_rate={:e}", 2f64.powi(exponent));
        config(&["loss=mse", "network.output_activation=identity", "training.epochs=1", &rate])
    };
    let ends = |exponent: i32| {
        let path = folder.path().join(format!("rate-{exponent}"));
        match train(&gpu, &with_rate(exponent), &path, OnDivergence::Stop) {
            Ok(_) => true,
            Err(Error::Diverged { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    };
    // Between a rate that is fine and one that is not.
    let (mut fine, mut diverges) = (0, 120);
    while diverges - fine > 1 {
        let middle = (fine + diverges) / 2;
        if ends(middle) { fine = middle } else { diverges = middle }
    }
    let path = folder.path().join("rolled-back");
    train(&gpu, &with_rate(fine + 3), &path, OnDivergence::RollBack).unwrap();
    let summary: Value = serde_json::from_slice(&fs::read(path.join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["rollbacks"], 3);
    // From the first step on, it was trained with the rate that is fine.
    let straight = folder.path().join(format!("rate-{fine}"));
    let loss = |path: &Path| {
        let summary: Value = serde_json::from_slice(&fs::read(path.join("summary.json")).unwrap()).unwrap();
        summary["train_loss"].as_f64()
    };
    assert!(loss(&path).is_some() && (fine == 0 || loss(&path) == loss(&straight)));
    // A few times, and no more.
    let error =
        train(&gpu, &with_rate(fine + 20), &folder.path().join("hopeless"), OnDivergence::RollBack).unwrap_err();
    assert_eq!(error.exit_code(), 3);
}

/// The device goes while its steps are under way; the training goes on from its newest checkpoint and ends as if nothing had been.
#[test]
fn a_device_that_is_lost_is_replaced_once_and_the_model_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&["training.epochs=30", "checkpoint.every_steps=5"]);
    train(&gpu(), &config, &folder.path().join("straight"), OnDivergence::Stop).unwrap();
    let path = folder.path().join("lost");
    let lost = gpu();
    std::thread::scope(|scope| {
        let training = scope.spawn(|| train(&lost, &config, &path, OnDivergence::Stop));
        let began = Instant::now();
        while fs::read_to_string(path.join("metrics.jsonl")).map_or(0, |text| text.lines().count()) < 3 {
            assert!(began.elapsed() < Duration::from_secs(120) && !training.is_finished());
            std::thread::sleep(Duration::from_millis(1));
        }
        lost.destroy();
        training.join().unwrap().unwrap();
    });
    assert!(matches!(lost.check(), Err(GpuError::Lost { .. })));
    let model = |name: &str| fs::read(folder.path().join(name).join("model.safetensors")).unwrap();
    assert!(model("lost") == model("straight"));
    let lines = fs::read_to_string(path.join("metrics.jsonl")).unwrap().lines().count();
    assert_eq!(lines, 30);
}

/// A device that hangs twice at the same place, then a file that cannot be written: each time, what is told to do leads on.
#[test]
fn a_run_that_has_a_checkpoint_is_told_how_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let directory = train(&gpu(), &config(&["training.epochs=1"]), &path, OnDivergence::Stop).unwrap();
    let longer = config(&["training.epochs=2"]);
    let options =
        RunOptions { verbosity: Verbosity::Quiet, on_divergence: OnDivergence::Stop, plan: None, stop: &NEVER };
    let go_on = |gpu: &Gpu| {
        let resumed = RunDirectory::resume(&path).unwrap().unwrap();
        run(gpu, &longer, &dataset(), &Destination::Existing(resumed), options)
    };
    let how = format!("; go on from the newest checkpoint with diabolo train --resume --output {}", path.display());
    let next = directory.checkpoints().path(180);
    drop(directory);
    // A file cannot take the place of a folder.
    fs::create_dir_all(next.join("inside")).unwrap();
    let error = go_on(&gpu()).unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("cannot write ") && message.ends_with(&how) && error.exit_code() == 5, "{message}");
    fs::remove_dir_all(&next).unwrap();
    let hasty = gpu().with_wait_limit(Duration::from_nanos(1));
    match go_on(&hasty) {
        Err(error) => {
            let message = error.to_string();
            assert!(message.contains("did not finish within") && message.contains(&how), "{message}");
            assert_eq!((message.lines().count(), error.exit_code()), (1, 4));
            go_on(&gpu()).unwrap();
        }
        // Mesa's OpenGL driver has done its work when a submission returns.
        Ok(_) => assert_eq!(hasty.adapter().backend, "gl"),
    }
}

#[test]
fn on_a_lost_device_every_call_fails_and_none_hangs_or_panics() {
    let gpu = gpu();
    let tensor = Tensor::zeros(&gpu, "tensor", 4, 4).unwrap();
    let config = config(&[]);
    let (dataset, parameters) = (dataset(), glorot_uniform(&config.network(16), 1));
    let mut trainer = Trainer::new(&gpu, &config, dataset.train(), &parameters).unwrap();
    gpu.destroy();
    let is_lost = |result: Result<(), GpuError>| assert!(matches!(result, Err(GpuError::Lost { .. })), "{result:?}");
    is_lost(tensor.upload(&gpu, &[1.0f32; 16]));
    is_lost(tensor.download::<f32>(&gpu).map(|_| ()));
    is_lost(Tensor::zeros(&gpu, "another", 4, 4).map(|_| ()));
    is_lost(gpu.finish());
    for result in [trainer.train_epoch(0, |_| ()).map(|_| ()), trainer.state().map(|_| ())] {
        assert_eq!(result.unwrap_err().exit_code(), 4);
    }
    let folder = tempfile::tempdir().unwrap();
    let error = train(&gpu, &config, &folder.path().join("run"), OnDivergence::Stop).unwrap_err();
    assert_eq!(error.exit_code(), 4, "{error}");
    // And another device of the same adapter works.
    let again = gpu.reopen().unwrap();
    assert_eq!(Tensor::zeros(&again, "tensor", 2, 2).unwrap().download::<f32>(&again).unwrap(), [0.0; 4]);
}

#[test]
fn one_variant_that_is_refused_among_many_is_an_error_and_keeps_none_of_the_others_from_use() {
    let gpu = gpu();
    let kernels = [&kernels::copy::KERNEL, &kernels::multiply::KERNEL, &kernels::row_sums::KERNEL];
    let good: Vec<(&Interface, Variant)> = kernels
        .iter()
        .flat_map(|kernel| (kernel.variants)().into_iter().map(|variant| (&kernel.interface, variant)))
        .collect();
    let bad = (&kernels::copy::KERNEL.interface, Variant::new("copy", "@compute @workgroup_size(1) fn other() {}"));
    let compile = |variants: &[&(&'static Interface, Variant)]| {
        gpu.compile(variants.iter().map(|(interface, variant)| (*interface, variant)))
    };
    let error = compile(&[&good[0], &bad, &good[1]]).unwrap_err();
    assert!(error.to_string().lines().count() == 1 && error.to_string().contains("copy"), "{error}");
    // Each of them twice.
    compile(&good.iter().chain(&good).collect::<Vec<_>>()).unwrap();
    gpu.check().unwrap();
}

#[test]
fn what_is_not_valid_is_an_error_of_the_call_and_of_those_that_follow() {
    let gpu = gpu();
    let tensor = Tensor::zeros(&gpu, "tensor", 4, 4).unwrap();
    let error = tensor.upload(&gpu, &[1.0f32; 100]).unwrap_err();
    assert!(matches!(error, GpuError::Refused { .. }) && error.to_string().lines().count() == 1, "{error}");
    assert_eq!(gpu.finish().unwrap_err(), error);
    let folder = tempfile::tempdir().unwrap();
    let failed = train(&gpu, &config(&[]), &folder.path().join("run"), OnDivergence::Stop).unwrap_err();
    assert!(failed.to_string().starts_with(&error.to_string()) && failed.exit_code() == 4, "{failed}");
    assert!(!folder.path().join("run").exists());
}

#[test]
fn a_submission_that_takes_too_long_is_an_error_within_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let hasty = gpu().with_wait_limit(Duration::from_nanos(1));
    match train(&hasty, &config(&[]), &folder.path().join("run"), OnDivergence::Stop) {
        Err(error) => {
            assert!(matches!(error, Error::Gpu(GpuError::Timeout { .. })), "{error}");
            assert_eq!(error.exit_code(), 4);
        }
        // Mesa's OpenGL driver has done its work when a submission returns.
        Ok(_) => assert_eq!(hasty.adapter().backend, "gl"),
    }
    assert!(began.elapsed() < Duration::from_secs(10));
}
