//! The stages of a training on one device, each with everything that it needs there.

use super::checkpoint::{Best, Checkpoint, TrainingProgress};
use super::checkpointer::{Checkpointer, CheckpointerSettings};
use super::history::{curve, description, merit, of_whole, test_loss};
use super::starting_point::{StartingPoint, identity};
use super::{Batches, Destination, Evaluator, Reconstructor, RunDirectory, Stage, Trainer};
use crate::config::Config;
use crate::data::{Dataset, Images, Split};
use crate::error::Error;
use crate::gpu::Gpu;
use crate::model::{Network, TrainingState, initial_parameters};
use crate::program::Plan;
use crate::reference::Loss;
use crate::report::files::save_png;
use crate::report::grid::tile_images;
use crate::report::metrics::{EpochMetrics, RunSummary, append_metrics, cut_metrics, write_summary};
use crate::report::plot::{Series, loss_plot};
use crate::report::progress::{Progress, Verbosity};
use std::sync::atomic::AtomicBool;

/// How many pairs of the picture of reconstructions stand side by side.
const PICTURE_COLUMNS: usize = 16;

/// A training on one device, from where it starts to its end.
pub struct TrainingAttempt<'a> {
    pub gpu: &'a Gpu,
    /// As the user gave it, whatever became of the learning rate since.
    pub config: &'a Config,
    /// As it is trained.
    pub slowed: &'a Config,
    pub dataset: &'a Dataset,
    /// Of the data set: [`Dataset::sha256`].
    pub data_sha256: &'a str,
    /// What of the test images the picture of reconstructions shows.
    pub pictured: &'a Images,
    pub verbosity: Verbosity,
    /// Set from elsewhere to have the training saved and stopped.
    pub stop: &'a AtomicBool,
    pub start: &'a StartingPoint,
    pub plan: Plan,
}

/// What stays from one stage of a run to the next beside the network: how far it has come, and what was measured after each epoch.
struct RunState<'a> {
    checkpointer: Checkpointer<'a>,
    history: Vec<EpochMetrics>,
}

impl<'a> TrainingAttempt<'a> {
    /// Trains stage by stage and writes everything that a run leaves, into a directory that is made once the first stage can begin.
    ///
    /// # Errors
    /// Whatever ends a run.
    pub fn train(&self, destination: &Destination, made: &mut Option<RunDirectory>) -> Result<(), Error> {
        let network = self.config.network(self.dataset.shape().pixels());
        let stages = Stage::all(self.slowed, &network);
        let progress = self.start.metadata().map(|metadata| metadata.progress.clone()).unwrap_or_default();
        let mut state = match &self.start.checkpoint {
            Some(checkpoint) => checkpoint.state.clone(),
            None => initial_state(self.config, &network),
        };
        if stages.iter().any(|stage| (stage.before, 0) == (progress.epochs, progress.steps)) {
            state = afresh(&state);
        }
        let mut run: Option<RunState<'a>> = None;
        let mut left = stages.iter().peekable();
        while let Some(stage) = left.next() {
            let is_last = left.peek().is_none();
            if progress.epochs >= stage.epochs().end && !is_last {
                continue;
            }
            let mut session = Session::new(self, stage, &state)?;
            let directory = match made {
                Some(directory) => directory,
                None => made.insert(destination.create(self.config)?),
            };
            let mut run_state = match run.take() {
                Some(run) => run,
                None => self.begin(&network, session.trainer.batches(), directory)?,
            };
            session.train(directory, &mut run_state).map_err(|error| session.in_run(error))?;
            if is_last {
                return session.finish(directory, run_state);
            }
            state = afresh(&session.trainer.state()?);
            run = Some(run_state);
        }
        Ok(())
    }

    fn begin(&self, network: &Network, batches: Batches, directory: &RunDirectory) -> Result<RunState<'a>, Error> {
        let (config, metadata) = (self.config, self.start.metadata());
        let history = cut_metrics(&directory.metrics(), metadata.map_or(0, |metadata| metadata.progress.epochs))?;
        let settings = CheckpointerSettings {
            config,
            network: network.clone(),
            batches,
            data_sha256: self.data_sha256,
            adapter: identity(self.gpu),
            plan: self.plan.name(),
            bar: Progress::new(self.verbosity, config.all_epochs(), batches.count() as u64),
            stop: self.stop,
            checkpoints: directory.checkpoints(),
        };
        Ok(RunState { checkpointer: Checkpointer::new(settings, metadata, self.start.rollbacks), history })
    }
}

