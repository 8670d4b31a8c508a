//! The callback of a training: knows how far it has come, saves it when that is due, and breaks it off when that is wanted.

use super::checkpoint::{Best, Checkpoint, CheckpointMetadata, TrainingProgress};
use super::checkpoints::{CheckpointWriter, Checkpoints};
use super::history::merit;
use super::pass::TrainingCallback;
use super::steps::Batches;
use crate::config::Config;
use crate::error::Error;
use crate::model::{Network, TrainingState};
use crate::report::metrics::{AdapterIdentity, EpochMetrics};
use crate::report::progress::Progress;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The callback of a run's trainings.
pub struct Checkpointer<'a> {
    /// As the user gave it, whatever became of the learning rate since.
    config: &'a Config,
    network: Network,
    batches: Batches,
    data_sha256: &'a str,
    adapter: AdapterIdentity,
    plan: String,
    bar: Progress,
    stop: &'a AtomicBool,
    writer: CheckpointWriter,
    pub progress: TrainingProgress,
    best: Option<Best>,
    rollbacks: u32,
    /// The state at the end of an epoch that is still to be measured.
    at_end: Option<TrainingState>,
    /// When the steps since the last interruption began, and what those before took.
    began: Instant,
    seconds_before: f64,
    last_saved: Instant,
    run_began: Instant,
    wall_seconds_before: f64,
}

/// What a checkpointer goes by.
pub struct CheckpointerSettings<'a> {
    pub config: &'a Config,
    pub network: Network,
    pub batches: Batches,
    /// Of the data: [`Dataset::sha256`](crate::data::Dataset::sha256).
    pub data_sha256: &'a str,
    pub adapter: AdapterIdentity,
    pub plan: String,
    pub bar: Progress,
    pub stop: &'a AtomicBool,
    pub checkpoints: Checkpoints,
}

impl<'a> Checkpointer<'a> {
    /// At the start of a training, or where it stood; with its learning rate halved so often.
    pub fn new(settings: CheckpointerSettings<'a>, metadata: Option<&CheckpointMetadata>, rollbacks: u32) -> Self {
        let CheckpointerSettings { config, network, batches, data_sha256, adapter, plan, bar, stop, checkpoints } =
            settings;
        let progress = metadata.map(|metadata| metadata.progress.clone()).unwrap_or_default();
        Self {
            config,
            network,
            batches,
            data_sha256,
            adapter,
            plan,
            bar,
            stop,
            writer: CheckpointWriter::new(checkpoints),
            best: metadata.and_then(|metadata| metadata.best),
            rollbacks,
            at_end: None,
            began: Instant::now(),
            seconds_before: progress.seconds,
            last_saved: Instant::now(),
            run_began: Instant::now(),
            wall_seconds_before: metadata.map_or(0.0, |metadata| metadata.wall_seconds),
            progress,
        }
    }

    /// Whether the user or the system wants the training to stop.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// Whether all steps of the epoch are done.
    pub fn epoch_is_trained(&self) -> bool {
        self.progress.steps == self.batches.count()
    }

    /// Whether so many epochs have passed without a smaller loss on the test images as the training has patience for.
    pub fn is_out_of_patience(&self) -> bool {
        let patience = self.config.training.patience;
        let since = self.best.map_or(0, |best| self.progress.epochs.saturating_sub(best.epoch));
        patience > 0 && since >= patience
    }

    /// The epoch with the smallest loss on the test images.
    pub fn best(&self) -> Option<Best> {
        self.best
    }

    /// Steps done in all.
    pub fn step(&self) -> u64 {
        u64::from(self.progress.epochs) * self.batches.count() as u64 + self.progress.steps as u64
    }

    /// What the whole training took so far, in seconds.
    pub fn wall_seconds(&self) -> f64 {
        self.wall_seconds_before + self.run_began.elapsed().as_secs_f64()
    }

    /// To be told before the steps of an epoch, or the rest of them.
    pub fn epoch_begins(&mut self) {
        self.bar.begin_at(self.step());
        self.began = Instant::now();
        self.seconds_before = self.progress.seconds;
    }

