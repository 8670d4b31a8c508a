//! What trainings make of the keys that layers have of their own; `tests/verify.rs` holds their steps against the twin.

mod support;

use diabolo::config::Config;
use diabolo::data::{Images, load};
use diabolo::model::{Parameters, initial_parameters};
use diabolo::program::Plan;
use diabolo::train::Trainer;
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
