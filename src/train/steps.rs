//! The rows of the step table: which samples a step takes and with what rates.

use super::pace::MOST_MULTIPLY_ADDS;
use crate::config::Config;
use crate::gpu::Gpu;
use crate::kernels::step::Step;
use std::ops::Range;

/// What noise counts as its epoch: none that a training comes to.
const NO_EPOCH: u32 = u32::MAX;

/// How samples are divided into batches; the last one of an epoch may be smaller.
#[derive(Clone, Copy, Debug)]
pub struct Batches {
    /// How many samples an epoch has.
    pub sample_count: usize,
    /// Samples of each batch but the last.
    pub batch_size: usize,
    /// Values of a sample.
    pub pixels: usize,
}

impl Batches {
    /// Batches of at most `most` samples of `pixels` values for what is no training, fewer where the widest matrix of a batch, of `widest`
    /// columns, would not fit into a tensor, or where `multiply_adds` for each sample would keep a GPU too busy.
    pub fn fitting(
        gpu: &Gpu,
        sample_count: usize,
        pixels: usize,
        widest: usize,
        multiply_adds: usize,
        most: usize,
    ) -> Self {
        let fitting = usize::try_from(gpu.largest_tensor() / (4 * widest.max(1) as u64)).unwrap_or(most);
        let quick = MOST_MULTIPLY_ADDS / multiply_adds.max(1);
        Self { sample_count, batch_size: sample_count.min(most).min(fitting.max(1)).min(quick.max(1)), pixels }
    }

    /// Batches in an epoch.
    pub fn count(&self) -> usize {
        self.sample_count.div_ceil(self.batch_size)
    }

    /// Samples in the batch at this place of the epoch.
    pub fn rows(&self, place: usize) -> usize {
        self.batch_size.min(self.sample_count - place * self.batch_size)
    }

    /// The positions in the epoch of the samples that these batches take.
    pub fn positions(&self, places: &Range<usize>) -> Range<usize> {
        places.start * self.batch_size..self.sample_count.min(places.end * self.batch_size)
    }

    /// The losses of the steps from the one at `first` of an epoch on, each times the samples it is the mean of, added to `sum`.
    pub fn summed(&self, first: usize, losses: &[f32], sum: f64) -> f64 {
        losses.iter().zip(first..).fold(sum, |sum, (&loss, place)| sum + f64::from(loss) * self.rows(place) as f64)
    }

    /// A step without training: the samples as they are stored.
    pub fn stored(&self, place: usize) -> Step {
        let rows = self.rows(place);
        Step {
            first_sample: (place * self.batch_size) as u32,
            first_position: (place * self.batch_size) as u32,
            rows: rows as u32,
            inverse_element_count: (1.0 / (rows * self.pixels) as f64) as f32,
            ..Step::default()
        }
    }

    /// The same with noise that follows from the seed, and is none of a training's.
    pub fn noisy(&self, place: usize, seed: u64) -> Step {
        Step { epoch: NO_EPOCH, seed_low: seed as u32, seed_high: (seed >> 32) as u32, ..self.stored(place) }
    }

    /// A step of training with this share of the learning rate. `epoch` counts from 0, and so does `place` in it; the loss goes to
    /// `loss_slot`.
    pub fn training(&self, config: &Config, share: f64, epoch: u32, place: usize, loss_slot: usize) -> Step {
        let Config { optimizer, training, .. } = config;
        let steps_before = u64::from(epoch) * self.count() as u64 + place as u64;
        let step = Step {
            epoch,
            loss_slot: loss_slot as u32,
            seed_low: training.seed as u32,
            seed_high: (training.seed >> 32) as u32,
            ..self.stored(place)
        };
        step.updating(share * self.learning_rate(config, steps_before), &optimizer.coefficients(steps_before + 1))
    }

    /// The learning rate of a step, which counts from 0, whatever the losses were.
    pub fn learning_rate(&self, config: &Config, step: u64) -> f64 {
        let per_epoch = self.count() as u64;
        let steps = u64::from(config.training.epochs) * per_epoch;
        config.optimizer.learning_rate * config.schedule.share(step, steps, per_epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_epoch_takes_every_sample_once(sample_count in 1usize..5000, batch_size in 1usize..600) {
            let batches = Batches { sample_count, batch_size, pixels: 3 };
            let mut next = 0;
            for place in 0..batches.count() {
                let step = batches.stored(place);
                prop_assert_eq!(step.first_sample, next);
                prop_assert!(step.rows >= 1 && step.rows as usize <= batch_size);
                next += step.rows;
            }
            prop_assert_eq!(next as usize, sample_count);
        }
    }

    #[test]
    fn the_corrections_belong_to_the_step_of_the_whole_run() {
        let assignments = ["training.seed=1099511627776", "schedule.shape=cosine", "schedule.warmup=0.5"];
        let config = Config::load("dense", &assignments.map(str::to_owned)).unwrap();
        let batches = Batches { sample_count: 100, batch_size: 10, pixels: 4 };
        let step = batches.training(&config, 1.0, 2, 3, 7);
        // The 24th of 50 steps in which the rate rises.
        assert_eq!(step.learning_rate, (1e-3 * 24.0 / 50.0) as f32);
        assert_eq!(step.first_moment_scale, (1.0 / (1.0 - 0.9f64.powi(24))) as f32);
        assert_eq!(batches.training(&config, 0.25, 2, 3, 7).learning_rate, (0.25e-3 * 24.0 / 50.0) as f32);
        assert_eq!((step.first_sample, step.rows, step.loss_slot, step.seed_high), (30, 10, 7, 256));
    }
}