/// A training that has not begun.
fn initial_state(config: &Config, network: &Network) -> TrainingState {
    let parameters = initial_parameters(network, config.network.initialization, config.training.seed);
    TrainingState::initial(&parameters, config.optimizer.algorithm.moments())
}

/// The state with which a stage begins that goes on with these parameters.
fn afresh(state: &TrainingState) -> TrainingState {
    TrainingState::initial(state.parameters(), state.moments())
}

/// A stage on one device.
struct Session<'s> {
    attempt: &'s TrainingAttempt<'s>,
    stage: &'s Stage,
    trainer: Trainer<'s>,
    evaluator: Evaluator<'s>,
    reconstructor: Reconstructor<'s>,
}

impl<'s> Session<'s> {
    /// Puts everything on the GPU.
    fn new(attempt: &'s TrainingAttempt<'s>, stage: &'s Stage, state: &TrainingState) -> Result<Self, Error> {
        let TrainingAttempt { gpu, dataset, pictured, plan, .. } = *attempt;
        let Stage { config, network, frozen, outer, .. } = stage;
        let images = dataset.split(Split::Train)?;
        let mut trainer = Trainer::of_part(gpu, config, images, network, frozen, state.parameters(), plan)?;
        trainer.restore(state)?;
        let test_images = dataset.split(Split::Test)?;
        let evaluator = Evaluator::new(gpu, outer, trainer.memory_mut(), "test images", test_images)?;
        let reconstructor = Reconstructor::new(gpu, outer, trainer.memory_mut(), "pictured images", pictured)?;
        Ok(Self { attempt, stage, trainer, evaluator, reconstructor })
    }

    /// Trains to the end of the stage, or until it is stopped or has lost its patience.
    fn train(&mut self, directory: &RunDirectory, run: &mut RunState<'_>) -> Result<(), Error> {
        let Config { schedule, loss, .. } = self.attempt.config;
        let RunState { checkpointer, history } = run;
        while checkpointer.progress.epochs < self.stage.epochs().end && !checkpointer.is_out_of_patience() {
            let measured: Vec<f64> = of_whole(history).map(merit(*loss)).collect();
            let share = if self.stage.name.is_none() { schedule.share_after(measured) } else { 1.0 };
            self.trainer.scale_learning_rate(share);
            self.train_epoch(checkpointer)?;
            if checkpointer.is_stopped() {
                let (step, epoch) = (checkpointer.step(), checkpointer.progress.epochs + 1);
                checkpointer.save(self.trainer.state()?, false)?;
                checkpointer.wait()?;
                return Err(Error::Interrupted { run: directory.path().display().to_string(), step, epoch });
            }
            let metrics = self.measure_epoch(checkpointer)?;
            append_metrics(&directory.metrics(), &metrics)?;
            checkpointer.epoch_ends(&metrics, || self.trainer.state())?;
            history.push(metrics);
        }
        Ok(())
    }

