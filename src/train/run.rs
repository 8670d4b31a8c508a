//! A whole run: epochs of training, each followed by an evaluation, into a run directory.

use super::checkpoint::{Best, Checkpoint, Position, Standing};
use super::history::{curve, description, merit, test_loss};
use super::keeper::{Keeper, KeeperParts};
use super::{Destination, Evaluator, Reconstructor, RunDirectory, Trainer};
use crate::config::Config;
use crate::data::{Dataset, Images, Split};
use crate::error::Error;
use crate::gpu::Gpu;
use crate::model::{Network, TrainingState, initial_parameters};
use crate::program::{Plan, refuse_too_large};
use crate::reference::Loss;
use crate::report::ReportError;
use crate::report::files::save_png;
use crate::report::grid::reconstruction_grid;
use crate::report::metrics::{AdapterIdentity, EpochMetrics, RunSummary, append_metrics, cut_metrics, write_summary};
use crate::report::plot::{Series, loss_plot};
use crate::report::progress::{Progress, Verbosity};
use std::sync::atomic::AtomicBool;

/// Pairs in the picture of reconstructions, and how many stand side by side.
const PICTURED_IMAGES: usize = 32;
const PICTURE_COLUMNS: usize = 16;

/// How often a run goes back to a checkpoint and halves its learning rate before it gives up.
const MOST_ROLLBACKS: u32 = 5;

/// What to do when a training diverges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDivergence {
    /// End the run.
    #[default]
    Stop,
    /// Go back to the newest checkpoint and on with half the learning rate, a few times.
    RollBack,
}

/// How a run behaves; what it computes, its configuration says.
#[derive(Clone, Copy, Debug)]
pub struct Manner<'a> {
    pub verbosity: Verbosity,
    pub on_divergence: OnDivergence,
    /// How a new training is to run; as suits the adapter if left out. One that is resumed goes on as it was begun.
    pub plan: Option<Plan>,
    /// Set from elsewhere to have the training saved and stopped.
    pub stop: &'a AtomicBool,
}

/// Trains as `config` says and fills a directory, which is made only when training can begin. A training that was stopped goes on from its
/// newest checkpoint, and becomes what it would have been. So does one whose device is lost, once, on a new one.
///
/// # Errors
/// A batch larger than the data, a network too large for the GPU or a fault of it, a training that diverges or is to stop, a
/// checkpoint that is damaged or of another training, or a file that cannot be written.
pub fn run(
    gpu: &Gpu,
    config: &Config,
    dataset: &Dataset,
    destination: &Destination,
    manner: Manner<'_>,
) -> Result<RunDirectory, Error> {
    let network = config.network(dataset.shape().pixels());
    // The host would already run out of memory over the initial values of layers that no adapter could hold.
    refuse_too_large(gpu, &network, config.optimizer.algorithm.moments())?;
    let mut start = match destination {
        Destination::Existing(directory) => Start::newest(directory, 0)?,
        Destination::Named(_) | Destination::Numbered(_) => Start::default(),
    };
    start.check(gpu, config, dataset)?;
    let pictured = dataset.test().spread(PICTURED_IMAGES);
    let mut reopened: Option<Gpu> = None;
    let mut made: Option<RunDirectory> = None;
    let mut lost_at = None;
    loop {
        let gpu = reopened.as_ref().unwrap_or(gpu);
        // A diverged training goes on more slowly; what it was begun with stays in its files.
        let mut slowed = config.clone();
        slowed.optimizer.learning_rate *= 0.5f64.powi(start.rollbacks.cast_signed());
        let plan = start
            .plan(gpu, &network, config)
            .or(manner.plan)
            .unwrap_or_else(|| Plan::of_training(gpu, &network, &config.optimizer));
        let trained = Session::new(gpu, config, &slowed, dataset, &pictured, &start, plan).and_then(|session| {
            let directory = match made.take() {
                Some(directory) => directory,
                None => destination.create(config)?,
            };
            let directory = made.insert(directory);
            session.train(directory, manner, &start)
        });
        let (error, directory) = match (trained, made.take()) {
            (Ok(()), Some(directory)) => return Ok(directory),
            (Err(error), Some(directory)) => (error, directory),
            (Err(error), None) => return Err(error),
            (Ok(()), None) => return Err(Error::Run("the run has no directory".into())),
        };
        match &error {
            Error::Diverged { .. }
                if manner.on_divergence == OnDivergence::RollBack && start.rollbacks < MOST_ROLLBACKS =>
            {
                start = Start::newest(&directory, start.rollbacks + 1)?;
                let rate = config.optimizer.learning_rate * 0.5f64.powi(start.rollbacks.cast_signed());
                tracing::warn!("{error}; going back to step {} with learning rate {rate:e}", start.step());
            }
            Error::Gpu(fault) if fault.ends_the_device() => {
                start = Start::newest(&directory, start.rollbacks)?;
                // Another one is made only for a training that has come further since.
                if lost_at.is_some_and(|step| step >= start.step()) {
                    return Err(error);
                }
                lost_at = Some(start.step());
                tracing::warn!("{error}; going on from step {} on a new device", start.step());
                reopened = Some(gpu.reopen()?);
            }
            _ => return Err(error),
        }
        made = Some(directory);
    }
}