    /// To be told when an epoch has been measured. Saves the training, of which `state` is the state if it has not been copied along with
    /// the last step.
    ///
    /// # Errors
    /// A fault of the GPU, or a checkpoint that could not be written.
    pub fn epoch_ends(
        &mut self,
        metrics: &EpochMetrics,
        state: impl FnOnce() -> Result<TrainingState, Error>,
    ) -> Result<(), Error> {
        let state = self.at_end.take().map_or_else(state, Ok)?;
        self.progress = TrainingProgress { epochs: metrics.epoch, ..TrainingProgress::default() };
        let loss = merit(self.config.loss)(metrics);
        // A network that is not trained whole yet is no candidate.
        let is_best = metrics.stage.is_none() && self.best.is_none_or(|best| loss < best.loss);
        if is_best {
            self.best = Some(Best { epoch: metrics.epoch, loss });
        }
        self.save(state, is_best)?;
        self.bar.epoch_finished(metrics);
        Ok(())
    }

    /// Begins to save the training as it stands.
    ///
    /// # Errors
    /// The checkpoint before could not be written.
    pub fn save(&mut self, state: TrainingState, is_best: bool) -> Result<(), Error> {
        self.last_saved = Instant::now();
        let metadata = CheckpointMetadata {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            adapter: self.adapter.clone(),
            plan: self.plan.clone(),
            step: self.step(),
            progress: self.progress.clone(),
            best: self.best,
            rollbacks: self.rollbacks,
            training_images: self.batches.sample_count,
            data_sha256: self.data_sha256.to_owned(),
            wall_seconds: self.wall_seconds(),
        };
        let checkpoint = Checkpoint { config: self.config.clone(), network: self.network.clone(), metadata, state };
        self.writer.save(checkpoint, is_best)
    }

    /// Waits until everything is saved.
    ///
    /// # Errors
    /// A checkpoint could not be written.
    pub fn wait(&mut self) -> Result<(), Error> {
        self.writer.finish()
    }

    /// The same, and clears the bar.
    ///
    /// # Errors
    /// As for [`Self::wait`].
    pub fn finish(mut self) -> Result<(), Error> {
        self.wait()?;
        self.bar.finish();
        Ok(())
    }

    /// The step of the whole training that follows `place` steps of this epoch.
    fn step_at(&self, place: usize) -> u64 {
        u64::from(self.progress.epochs) * self.batches.count() as u64 + place as u64
    }
}

impl TrainingCallback for Checkpointer<'_> {
    fn end(&mut self, most: Range<usize>) -> usize {
        if self.is_stopped() {
            return most.start;
        }
        let every = self.config.checkpoint.every_steps;
        if every == 0 {
            return most.end;
        }
        // Not beyond the next step that is to be saved.
        let until = every - self.step_at(most.start) % every;
        most.end.min(most.start.saturating_add(usize::try_from(until).unwrap_or(usize::MAX)))
    }

    fn wants_state(&mut self, places: &Range<usize>) -> bool {
        if places.end == self.batches.count() {
            return true;
        }
        let checkpoint = &self.config.checkpoint;
        let steps = checkpoint.every_steps > 0 && self.step_at(places.end).is_multiple_of(checkpoint.every_steps);
        let since = Duration::try_from_secs_f64(60.0 * checkpoint.every_minutes).unwrap_or(Duration::MAX);
        let minutes = checkpoint.every_minutes > 0.0 && self.last_saved.elapsed() >= since;
        // A slow disk gets fewer checkpoints rather than a slow training.
        (steps || minutes) && !self.writer.is_busy()
    }

    fn advanced(&mut self, places: Range<usize>, losses: &[f32]) -> Result<(), Error> {
        let progress = &mut self.progress;
        progress.loss_sum = self.batches.summed(places.start, losses, progress.loss_sum);
        progress.steps = places.end;
        progress.seconds = self.seconds_before + self.began.elapsed().as_secs_f64();
        if let Some(&loss) = losses.last() {
            let seen = self.batches.positions(&(0..places.end)).end;
            self.bar.advance(self.step(), f64::from(loss), seen as f64 / self.progress.seconds);
        }
        Ok(())
    }

    fn keep(&mut self, state: TrainingState) -> Result<(), Error> {
        if self.epoch_is_trained() {
            self.at_end = Some(state);
            return Ok(());
        }
        self.save(state, false)
    }
}
