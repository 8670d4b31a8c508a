//! Trainings of the [`PRESETS`] at several batch sizes, beside the least that a step could take.

use super::timer::{Spread, Timer};
use super::{AdapterLimits, Effort, PIXELS, PRESETS};
use crate::config::Config;
use crate::data::{self, Images};
use crate::error::Error;
use crate::gpu::{Gpu, GpuError, Selection};
use crate::model::glorot_uniform;
use crate::program::Program;
use crate::train::Trainer;
use serde::Serialize;
use std::fmt;
use std::time::Instant;

/// The most images of an epoch, unless [`FEWEST_STEPS`] take more.
const MOST_IMAGES: usize = 60_000;
/// The least steps of an epoch.
const FEWEST_STEPS: usize = 4;

/// A preset and a batch size.
pub struct TrainingCase {
    preset: &'static str,
    config: Config,
}

/// How fast one preset trains.
#[derive(Clone, Debug, Serialize)]
pub struct TrainingResult {
    /// The preset that is trained.
    pub preset: &'static str,
    /// Images in a step.
    pub batch_size: usize,
    /// Images that are trained on in a second, the mean over an epoch.
    pub images_per_second: Spread,
    /// Seconds that a step takes, the mean over an epoch.
    pub step_seconds: Spread,
    /// Dispatches in a step.
    pub dispatches_per_step: usize,
    /// What the dispatches of a step take, each by itself, the longest first; those of the same variant together.
    pub parts: Vec<StepPart>,
    /// The least that the adapter's limits allow for a step: its operations, its bytes, or its longest chain of dispatches.
    pub least_seconds: f64,
    /// The least as a share of the median: 1 would be as fast as can be.
    pub share_of_least: f64,
    /// Floating-point operations a second, in the median step.
    pub operations_per_second: f64,
    /// Operations for each byte of parameters, moments and images.
    pub operations_per_byte: f64,
}

/// The dispatches of a step that run the same variant of a kernel.
#[derive(Clone, Debug, Serialize)]
pub struct StepPart {
    /// The variant, for people.
    pub variant: String,
    /// How many of them are in a step.
    pub dispatches: usize,
    /// Of all of them together.
    pub seconds: f64,
}

impl TrainingCase {
    /// Of a step: each layer's output, and the gradients of its weight and, but for the first, of its input.
    pub fn operations(&self) -> f64 {
        let network = self.config.network(PIXELS);
        let product = |(place, layer): (usize, &crate::model::Dense)| {
            let products = if place == 0 { 2.0 } else { 3.0 };
            products * 2.0 * (layer.inputs * layer.outputs) as f64
        };
        let of_image: f64 = network.layers().iter().enumerate().map(product).sum();
        of_image * self.config.training.batch_size as f64
    }

    /// Of a step: parameters and both moments are read and written once, images are read.
    fn bytes(&self) -> f64 {
        let parameters = self.config.network(PIXELS).parameter_count();
        (24 * parameters + PIXELS * self.config.training.batch_size) as f64
    }
}

impl fmt::Display for TrainingCase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, batches of {}", self.preset, self.config.training.batch_size)
    }
}

/// Each of the [`PRESETS`] at each batch size.
pub fn cases(effort: Effort) -> Result<Vec<TrainingCase>, Error> {
    let case = |(preset, batch_size): (&'static str, usize)| -> Result<TrainingCase, Error> {
        let mut config = Config::load(preset, &[])?;
        config.training.batch_size = batch_size;
        Ok(TrainingCase { preset, config })
    };
    let of_preset = |preset| effort.batch_sizes.iter().map(move |&size| (preset, size));
    PRESETS.into_iter().flat_map(of_preset).map(case).collect()
}

/// The embedded images, repeated until there are enough for the largest batch.
pub fn images(effort: Effort) -> Result<Images, Error> {
    let dataset = data::load("glyphs")?;
    let largest = effort.batch_sizes.iter().max().copied().unwrap_or(1);
    let wanted = MOST_IMAGES.max(FEWEST_STEPS * largest) * dataset.shape().pixels();
    let bytes = dataset.train().bytes().iter().copied().cycle().take(wanted).collect();
    Ok(Images::new(dataset.shape(), bytes, None)?)
}