/// Where a training begins: at its first step, or at a checkpoint.
#[derive(Default)]
struct Start {
    checkpoint: Option<Checkpoint>,
    /// How often its learning rate is halved.
    rollbacks: u32,
}

impl Start {
    /// At the newest checkpoint of a run, if there is one, where it was rolled back at least so often.
    fn newest(directory: &RunDirectory, rollbacks: u32) -> Result<Self, Error> {
        let checkpoint = directory.checkpoints().newest()?;
        let before = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.standing.rollbacks);
        Ok(Self { checkpoint, rollbacks: rollbacks.max(before) })
    }

    fn standing(&self) -> Option<&Standing> {
        self.checkpoint.as_ref().map(|checkpoint| &checkpoint.standing)
    }

    /// Steps done before.
    fn step(&self) -> u64 {
        self.standing().map_or(0, |standing| standing.step)
    }

    /// How the training ran before, if the adapter can run it so.
    fn plan(&self, gpu: &Gpu, network: &Network, config: &Config) -> Option<Plan> {
        let plan = &self.standing()?.plan;
        Plan::available_for(gpu, network, config.training.batch_size, &config.optimizer)
            .into_iter()
            .find(|available| available.name() == *plan)
    }

    /// Refuses a checkpoint of another training; notes what may make the model another one than it would have become.
    fn check(&self, gpu: &Gpu, config: &Config, dataset: &Dataset) -> Result<(), Error> {
        let Some(Checkpoint { config: begun, network, standing, .. }) = &self.checkpoint else { return Ok(()) };
        config.check_resumes(begun)?;
        let (before, now) = (network.pixels(), dataset.shape().pixels());
        let (images_before, images) = (standing.training_images, dataset.train().len());
        if (before, images_before) != (now, images) {
            return Err(Error::Run(format!(
                "the run was trained on {images_before} images of {before} values, but its data now has {images} of \
                 {now}: bring back the data as it was, or train anew in another directory"
            )));
        }
        let (adapter, version) = (identity(gpu), env!("CARGO_PKG_VERSION"));
        if standing.adapter != adapter {
            let told =
                |adapter: &AdapterIdentity| format!("{} ({}, {})", adapter.name, adapter.backend, adapter.driver);
            tracing::info!(
                "the run was trained on {} so far and goes on on {}, which rounds otherwise: the model will differ a little \
                 from what it would have become",
                told(&standing.adapter),
                told(&adapter)
            );
        }
        if standing.version != version {
            tracing::info!("the run was trained by diabolo {} so far and goes on with {version}", standing.version);
        }
        Ok(())
    }
}

fn identity(gpu: &Gpu) -> AdapterIdentity {
    let adapter = gpu.adapter();
    AdapterIdentity { name: adapter.name.clone(), backend: adapter.backend.clone(), driver: adapter.driver.clone() }
}

/// A training that has not begun.
fn initial_state(config: &Config, network: &Network) -> TrainingState {
    let parameters = initial_parameters(network, config.network.initialization, config.training.seed);
    TrainingState::initial(&parameters, config.optimizer.algorithm.moments())
}

/// A training on one device.
struct Session<'a> {
    gpu: &'a Gpu,
    /// As the user gave it, whatever became of the learning rate since.
    config: &'a Config,
    plan: Plan,
    trainer: Trainer<'a>,
    evaluator: Evaluator<'a>,
    reconstructor: Reconstructor<'a>,
    pictured: &'a Images,
}

impl<'a> Session<'a> {
    /// Puts everything on the GPU: the state of the checkpoint, or initial parameters. Trains as `slowed` says.
    fn new(
        gpu: &'a Gpu,
        config: &'a Config,
        slowed: &'a Config,
        dataset: &'a Dataset,
        pictured: &'a Images,
        start: &Start,
        plan: Plan,
    ) -> Result<Self, Error> {
        let network = config.network(dataset.shape().pixels());
        let state = match &start.checkpoint {
            Some(checkpoint) => &checkpoint.state,
            None => &initial_state(config, &network),
        };
        let mut trainer = Trainer::with_plan(gpu, slowed, dataset.split(Split::Train)?, state.parameters(), plan)?;
        trainer.restore(state)?;
        let test_images = dataset.split(Split::Test)?;
        let evaluator = Evaluator::new(gpu, &network, trainer.memory_mut(), "test images", test_images)?;
        let reconstructor = Reconstructor::new(gpu, &network, trainer.memory_mut(), "pictured images", pictured)?;
        Ok(Self { gpu, config, plan, trainer, evaluator, reconstructor, pictured })
    }

