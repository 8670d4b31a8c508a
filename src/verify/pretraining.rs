//! The pre-training of a layer behind another one: each step's loss against the twin's.

use super::trial::{Trial, with_running_statistics};
use super::{Coverage, Failure, Item, Tally, training};
use crate::config::{Config, PretrainingConfig};
use crate::gpu::Gpu;
use crate::model::Layer;
use crate::reference::corruption::word;
use crate::reference::training::{Objective, Trainer as Twin, forward};
use crate::reference::{Activation, Augmentation, Loss, Matrix, Noise, Normalization};
use crate::train::{Batches, Stage, Trainer};

/// Epochs of each stage, if there is time for so many.
const EPOCHS: u32 = 2;
const BATCH_SIZE: usize = 10;

/// How the layer is trained.
#[derive(Clone, Copy)]
struct Conditions {
    /// Of an epoch, whose last batch is smaller.
    images: usize,
    pretraining: PretrainingConfig,
    dropout: f64,
    normalization: Normalization,
    augmentation: Augmentation,
}

pub fn items(coverage: Coverage, seed: u64) -> Vec<Item> {
    let plain = Conditions {
        images: coverage.steps_per_epoch * BATCH_SIZE - 3,
        pretraining: PretrainingConfig {
            epochs: EPOCHS.min(coverage.most_epochs),
            amount: 0.3,
            ..PretrainingConfig::NONE
        },
        dropout: 0.0,
        normalization: Normalization::None,
        augmentation: Augmentation::NONE,
    };
    let with = |noise, contractive| PretrainingConfig { noise, contractive, ..plain.pretraining };
    let item = |(variant, conditions): (&str, Conditions)| Item {
        check: training::NAME,
        variant: format!("second layer{variant}"),
        run: Box::new(move |gpu, tally| {
            coverage.widths_are_whole.iter().try_for_each(|&whole| verify(gpu, tally, whole, conditions, seed))
        }),
    };
    let kinds = [
        ("", plain),
        (", gaussian noise", Conditions { pretraining: with(Noise::Gaussian, 0.0), ..plain }),
        (", contractive", Conditions { pretraining: with(Noise::None, 3.0), ..plain }),
        (", dropout", Conditions { dropout: 0.4, ..plain }),
        (", batch normalization", Conditions { normalization: Normalization::Batch, ..plain }),
        (", augmented", Conditions { augmentation: training::AUGMENTED, ..plain }),
    ];
    kinds.map(item).into()
}

fn verify(gpu: &Gpu, tally: &Tally, widths_are_whole: bool, conditions: Conditions, seed: u64) -> Result<(), Failure> {
    let hidden = [Activation::Tanh, Activation::Sigmoid, Activation::Gelu];
    let (loss, output) = (Loss::BinaryCrossEntropy, Activation::Sigmoid);
    let Conditions { images, pretraining, dropout, normalization, augmentation } = conditions;
    let mut trial = Trial::small(widths_are_whole, loss, output, hidden, BATCH_SIZE, images, seed);
    let [first, _] = trial.config.network.encoder[..] else { return Err("the network is another".to_owned().into()) };
    trial.config.network.decoder = vec![Layer { activation: Activation::Gelu, ..first }];
    trial.config.augmentation = augmentation;
    trial.config.pretraining = pretraining;
    // Before the stage's layers all outputs stay, and so do those of its last one.
    let of_network = &mut trial.config.network;
    for layer in of_network.encoder.iter_mut().chain(&mut of_network.decoder) {
        (layer.dropout, layer.normalization) = (dropout, normalization);
    }
    let (network, parameters) = (trial.network(), with_running_statistics(&trial.initial_parameters(), seed));
    let stages = Stage::all(&trial.config, &network);
    let [_, stage, _] = &stages[..] else { return Err(format!("{} stages", stages.len()).into()) };

    // Its images come in the order of the stage's own seed.
    let plans = trial.plans(gpu);
    let trial = Trial { config: stage.config.clone(), ..trial };
    let layers = parameters.in_f64(&network);
    let Config { loss, code, optimizer, .. } = stage.config;
    let mut twin = Twin::new(layers[1..3].to_vec(), Objective { loss, code, code_layer: 0 }, optimizer);
    let batches = Batches { sample_count: images, batch_size: BATCH_SIZE, pixels: first.units };
    let mut expected = Vec::new();
    for epoch in 0..pretraining.epochs {
        for (place, batch) in trial.batches(epoch).into_iter().enumerate() {
            let Some(pass) = forward(&layers[..1], &batch, None).pop() else { continue };
            let codes = pass.logits.map(|logit| first.activation.apply(logit));
            let seen = Matrix::from_fn(codes.rows, codes.columns, |row, column| {
                let position = (place * BATCH_SIZE + row) as u32;
                let word = word(stage.config.training.seed, epoch, position, column);
                stage.config.corruption.apply(word, codes.at(row, column))
            });
            let learning_rate = batches.learning_rate(&stage.config, expected.len() as u64);
            expected.push(twin.step(&seen, &codes, Some(trial.place(epoch, place)), learning_rate));
        }
    }
    for plan in plans {
        let Stage { config, network: part, frozen, .. } = stage;
        let mut trainer = Trainer::of_part(gpu, config, &trial.images, part, frozen, &parameters, plan)?;
        let mut computed = Vec::new();
        for epoch in 0..pretraining.epochs {
            computed.extend(trainer.epoch_losses(epoch, |_| ())?);
        }
        training::hold_against(&computed, &expected, tally).map_err(|failure| failure.within(&plan.name()))?;
        let after = trainer.parameters()?;
        for (before, after) in parameters.tensors().iter().zip(after.tensors()) {
            // All of the frozen first layer, and of the last one, which is none of this stage's.
            let must_stay = ["encoder.0.", "decoder.1."].iter().any(|layer| before.name.starts_with(layer));
            if (before.values == after.values) != must_stay {
                let what = if must_stay { "changed" } else { "stayed" };
                return Err(format!("{}: {} has {what}", plan.name(), before.name).into());
            }
        }
    }
    Ok(())
}