/// Seconds from opening the adapter to the first loss of the preset `dense`.
pub fn startup(selection: &Selection, images: &Images) -> Result<f64, Error> {
    let config = Config::load("dense", &[])?;
    let one_batch = images.first(config.training.batch_size);
    let started = Instant::now();
    let gpu = Gpu::open(selection)?;
    let parameters = glorot_uniform(&config.network(images.shape().pixels()), config.training.seed);
    Trainer::new(&gpu, &config, &one_batch, &parameters)?.epoch_losses(0, |_| ())?;
    Ok(started.elapsed().as_secs_f64())
}

/// Whole epochs, so that submissions, readbacks and smaller last batches are in the time. An epoch has as many steps as fill the time of
/// a measurement, if each takes `expected_seconds`.
pub fn measure(
    gpu: &Gpu,
    timer: &Timer<'_>,
    effort: Effort,
    case: &TrainingCase,
    expected_seconds: f64,
    images: &Images,
    limits: &AdapterLimits,
) -> Result<TrainingResult, Error> {
    let batch_size = case.config.training.batch_size;
    let filling = (effort.sample.as_secs_f64() / expected_seconds.max(1e-9)) as usize;
    let steps = filling.clamp(FEWEST_STEPS, FEWEST_STEPS.max(MOST_IMAGES / batch_size));
    let images = images.first(steps * batch_size);
    let parameters = glorot_uniform(&case.config.network(images.shape().pixels()), case.config.training.seed);
    let mut trainer = Trainer::new(gpu, &case.config, &images, &parameters)?;
    // The first epoch finds its pace.
    trainer.epoch_losses(0, |_| ())?;
    let steps = trainer.steps_per_epoch() as f64;
    let mut measured = Vec::new();
    for epoch in 1..=effort.samples as u32 {
        let started = Instant::now();
        trainer.epoch_losses(epoch, |_| ())?;
        measured.push(started.elapsed().as_secs_f64() / steps);
    }
    let step_seconds = Spread::of(measured);
    let dispatches_per_step = trainer.program().dispatches_per_step();
    let least_seconds =
        limits.least_seconds(case.operations(), case.bytes(), trainer.program().longest_chain_of_dispatches());
    Ok(TrainingResult {
        preset: case.preset,
        batch_size,
        images_per_second: step_seconds.rate(images.len() as f64 / steps),
        step_seconds,
        dispatches_per_step,
        parts: parts(timer, trainer.program())?,
        least_seconds,
        share_of_least: least_seconds / step_seconds.median,
        operations_per_second: case.operations() / step_seconds.median,
        operations_per_byte: case.operations() / case.bytes(),
    })
}

fn parts(timer: &Timer<'_>, program: &Program) -> Result<Vec<StepPart>, GpuError> {
    let mut parts: Vec<StepPart> = Vec::new();
    for (place, variant) in program.labels().enumerate() {
        let seconds = timer.seconds_of(|commands, runs| program.record_dispatch(commands, place, runs))?.median;
        match parts.iter_mut().find(|part| part.variant == variant) {
            Some(part) => {
                part.dispatches += 1;
                part.seconds += seconds;
            }
            None => parts.push(StepPart { variant: variant.to_owned(), dispatches: 1, seconds }),
        }
    }
    parts.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_dense_has_its_operations() {
        let cases = cases(Effort::QUICK).unwrap();
        let dense = cases.iter().find(|case| case.preset == "dense").unwrap();
        let weights = 784 * 64 + 64 * 32 + 32 * 32 + 32 * 64 + 64 * 784;
        assert_eq!(dense.operations(), 256.0 * (6.0 * f64::from(weights) - 2.0 * f64::from(784 * 64)));
        assert_eq!(dense.bytes(), (24 * 106_448 + 784 * 256) as f64);
    }
}
