//! What trainings make of the keys that layers have of their own; `tests/verify.rs` holds their steps against the twin.

mod support;

use assert_cmd::Command;
use diabolo::config::Config;
use diabolo::data::{Images, load};
use diabolo::model::{Parameters, from_safetensors, initial_parameters, to_safetensors};
use diabolo::program::{Memory, Plan};
use diabolo::train::{Evaluator, Trainer};
use std::fs;
use std::path::Path;
use support::gpu;

fn config(assignments: &[&str]) -> Config {
    let assignments: Vec<String> = assignments.iter().map(|&word| word.to_owned()).collect();
    let config = Config::load("dense", &assignments).unwrap();
    config.validate().unwrap();
    config
}

fn glyphs(count: usize) -> Images {
    load("glyphs").unwrap().train().first(count)
}

fn initial(config: &Config) -> Parameters {
    initial_parameters(&config.network(784), config.network.initialization, config.training.seed)
}

/// The second layer of the encoder stays as it is, whether a step is fused or not; the others learn.
#[test]
fn a_layer_without_a_rate_stays_as_it_is() {
    let gpu = gpu();
    let images = glyphs(96);
    let layers = "[{units=16, activation=\"relu\"}, {units=8, activation=\"tanh\", learning_rate_factor=0}]";
    for (optimizer, tied) in [("adamw", "false"), ("momentum", "true")] {
        let config = config(&[
            &format!("network.encoder={layers}"),
            "network.decoder=[{units=16, activation=\"relu\", learning_rate_factor=0.5}]",
            &format!("network.tied={tied}"),
            &format!("optimizer.algorithm={optimizer}"),
            "optimizer.weight_decay=0.1",
            "training.batch_size=32",
        ]);
        let before = initial(&config);
        let usual = Plan::of_training(&gpu, &config.network(784), &config.additions());
        for plan in [usual, Plan { fused: None, ..usual }] {
            let mut trainer = Trainer::with_plan(&gpu, &config, &images, &before, plan).unwrap();
            trainer.train_epoch(0, |_| ()).unwrap();
            for (before, after) in before.tensors().iter().zip(trainer.parameters().unwrap().tensors()) {
                // The decoder's first weight is that of the code's layer, if weights are tied.
                let must_stay =
                    before.name.starts_with("encoder.1") || tied == "true" && before.name == "decoder.0.weight";
                assert_eq!(before.values == after.values, must_stay, "{}, {}", plan.name(), before.name);
            }
        }
    }
}

const DROPPING: &str =
    "network.encoder=[{units=24, activation=\"relu\", dropout=0.2}, {units=8, activation=\"identity\", dropout=0.1}]";

/// Dropout changes the loss of a step, but no evaluation.
#[test]
fn outputs_are_dropped_in_training_alone() {
    let gpu = gpu();
    let images = glyphs(96);
    let dropping = config(&[DROPPING, "training.batch_size=32"]);
    let mut all_stays = dropping.clone();
    all_stays.network.encoder.iter_mut().for_each(|layer| layer.dropout = 0.0);
    let parameters = initial(&dropping);
    let loss = |config: &Config| {
        let mut trainer = Trainer::new(&gpu, config, &images, &parameters).unwrap();
        trainer.epoch_losses(0, |_| ()).unwrap()[0]
    };
    // Of the first step, before any update.
    assert_ne!(loss(&dropping), loss(&all_stays));
    assert_eq!(loss(&dropping), loss(&dropping));
    let errors = |config: &Config| {
        let mut memory = Memory::default();
        let network = config.network(784);
        memory.upload_parameters(&gpu, &network, &parameters).unwrap();
        Evaluator::new(&gpu, &network, &mut memory, "images", &images).unwrap().errors_of_images(&gpu).unwrap()
    };
    assert_eq!(errors(&dropping), errors(&all_stays));
    assert!(
        Plan::available_for(&gpu, &dropping.network(784), 32, &dropping.additions())
            .iter()
            .all(|plan| plan.fused.is_none())
    );
}

