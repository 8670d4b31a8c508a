//! From labeled images to a classifier.

use super::{Decision, Encoder, Method, Partition, Settings};
use crate::data::Images;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::model::{Initialization, Network, Parameters, initial_parameters};
use crate::reference::balance::balancing_weights;
use crate::reference::{Algorithm, Balancing, Optimizer, Schedule, ScheduleShape};
use crate::report::confusion::Confusion;
use crate::train::{ClassifierSettings, ClassifierTrainer, Inference, batch_size_of, labels_below};
use std::convert::Infallible;

/// The least steps and epochs of a training that is not told how long to take.
const LEAST_STEPS: usize = 1000;
const LEAST_EPOCHS: usize = 10;

/// The usual learning rates, of a last layer alone and of all.
const PROBE_RATE: f64 = 1e-2;
const FINETUNE_RATE: f64 = 1e-3;

/// A network, its parameters, and how its outputs become classes.
pub struct Decided {
    pub network: Network,
    pub parameters: Parameters,
    pub decision: Decision,
}

/// Keeps the codes of the training images, which is all that nearest neighbors need.
pub fn remember(gpu: &Gpu, encoder: &Encoder, partition: &Partition, settings: &Settings) -> Result<Decided, Error> {
    let codes = encoder.encode(gpu, &partition.training)?;
    let labels = partition.training.labels().unwrap_or_default().to_vec();
    let decision = Decision::Neighbors { count: settings.neighbors, codes, labels };
    Ok(Decided { network: encoder.network.clone(), parameters: encoder.parameters.clone(), decision })
}

/// Trains a softmax on the codes and then, if the method says so, the encoder with it: from a last layer that knows nothing of the codes yet,
/// the first steps would spoil them (Kumar et al. 2022). Where images are held back for validation, the parameters after the epoch in which
/// they were told best are kept, else the last.
pub fn train(
    gpu: &Gpu,
    encoder: &Encoder,
    partition: &Partition,
    classes: usize,
    settings: &Settings,
) -> Result<Decided, Error> {
    let network = encoder.network.classifier(partition.training.shape().pixels(), classes);
    // What an encoder has learned is worth sparing; one from random weights has nothing to lose.
    let encoder_rate = if encoder.is_trained { settings.encoder_rate } else { 1.0 };
    let in_training = network.clone().with_encoder_rate(encoder_rate);
    let fit = |start: &Parameters, frozen_layers: usize, learning_rate: f64| {
        let phase = Phase { frozen_layers, learning_rate };
        fit(gpu, &in_training, start, partition, classes, settings, phase)
    };
    let start = with_encoder(&network, encoder, settings.seed);
    let layers = encoder.network.layers().len();
    let is_probe = settings.method == Method::Probe;
    let of_probe = settings.learning_rate.filter(|_| is_probe).unwrap_or(PROBE_RATE);
    let mut parameters = fit(&start, layers, of_probe)?;
    if !is_probe && layers > 0 {
        parameters = fit(&parameters, 0, settings.learning_rate.unwrap_or(FINETUNE_RATE))?;
    }
    Ok(Decided { network, parameters, decision: Decision::Softmax })
}

/// A part of a training.
#[derive(Clone, Copy)]
struct Phase {
    frozen_layers: usize,
    learning_rate: f64,
}

fn fit(
    gpu: &Gpu,
    network: &Network,
    start: &Parameters,
    partition: &Partition,
    classes: usize,
    settings: &Settings,
    phase: Phase,
) -> Result<Parameters, Error> {
    let Partition { training, validation } = partition;
    let labels = labels_below(training, classes)?;
    let steps_per_epoch = training.len().div_ceil(batch_size_of(settings.batch_size, training.len()));
    let enough = LEAST_EPOCHS.max(LEAST_STEPS.div_ceil(steps_per_epoch)) as u32;
    let of_trainer = ClassifierSettings {
        optimizer: Optimizer::new(Algorithm::Adam, phase.learning_rate),
        schedule: Schedule { shape: ScheduleShape::Cosine, ..Schedule::CONSTANT },
        batch_size: settings.batch_size,
        epochs: settings.epochs.unwrap_or(enough),
        seed: settings.seed,
        frozen_layers: phase.frozen_layers,
        class_weights: match settings.balancing {
            Balancing::Weights => balancing_weights(labels, classes),
            Balancing::None | Balancing::Sampling => vec![1.0; classes],
        },
        draws_classes_alike: settings.balancing == Balancing::Sampling,
        augmentation: settings.augmentation,
    };
    let mut trainer = ClassifierTrainer::new(gpu, &of_trainer, network, start, training)?;
    let mut judge = match validation {
        Some(images) => Some(Judge::new(gpu, network, &mut trainer, images)?),
        None => None,
    };
    let mut best: Option<(f64, Parameters)> = None;
    for epoch in 0..of_trainer.epochs {
        let losses = trainer.train_epoch(epoch)?;
        let loss = losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / losses.len() as f64;
        let score = match &mut judge {
            Some(judge) => Some(judge.score(gpu, settings.balancing)?),
            None => None,
        };
        tracing::debug!("epoch {}: loss {loss:.4}, validation {score:?}", epoch + 1);
        let is_best = |score: &f64| best.as_ref().is_none_or(|(most, _)| score > most);
        if let Some(score) = score.filter(is_best) {
            best = Some((score, trainer.parameters()?));
        }
    }
    match best {
        Some((_, parameters)) => Ok(parameters),
        None => trainer.parameters(),
    }
}

/// The parameters that a classifier starts from: the encoder's, and a last layer by Glorot.
fn with_encoder(network: &Network, encoder: &Encoder, seed: u64) -> Parameters {
    let initial = initial_parameters(network, Initialization::Glorot, seed);
    let built = Parameters::build(network, |place, _| {
        let tensor = encoder.parameters.tensors().get(place).unwrap_or(&initial.tensors()[place]);
        Ok::<_, Infallible>(tensor.values.clone())
    });
    match built {
        Ok(parameters) => parameters,
    }
}

/// How well a classifier in training tells some images.
struct Judge<'a> {
    inference: Inference<'a>,
    labels: &'a [u32],
    classes: usize,
}

impl<'a> Judge<'a> {
    fn new(
        gpu: &Gpu,
        network: &Network,
        trainer: &mut ClassifierTrainer<'_>,
        images: &'a Images,
    ) -> Result<Self, Error> {
        let classes = network.layers().last().map_or(0, |layer| layer.outputs);
        let inference = Inference::new(gpu, network, trainer.memory_mut(), "validation images", images)?;
        Ok(Self { inference, labels: labels_below(images, classes)?, classes })
    }

    /// The share of images that it tells rightly or, where classes are to weigh alike, the mean of these shares of the classes.
    fn score(&mut self, gpu: &Gpu, balancing: Balancing) -> Result<f64, Error> {
        let mut predicted = Vec::with_capacity(self.labels.len());
        self.inference.outputs(gpu, |logits| predicted.extend(logits.chunks_exact(self.classes).map(largest)))?;
        let confusion = Confusion::new(self.classes, self.labels, &predicted);
        Ok(match balancing {
            Balancing::None => confusion.accuracy(),
            Balancing::Weights | Balancing::Sampling => confusion.balanced_accuracy(),
        })
    }
}

/// The place of the largest number; of equal ones the first.
pub fn largest(numbers: &[f32]) -> u32 {
    let better = |best: usize, place: usize| if numbers[place] > numbers[best] { place } else { best };
    (0..numbers.len()).fold(0, better) as u32
}
