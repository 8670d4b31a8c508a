//! Training on one GPU: many steps a submission, the next one recorded while the GPU works, only losses read back.

use super::pace::Pace;
use super::steps::Batches;
use super::upload::upload_images;
use crate::config::Config;
use crate::data::Images;
use crate::error::Error;
use crate::gpu::{Gpu, PendingReadback, Staging, Tensor};
use crate::kernels::gather::Order;
use crate::kernels::step::Step;
use crate::model::{Network, Parameters};
use crate::program::lower;
use crate::program::{Memory, Plan, Program};
use std::ops::Range;
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
    program: Program,
    losses: Tensor,
    staging: [Staging; 2],
    pace: Pace,
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

/// A submission whose losses are still to come.
struct InFlight {
    readback: PendingReadback,
    /// Its steps, counted from the epoch's start.
    steps: Range<usize>,
}

impl<'a> Trainer<'a> {
    /// Puts images and initial parameters on the GPU and records the program of a step, as suits the adapter.
    ///
    /// # Errors
    /// A batch larger than the data, or a GPU that has too little room.
    pub fn new(gpu: &'a Gpu, config: &'a Config, images: &Images, parameters: &Parameters) -> Result<Self, Error> {
        let network = config.network(images.shape().pixels());
        Self::with_plan(gpu, config, images, parameters, Plan::of(gpu, &network))
    }

    /// The same with a plan of the caller's choice.
    pub fn with_plan(
        gpu: &'a Gpu,
        config: &'a Config,
        images: &Images,
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
        let samples = upload_images(gpu, &mut memory, "training images", images)?;
        let lowered = lower::training(
            &network,
            config.loss,
            config.optimizer,
            samples,
            Order::Shuffled,
            batches.batch_size,
            MOST_STEPS_PER_SUBMISSION,
            plan.layout(gpu, &network, batches.batch_size),
        );
        memory.place(gpu, &lowered.graph)?;
        memory.upload_parameters(gpu, &network, parameters)?;
        let program = Program::new(gpu, &lowered.graph, &memory, plan.products, MOST_STEPS_PER_SUBMISSION)?;
        let losses = memory.tensor(&lowered.graph, lowered.losses)?.clone();
        let staging = [Staging::new(gpu, MOST_STEPS_PER_SUBMISSION)?, Staging::new(gpu, MOST_STEPS_PER_SUBMISSION)?];
        let pace = Pace::new(MOST_STEPS_PER_SUBMISSION);
        Ok(Self { gpu, config, network, batches, memory, program, losses, staging, pace })
    }

    pub fn program(&self) -> &Program {
        &self.program
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
        let mut last_finish = started;
        let mut losses = Vec::with_capacity(self.batches.count());
        let mut next = self.submit(epoch, 0)?;
        while let Some(current) = next {
            // The submission that follows is recorded and queued before this one is waited for, so that the GPU always has work.
            next = self.submit(epoch, current.steps.end)?;
            let arrived: Vec<f32> = current.readback.wait(self.gpu)?;
            self.pace.finished(current.steps.len(), last_finish.elapsed());
            last_finish = Instant::now();
            self.refuse_divergence(epoch, current.steps.start, &arrived)?;
            losses.extend(arrived);
            if let Some(&loss) = losses.last() {
                advanced(Advance { steps: losses.len(), loss, seconds: started.elapsed().as_secs_f64() });
            }
        }
        Ok(losses)
    }

    /// Submits the epoch's steps from `first` on, as many as the pace allows; none if the epoch is over.
    fn submit(&mut self, epoch: u32, first: usize) -> Result<Option<InFlight>, Error> {
        let end = self.batches.count().min(first + self.pace.steps());
        if first == end {
            return Ok(None);
        }
        let (optimizer, seed) = (&self.config.optimizer, self.config.training.seed);
        let rows: Vec<Step> =
            (first..end).map(|place| self.batches.training(optimizer, seed, epoch, place, place - first)).collect();
        let commands = self.program.record(self.gpu, &rows)?;
        // The other staging buffer still waits for the submission before.
        self.staging.swap(0, 1);
        let readback = self.staging[0].submit_and_read(self.gpu, commands, &self.losses, rows.len())?;
        Ok(Some(InFlight { readback, steps: first..end }))
    }

    fn refuse_divergence(&self, epoch: u32, first: usize, losses: &[f32]) -> Result<(), Error> {
        match losses.iter().position(|loss| !loss.is_finite()) {
            None => Ok(()),
            Some(place) => Err(self.diverged(format!("the loss is {}", losses[place]), epoch, first + place)),
        }
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
        self.diverged(what, epoch, self.batches.count() - 1)
    }

    /// The error for what was found after the step at `place` of an epoch.
    fn diverged(&self, what: String, epoch: u32, place: usize) -> Error {
        Error::Diverged {
            what,
            step: u64::from(epoch) * self.batches.count() as u64 + place as u64 + 1,
            epoch: epoch + 1,
            learning_rate: self.config.optimizer.learning_rate,
        }
    }
}