/// Scales begin at 1 and learn; the model file has them, and an epoch's steps are several dispatches a layer.
#[test]
fn normalized_layers_learn_and_are_in_the_model_file() {
    let gpu = gpu();
    let images = glyphs(96);
    let layers = |units: [usize; 2]| {
        units.map(|units| format!("{{units={units}, activation=\"relu\", normalization=\"layer\"}}")).join(", ")
    };
    let config = config(&[
        &format!("network.encoder=[{}]", layers([24, 8])),
        &format!("network.decoder=[{}]", layers([8, 24])),
        "training.batch_size=32",
        "optimizer.learning_rate=0.01",
    ]);
    let (network, before) = (config.network(784), initial(&config));
    let mut trainer = Trainer::new(&gpu, &config, &images, &before).unwrap();
    let losses: Vec<f32> = (0..20).flat_map(|epoch| trainer.epoch_losses(epoch, |_| ()).unwrap()).collect();
    assert!(losses[losses.len() - 1] < 0.7 * losses[0], "{losses:?}");
    let after = trainer.parameters().unwrap();
    let scales = |parameters: &Parameters| -> Vec<(String, Vec<f32>)> {
        let tensors = parameters.tensors().iter().filter(|tensor| tensor.name.ends_with(".scale"));
        tensors.map(|tensor| (tensor.name.clone(), tensor.values.clone())).collect()
    };
    let names: Vec<String> = scales(&after).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["encoder.0.scale", "encoder.1.scale", "decoder.0.scale", "decoder.1.scale"]);
    for ((name, before), (_, after)) in scales(&before).into_iter().zip(scales(&after)) {
        assert!(before.iter().all(|&scale| scale == 1.0) && before != after, "{name}: {before:?} {after:?}");
    }
    let elements: usize = after.tensors().iter().map(|tensor| tensor.values.len()).sum();
    assert_eq!(elements, network.parameter_count());
    let file = to_safetensors(&after, "").unwrap();
    assert_eq!(from_safetensors(&file, &network).unwrap(), after);
    let plans = Plan::available_for(&gpu, &network, 32, &config.additions());
    assert!(plans.iter().all(|plan| plan.fused.is_none()), "{plans:?}");
}

/// A run that was resumed drops what it would have dropped; each layer that is pre-trained drops, too. Normalized layers change nothing of
/// that.
#[test]
fn a_resumed_run_with_dropout_becomes_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("images.csv");
    let image = |i: usize| (0..64).map(|pixel| (i * pixel * pixel % 251).to_string()).collect::<Vec<_>>().join(",");
    fs::write(&data, (1..=100).map(image).collect::<Vec<_>>().join("\n")).unwrap();
    let train = |run: &Path, arguments: &[&str]| {
        let mut command = Command::cargo_bin("diabolo").unwrap();
        command.args(["train", "--quiet", "--no-tune", "--batch", "32", "--set", DROPPING]).args(arguments);
        let decoder = "network.decoder=[{units=24, activation=\"tanh\", dropout=0.3, normalization=\"layer\"}]";
        command.args(["--set", decoder, "--set", "pretraining.epochs=1", "--data"]).arg(&data);
        command.arg("--out").arg(run).assert().success();
        fs::read(run.join("model.safetensors")).unwrap()
    };
    let (whole, resumed) = (folder.path().join("whole"), folder.path().join("resumed"));
    let once = train(&whole, &["--epochs", "3"]);
    let first = train(&resumed, &["--epochs", "1"]);
    let then = train(&resumed, &["--epochs", "3", "--resume"]);
    assert!(then == once, "the resumed run has become another model");
    assert!(first != once, "the later epochs change nothing");
    let summary = fs::read_to_string(whole.join("summary.json")).unwrap();
    assert!(summary.contains("layered"), "a step with dropout was fused: {summary}");
}