    /// Trains to the end and writes everything that a run leaves.
    fn train(mut self, directory: &RunDirectory, manner: Manner<'_>, start: &Start) -> Result<(), Error> {
        let Self { gpu, config, pictured, .. } = self;
        let network = self.trainer.network();
        let batches = self.trainer.batches();
        let standing = start.standing();
        let mut history = cut_metrics(&directory.metrics(), standing.map_or(0, |standing| standing.position.epochs))?;
        let parts = KeeperParts {
            config,
            network: network.clone(),
            batches,
            adapter: identity(gpu),
            plan: self.plan.name(),
            progress: Progress::new(manner.verbosity, config.training.epochs, batches.count() as u64),
            stop: manner.stop,
            checkpoints: directory.checkpoints(),
        };
        let parameter_count = network.parameter_count() as u64;
        let mut keeper = Keeper::new(parts, standing, start.rollbacks);
        while keeper.position.epochs < config.training.epochs && !keeper.is_out_of_patience() {
            self.trainer.scale_learning_rate(config.schedule.share_after(history.iter().map(merit(config.loss))));
            self.train_epoch(&mut keeper)?;
            if keeper.is_stopped() {
                let (step, epoch) = (keeper.step(), keeper.position.epochs + 1);
                keeper.save(self.trainer.state()?, false)?;
                keeper.finish()?;
                return Err(Error::Interrupted { run: directory.path().display().to_string(), step, epoch });
            }
            let metrics = self.measure_epoch(&keeper)?;
            append_metrics(&directory.metrics(), &metrics)?;
            keeper.epoch_ends(&metrics, || self.trainer.state())?;
            history.push(metrics);
        }
        let (wall_seconds, best) = (keeper.wall_seconds(), keeper.best());
        let is_cut_short = keeper.position.epochs < config.training.epochs;
        keeper.finish()?;

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
        directory.save_model(config, &self.trainer.finite_parameters(of_model.epoch)?)?;
        let summary = RunSummary {
            epoch_of_model: of_model,
            adapter: identity(gpu),
            parameter_count,
            plan: self.plan.name(),
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

    /// Puts the parameters after the best epoch, which is known, back on the GPU.
    fn go_back_to_best(&mut self, directory: &RunDirectory, epoch: u32) -> Result<(), Error> {
        let path = directory.checkpoints().best();
        let checkpoint = Checkpoint::load(&path)?;
        let of_epoch = checkpoint.standing.position.epochs;
        if of_epoch != epoch {
            return Err(Error::Run(format!(
                "{} is of epoch {of_epoch}, but the best was epoch {epoch}: train anew in another directory",
                path.display()
            )));
        }
        self.trainer.restore(&checkpoint.state)
    }

    /// Trains for an epoch, or for what is left of it.
    fn train_epoch(&mut self, keeper: &mut Keeper<'_>) -> Result<(), Error> {
        keeper.epoch_begins();
        let (epoch, first) = (keeper.position.epochs, keeper.position.steps);
        self.trainer.accompanied(epoch, first, keeper)
    }

    /// Measures the test images after an epoch.
    fn measure_epoch(&mut self, keeper: &Keeper<'_>) -> Result<EpochMetrics, Error> {
        let Position { epochs, loss_sum, seconds, .. } = keeper.position;
        let errors = self.evaluator.errors(self.gpu)?;
        if !errors.are_finite() {
            let what =
                format!("the test images' cross-entropy is {} and their squared error {}", errors.bce, errors.sse);
            return Err(self.trainer.diverged_after(what, epochs));
        }
        let images = self.trainer.batches().sample_count as f64;
        Ok(EpochMetrics {
            epoch: epochs + 1,
            step: keeper.step(),
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
    match reconstruction_grid(&pairs.originals, &pairs.reconstructions, images.shape(), PICTURE_COLUMNS) {
        Ok(grid) => Ok(save_png(&directory.reconstructions(), &grid.picture)?),
        // The model is worth as much without a picture.
        Err(error @ ReportError::ImagesTooLarge { .. }) => {
            tracing::info!("no picture of reconstructions: {error}");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
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