    /// Writes everything that a run leaves at its end.
    fn finish(mut self, directory: &RunDirectory, run: RunState<'_>) -> Result<(), Error> {
        let TrainingAttempt { gpu, config, pictured, plan, start, .. } = *self.attempt;
        let RunState { checkpointer, history } = run;
        let (wall_seconds, best) = (checkpointer.wall_seconds(), checkpointer.best());
        let is_cut_short = checkpointer.progress.epochs < self.stage.epochs().end;
        checkpointer.finish()?;

        let best = best.filter(|_| config.training.patience > 0);
        if let Some(Best { epoch, loss }) = best {
            self.go_back_to_best(directory, epoch)?;
            if is_cut_short {
                tracing::info!(
                    "ended early: no epoch after epoch {epoch} had a smaller loss on the test images than {loss:.5}"
                );
            }
        }
        // The epoch that the model is of.
        let epoch = best.map_or(history.len(), |best| best.epoch as usize);
        let of_model = epoch.checked_sub(1).and_then(|index| history.get(index)).cloned();
        let of_model = of_model.ok_or_else(|| Error::Usage("training.epochs must be at least 1".into()))?;
        let parameters = self.trainer.finite_parameters(of_model.epoch.saturating_sub(self.stage.before));
        directory.save_model(config, &parameters.map_err(|error| self.in_run(error))?)?;
        let summary = RunSummary {
            epoch_of_model: of_model,
            adapter: identity(gpu),
            parameter_count: self.trainer.network().parameter_count() as u64,
            plan: plan.name(),
            dispatches_per_step: self.trainer.program().dispatches_per_step() as u32,
            gpu_bytes: gpu.most_buffer_bytes(),
            rollbacks: start.rollbacks,
            wall_seconds,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        write_summary(&directory.summary(), &summary)?;
        plot_losses(config.loss, &history, directory)?;
        picture_reconstructions(gpu, &mut self.reconstructor, pictured, directory)
    }

    /// What went wrong in a step of the stage, with that step's number in the run.
    fn in_run(&self, mut error: Error) -> Error {
        if let Error::Diverged { step, epoch, .. } = &mut error {
            *step += u64::from(self.stage.before) * self.trainer.steps_per_epoch() as u64;
            *epoch += self.stage.before;
        }
        error
    }

    /// Puts the parameters after the best epoch, which is known, back on the GPU.
    fn go_back_to_best(&mut self, directory: &RunDirectory, epoch: u32) -> Result<(), Error> {
        let path = directory.checkpoints().best();
        let unusable = |what: String| {
            Error::Run(format!(
                "{what}: train anew in another directory, or go on without it by diabolo train --resume --output {} --set training.patience=0",
                directory.path().display()
            ))
        };
        let checkpoint = Checkpoint::load(&path).map_err(|error| unusable(error.to_string()))?;
        let of_epoch = checkpoint.metadata.progress.epochs;
        if of_epoch != epoch {
            return Err(unusable(format!("{} is of epoch {of_epoch}, but the best was epoch {epoch}", path.display())));
        }
        self.trainer.restore(&checkpoint.state)
    }

    /// Trains for an epoch, or for what is left of it.
    fn train_epoch(&mut self, checkpointer: &mut Checkpointer<'_>) -> Result<(), Error> {
        checkpointer.epoch_begins();
        let (epoch, first) = (checkpointer.progress.epochs - self.stage.before, checkpointer.progress.steps);
        self.trainer.train_steps(epoch, first, checkpointer)
    }

    /// Measures the test images after an epoch.
    fn measure_epoch(&mut self, checkpointer: &Checkpointer<'_>) -> Result<EpochMetrics, Error> {
        let TrainingProgress { epochs, loss_sum, seconds, .. } = checkpointer.progress;
        let errors = self.evaluator.errors(self.attempt.gpu)?;
        if !errors.are_finite() {
            let what =
                format!("the test images' cross-entropy is {} and their squared error {}", errors.bce, errors.sse);
            return Err(self.trainer.diverged_after(what, epochs - self.stage.before));
        }
        let images = self.trainer.batches().sample_count as f64;
        Ok(EpochMetrics {
            epoch: epochs + 1,
            stage: self.stage.name.clone(),
            step: checkpointer.step(),
            train_loss: loss_sum / images,
            test_bce: errors.bce,
            test_mse: errors.mse,
            test_sse: errors.sse,
            seconds,
            images_per_second: images / seconds,
        })
    }
}

fn picture_reconstructions(
    gpu: &Gpu,
    reconstructor: &mut Reconstructor<'_>,
    images: &Images,
    directory: &RunDirectory,
) -> Result<(), Error> {
    let pairs = reconstructor.reconstruct(gpu)?;
    let grid = tile_images(&[&pairs.originals, &pairs.reconstructions], images.shape(), PICTURE_COLUMNS)?;
    Ok(save_png(&directory.reconstructions(), &grid.picture)?)
}

/// The loss on the training images and, where it is measured, on the test images, epoch by epoch.
fn plot_losses(loss: Loss, history: &[EpochMetrics], directory: &RunDirectory) -> Result<(), Error> {
    let series =
        |label: &str, measure| Series { label: label.to_owned(), points: curve(history, measure), dashed: Vec::new() };
    let training = series("training", |metrics| metrics.train_loss);
    let test = test_loss(loss).map(|measure| series("test", measure));
    let series: Vec<Series> = [training].into_iter().chain(test).collect();
    Ok(loss_plot(&directory.loss_plot(), &series, description(loss))?)
}
