//! Training on one GPU: many steps a submission, only losses read back.

use super::loader::Loader;
use super::steps::Batches;
use super::submissions::Submissions;
use crate::config::Config;
use crate::data::Images;
use crate::error::Error;
use crate::gpu::{Gpu, Tensor};
use crate::model::{Network, Parameters};
use crate::program::lower;
use crate::program::{FusedLayout, Memory, Plan, Program};
use crate::reference::shuffle::Shuffle;
use std::time::Instant;

/// The most steps of one submission: room in the step table and for their losses.
const MOST_STEPS_PER_SUBMISSION: usize = 512;

/// A network in training.
pub struct Trainer<'a> {
    gpu: &'a Gpu,
    config: &'a Config,
    network: Network,
    batches: Batches,
    memory: Memory,
    losses: Tensor,
    submissions: Submissions<'a>,
}

/// How far an epoch has come.
#[derive(Clone, Copy, Debug)]
pub struct Advance {
    /// Steps done in this epoch.
    pub steps: usize,
    /// The loss of the latest step.
    pub loss: f32,
    /// Seconds since the epoch began.
    pub seconds: f64,
}

impl<'a> Trainer<'a> {
    /// Puts images, as far as [`Gpu::data_memory`] allows, and initial parameters on the GPU and records the program of a step, as suits
    /// the adapter. Images that do not fit are streamed; the parameters become the same, bit for bit.
    ///
    /// # Errors
    /// A batch larger than the data, or a GPU that has too little room.
    pub fn new(gpu: &'a Gpu, config: &'a Config, images: &'a Images, parameters: &Parameters) -> Result<Self, Error> {
        let network = config.network(images.shape().pixels());
        Self::with_plan(gpu, config, images, parameters, Plan::of(gpu, &network))
    }

    /// The same with a plan of the caller's choice.
    pub fn with_plan(
        gpu: &'a Gpu,
        config: &'a Config,
        images: &'a Images,
        parameters: &Parameters,
        plan: Plan,
    ) -> Result<Self, Error> {
        let pixels = images.shape().pixels();
        let batches = Batches { sample_count: images.len(), batch_size: config.training.batch_size, pixels };
        if batches.batch_size > batches.sample_count {
            return Err(Error::Usage(format!(
                "training.batch_size is {}, but there are only {} training images: use --batch {} or less",
                batches.batch_size, batches.sample_count, batches.sample_count
            )));
        }
        let network = config.network(pixels);
        let mut memory = Memory::default();
        let batch_size = batches.batch_size;
        let at_once = batch_size..=batch_size * MOST_STEPS_PER_SUBMISSION;
        let loader = Loader::new(gpu, &mut memory, "training images", images, at_once)?;
        let settings = lower::Settings {
            loss: config.loss,
            moments: config.optimizer.algorithm.moments(),
            order: loader.shuffled_order(),
            corruption: config.corruption,
            batch_size,
            steps_per_submission: MOST_STEPS_PER_SUBMISSION,
        };
        let layout = plan.layout(gpu, &network, batch_size);
        let layout = match config.corruption.is_none() {
            true => layout,
            false => layout.map(FusedLayout::with_targets_apart).filter(|layout| layout.fits(gpu)),
        };
        let lowered = lower::training(&network, loader.samples(), &settings, layout);
        memory.place(gpu, &lowered.graph)?;
        memory.upload_parameters(gpu, &network, parameters)?;
        let program = Program::new(gpu, &lowered.graph, &memory, plan.products, MOST_STEPS_PER_SUBMISSION)?;
        let losses = memory.tensor(&lowered.graph, lowered.losses)?.clone();
        let most = MOST_STEPS_PER_SUBMISSION;
        let submissions = Submissions::new(gpu, batches, loader, program, most, most)?;
        Ok(Self { gpu, config, network, batches, memory, losses, submissions })
    }

    pub fn program(&self) -> &Program {
        self.submissions.program()
    }

    /// The tensors on the GPU, the parameters among them, for programs that share them.
    pub fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// Images in an epoch.
    pub fn image_count(&self) -> usize {
        self.batches.sample_count
    }

    /// Steps in an epoch.
    pub fn steps_per_epoch(&self) -> usize {
        self.batches.count()
    }

    /// The parameters as they are now.
    pub fn parameters(&self) -> Result<Parameters, Error> {
        Ok(self.memory.download_parameters(self.gpu, &self.network)?)
    }

    /// Takes every training image once; returns the mean loss of its images, each measured before the update it led to.
    ///
    /// `epoch` counts from 0; `advanced` is told of every submission that has finished.
    ///
    /// # Errors
    /// A loss that is not finite, or a fault of the GPU.
    pub fn train_epoch(&mut self, epoch: u32, advanced: impl FnMut(Advance)) -> Result<f64, Error> {
        let losses = self.epoch_losses(epoch, advanced)?;
        let weighted =
            losses.iter().enumerate().map(|(place, &loss)| f64::from(loss) * self.batches.rows(place) as f64);
        Ok(weighted.sum::<f64>() / self.batches.sample_count as f64)
    }

    /// Trains for an epoch and returns the loss of each step.
    ///
    /// # Errors
    /// As for [`Self::train_epoch`].
    pub fn epoch_losses(&mut self, epoch: u32, mut advanced: impl FnMut(Advance)) -> Result<Vec<f32>, Error> {
        let started = Instant::now();
        let (config, batches) = (self.config, self.batches);
        let shuffle = Shuffle::new(batches.sample_count as u32, config.training.seed, epoch);
        let mut losses = Vec::with_capacity(batches.count());
        self.submissions.run(
            self.gpu,
            Some(&shuffle),
            |place, slot| batches.training(config, epoch, place, slot),
            |steps| vec![(&self.losses, 0..steps.len())],
            |places, arrived| {
                if let Some(place) = arrived.iter().position(|loss| !loss.is_finite()) {
                    let what = format!("the loss is {}", arrived[place]);
                    return Err(diverged(config, &batches, what, epoch, places.start + place));
                }
                losses.extend(arrived);
                if let Some(&loss) = losses.last() {
                    advanced(Advance { steps: losses.len(), loss, seconds: started.elapsed().as_secs_f64() });
                }
                Ok(())
            },
        )?;
        Ok(losses)
    }

    /// The parameters after `epochs` epochs.
    ///
    /// # Errors
    /// One that is not finite: the last update, whose loss no step has measured, went astray.
    pub fn finite_parameters(&self, epochs: u32) -> Result<Parameters, Error> {
        let parameters = self.parameters()?;
        let is_finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        match parameters.tensors().iter().find(|tensor| !is_finite(&tensor.values)) {
            None => Ok(parameters),
            Some(tensor) => {
                let what = format!("{} holds a number that is not finite", tensor.name);
                Err(self.diverged_after(what, epochs.saturating_sub(1)))
            }
        }
    }

    /// The error for what was found when an epoch was over.
    pub(super) fn diverged_after(&self, what: String, epoch: u32) -> Error {
        diverged(self.config, &self.batches, what, epoch, self.batches.count() - 1)
    }
}

/// The error for what was found after the step at `place` of an epoch.
fn diverged(config: &Config, batches: &Batches, what: String, epoch: u32, place: usize) -> Error {
    Error::Diverged {
        what,
        step: u64::from(epoch) * batches.count() as u64 + place as u64 + 1,
        epoch: epoch + 1,
        learning_rate: batches.learning_rate(config, u64::from(epoch) * batches.count() as u64 + place as u64),
    }
}
