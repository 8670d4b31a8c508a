//! Training on one GPU: many steps a submission, only losses read back.

use super::choice::{labels_to_balance, upload_choice};
use super::loader::Loader;
use super::pass::{Pass, TrainingCallback, diverged, state_of};
use super::steps::Batches;
use super::submissions::Submissions;
use crate::config::Config;
use crate::data::Images;
use crate::error::Error;
use crate::gpu::{Commands, Gpu, Snapshot, Tensor};
use crate::model::{Additions, Network, Parameters, TrainingState};
use crate::program::lower::{self, Labels, Watched};
use crate::program::{FusedLayout, Graph, Memory, Plan, Program};
use crate::reference::balance::Balance;
use crate::reference::shuffle::Shuffle;
use crate::reference::{Balancing, Moments};
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
    /// What images are drawn by, where they are drawn class by class.
    balance: Option<Balance>,
    /// What the losses of earlier epochs leave of the learning rate.
    rate_share: f64,
    memory: Memory,
    losses: Tensor,
    /// What the findings in the other tensor tell of.
    graph: Graph,
    watched: Watched,
    found: Tensor,
    submissions: Submissions<'a>,
    /// Where the state is copied to on its way to the host, once it is wanted.
    snapshot: Option<Snapshot>,
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
        let plan = Plan::usual(gpu, &network, config.training.batch_size, &config.additions());
        Self::with_plan(gpu, config, images, parameters, plan)
    }

    /// The same with a plan of the caller's choice.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn with_plan(
        gpu: &'a Gpu,
        config: &'a Config,
        images: &'a Images,
        parameters: &Parameters,
        plan: Plan,
    ) -> Result<Self, Error> {
        let network = config.network(images.shape().pixels());
        Self::of_part(gpu, config, images, &network, &Network::default(), parameters, plan)
    }

    /// The same of a part of the configuration's network, behind layers whose parameters stay: what those give is what it is to give back.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn of_part(
        gpu: &'a Gpu,
        config: &'a Config,
        images: &'a Images,
        part: &Network,
        frozen: &Network,
        parameters: &Parameters,
        plan: Plan,
    ) -> Result<Self, Error> {
        let (batch_size, pixels) = (config.training.batch_size, part.pixels());
        let batches = Batches { sample_count: images.len(), batch_size, pixels };
        if batches.batch_size > batches.sample_count {
            return Err(Error::Usage(format!(
                "training.batch_size is {}, but there are only {} training images: use --batch {} or less",
                batches.batch_size, batches.sample_count, batches.sample_count
            )));
        }
        let balancing = config.training.balance;
        let labels = match balancing {
            Balancing::None => None,
            Balancing::Weights | Balancing::Sampling => Some(labels_to_balance(images, balancing)?),
        };
        let weights = images.relative_weights(balancing);
        if weights.is_none() && images.has_weights() {
            return Err(Error::Usage("all images to train on have the weight 0: give some another one".to_owned()));
        }
        let network = config.network(images.shape().pixels());
        let mut memory = Memory::default();
        let at_once = batch_size..=batch_size * MOST_STEPS_PER_SUBMISSION;
        let loader = Loader::new(gpu, &mut memory, "training images", images, at_once)?;
        let balance = labels.filter(|_| balancing == Balancing::Sampling).map(Balance::new);
        if balance.is_some() && weights.is_some() && loader.is_streamed() {
            return Err(Error::Usage(
                "the images take more than the GPU's memory for a data set, so that those that have weights cannot be drawn class by class: \
                 use a larger --gpu-memory, or leave data.weights or --balance out"
                    .to_owned(),
            ));
        }
        // Where images are streamed, the host draws them.
        let drawn = balance.as_ref().filter(|_| !loader.is_streamed());
        let drawn = drawn.map(|balance| Labels { count: images.len(), balanced_classes: Some(balance.classes()) });
        let settings = lower::StepSettings {
            loss: config.loss,
            moments: config.optimizer.algorithm.moments(),
            additions: Additions { weighs: weights.is_some(), ..config.additions() },
            weighted: weights.as_ref().map(Vec::len),
            order: loader.shuffled_order(),
            drawn,
            corruption: config.corruption,
            batch_size,
            steps_per_submission: MOST_STEPS_PER_SUBMISSION,
            fuses_updates: plan.products.fuse_updates(),
        };
        let is_first = frozen.layers().is_empty();
        let layout = if is_first { plan.layout(gpu, part, batch_size) } else { None };
        let layout = match config.corruption.is_none() {
            true => layout,
            false => layout.map(FusedLayout::with_targets_apart),
        };
        let lowered = match is_first {
            true => lower::training(part, loader.samples(), &settings, layout),
            false => lower::training_behind(frozen, part, loader.samples(), &settings),
        };
        memory.place(gpu, &lowered.graph)?;
        // What belongs to the state, but not to the part.
        for (name, shape) in TrainingState::names(&network, settings.moments) {
            memory.tensor_named(gpu, &name, shape.rows, shape.columns)?;
        }
        memory.upload_parameters(gpu, &network, parameters)?;
        let program = Program::new(gpu, &lowered.graph, &memory, plan.products, MOST_STEPS_PER_SUBMISSION)?;
        let lower::Training { graph, choice, weights: weights_tensor, losses, watched } = lowered;
        if let Some((choice, labels)) = choice.zip(labels) {
            upload_choice(gpu, &memory, &graph, choice, labels, balance.as_ref())?;
        }
        if let (Some(tensor), Some(weights)) = (weights_tensor, &weights) {
            memory.tensor(&graph, tensor)?.upload(gpu, weights)?;
        }
        let losses = memory.tensor(&graph, losses)?.clone();
        let found = memory.tensor(&graph, watched.found)?.clone();
        let most_results = MOST_STEPS_PER_SUBMISSION + found.len();
        let submissions = Submissions::new(gpu, batches, loader, program, MOST_STEPS_PER_SUBMISSION, most_results)?;
        Ok(Self {
            gpu,
            config,
            network,
            batches,
            balance,
            rate_share: 1.0,
            memory,
            losses,
            graph,
            watched,
            found,
            submissions,
            snapshot: None,
        })
    }

    /// Has the epochs to come take this share of the learning rate that the schedule gives each of their steps.
    pub fn scale_learning_rate(&mut self, share: f64) {
        self.rate_share = share;
    }

    /// What runs for each batch.
    pub fn program(&self) -> &Program {
        self.submissions.program()
    }

    /// The tensors on the GPU, the parameters among them, for programs that share them.
    pub fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// The network in training.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// How the images of an epoch are divided among its steps.
    pub fn batches(&self) -> Batches {
        self.batches
    }

    /// Steps in an epoch.
    pub fn steps_per_epoch(&self) -> usize {
        self.batches.count()
    }

    /// The parameters as they are now.
    ///
    /// # Errors
    /// A fault of the GPU.
    pub fn parameters(&self) -> Result<Parameters, Error> {
        Ok(self.memory.download_parameters(self.gpu, &self.network)?)
    }

    /// Everything that training changes, as it is now.
    ///
    /// # Errors
    /// A fault of the GPU.
    pub fn state(&self) -> Result<TrainingState, Error> {
        let snapshot = Snapshot::new(self.gpu, self.state_tensors()?)?;
        let mut commands = Commands::new(self.gpu);
        let pending = snapshot.record(&mut commands);
        self.gpu.run(commands)?;
        Ok(state_of(&self.network, self.moments(), pending.wait(self.gpu)?))
    }

    fn moments(&self) -> Moments {
        self.config.optimizer.algorithm.moments()
    }

    fn state_tensors(&self) -> Result<Vec<Tensor>, Error> {
        Ok(self.memory.state_tensors(&self.network, self.moments())?)
    }

    /// Replaces everything that training changes.
    ///
    /// # Errors
    /// A fault of the GPU.
    pub fn restore(&mut self, state: &TrainingState) -> Result<(), Error> {
        for (tensor, values) in self.state_tensors()?.iter().zip(state.values()) {
            tensor.upload(self.gpu, values)?;
        }
        Ok(())
    }

    /// Takes every training image once, or draws as many as there are; returns the mean loss of its images, each measured before the
    /// update it led to.
    ///
    /// `epoch` counts from 0; `advanced` is told of every submission that has finished.
    ///
    /// # Errors
    /// A loss that is not finite, or a fault of the GPU.
    pub fn train_epoch(&mut self, epoch: u32, advanced: impl FnMut(Advance)) -> Result<f64, Error> {
        let losses = self.epoch_losses(epoch, advanced)?;
        Ok(self.batches.summed(0, &losses, 0.0) / self.batches.sample_count as f64)
    }

    /// Trains for an epoch and returns the loss of each step.
    ///
    /// # Errors
    /// As for [`Self::train_epoch`].
    pub fn epoch_losses(&mut self, epoch: u32, mut advanced: impl FnMut(Advance)) -> Result<Vec<f32>, Error> {
        let started = Instant::now();
        let mut losses = Vec::with_capacity(self.batches.count());
        self.run(epoch, 0, None, &mut |_: Range<usize>, arrived: &[f32]| {
            losses.extend(arrived);
            if let Some(&loss) = losses.last() {
                advanced(Advance { steps: losses.len(), loss, seconds: started.elapsed().as_secs_f64() });
            }
            Ok(())
        })?;
        Ok(losses)
    }

    /// Trains from the step at `first` of an epoch on, until it is over or `callback` breaks it off.
    ///
    /// # Errors
    /// As for [`Self::train_epoch`], or what the callback returns.
    pub fn train_steps(&mut self, epoch: u32, first: usize, callback: &mut impl TrainingCallback) -> Result<(), Error> {
        // Taken out while the pass uses it, and put back whatever comes of that.
        let snapshot = match self.snapshot.take() {
            Some(snapshot) => snapshot,
            None => Snapshot::new(self.gpu, self.state_tensors()?)?,
        };
        let done = self.run(epoch, first, Some(&snapshot), callback);
        self.snapshot = Some(snapshot);
        done
    }

    fn run(
        &mut self,
        epoch: u32,
        first: usize,
        snapshot: Option<&Snapshot>,
        callback: &mut impl TrainingCallback,
    ) -> Result<(), Error> {
        let (config, batches) = (self.config, self.batches);
        let shuffle = Shuffle::new(batches.sample_count as u32, config.training.seed, epoch);
        let balance = &self.balance;
        let image_at = |position| match balance {
            Some(balance) => balance.sample_at(config.training.seed, epoch, position),
            None => shuffle.sample_at(position),
        };
        let (gpu, network, graph, watched) = (self.gpu, &self.network, &self.graph, &self.watched);
        let rate_share = self.rate_share;
        let pending = None;
        let mut pass =
            Pass { gpu, config, batches, rate_share, network, graph, watched, epoch, snapshot, pending, callback };
        self.submissions.run(
            gpu,
            first,
            Some(&image_at),
            |place, slot| batches.training(config, rate_share, epoch, place, slot),
            |steps| vec![(&self.losses, 0..steps.len()), (&self.found, 0..self.found.len())],
            &mut pass,
        )
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
        diverged(self.config, &self.batches, self.rate_share, what, epoch, self.batches.count() - 1)
    }
}
