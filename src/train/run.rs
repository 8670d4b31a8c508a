//! A whole run: epochs of training, each followed by an evaluation, into a run directory.

use super::session::TrainingAttempt;
use super::starting_point::StartingPoint;
use super::{Destination, RunDirectory};
use crate::config::Config;
use crate::data::Dataset;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::program::{Plan, refuse_too_large};
use crate::report::progress::Verbosity;
use std::sync::atomic::AtomicBool;

/// Pairs in the picture of reconstructions.
const PICTURED_IMAGES: usize = 32;

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

impl OnDivergence {
    /// The error that ends a run, with what can still be done about a divergence.
    fn advised(self, mut error: Error) -> Error {
        if let Error::Diverged { advice, .. } = &mut error {
            *advice = match self {
                Self::Stop => {
                    "; try a smaller one, as in --set optimizer.learning_rate=1e-4, or --on-nan rollback, which halves it"
                }
                Self::RollBack => "; try a smaller one, as in --set optimizer.learning_rate=1e-4",
            };
        }
        error
    }
}

/// How a run behaves; what it computes, its configuration says.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions<'a> {
    /// What is told on the way.
    pub verbosity: Verbosity,
    /// What to do when numbers are not finite any more.
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
/// checkpoint that is damaged or of another training, or a file that cannot be written. [`Error::Unfinished`] where the directory has a
/// checkpoint by then, and going on from it may help.
pub fn run(
    gpu: &Gpu,
    config: &Config,
    dataset: &Dataset,
    destination: &Destination,
    options: RunOptions<'_>,
) -> Result<RunDirectory, Error> {
    let mut made = None;
    attempts(gpu, config, dataset, destination, options, &mut made).map_err(|error| {
        match made.as_ref().or(destination.existing()) {
            Some(directory) => error.of_run(directory.path(), directory.has_checkpoint()),
            None => error,
        }
    })
}

/// The same, leaving the directory in `made` as soon as there is one.
fn attempts(
    gpu: &Gpu,
    config: &Config,
    dataset: &Dataset,
    destination: &Destination,
    options: RunOptions<'_>,
    made: &mut Option<RunDirectory>,
) -> Result<RunDirectory, Error> {
    let network = config.network(dataset.shape().pixels());
    // The host would already run out of memory over the initial values of layers that no adapter could hold.
    refuse_too_large(gpu, &network, config.optimizer.algorithm.moments())?;
    let mut start = match destination.existing() {
        Some(directory) => StartingPoint::newest(directory, 0)?,
        None => StartingPoint::default(),
    };
    let data_sha256 = dataset.sha256();
    start.check(gpu, config, dataset, &data_sha256)?;
    let pictured = dataset.test().spread(PICTURED_IMAGES);
    let mut reopened: Option<Gpu> = None;
    let mut lost_at = None;
    loop {
        let gpu = reopened.as_ref().unwrap_or(gpu);
        // A diverged training goes on more slowly; what it was begun with stays in its files.
        let mut slowed = config.clone();
        slowed.optimizer.learning_rate *= 0.5f64.powi(start.rollbacks.cast_signed());
        let plan = start
            .plan(gpu, &network, config)
            .or(options.plan)
            .unwrap_or_else(|| Plan::usual(gpu, &network, config.training.batch_size, &config.additions()));
        let attempt = TrainingAttempt {
            gpu,
            config,
            slowed: &slowed,
            dataset,
            data_sha256: &data_sha256,
            pictured: &pictured,
            verbosity: options.verbosity,
            stop: options.stop,
            start: &start,
            plan,
        };
        let trained = attempt.train(destination, made);
        let (error, directory) = match (trained, &*made) {
            (Ok(()), Some(directory)) => return Ok(directory.clone()),
            (Err(error), Some(directory)) => (error, directory),
            (Err(error), None) => return Err(error),
            (Ok(()), None) => return Err(Error::Run("the run has no directory".into())),
        };
        match &error {
            Error::Diverged { .. }
                if options.on_divergence == OnDivergence::RollBack && start.rollbacks < MOST_ROLLBACKS =>
            {
                start = StartingPoint::newest(directory, start.rollbacks + 1)?;
                let rate = config.optimizer.learning_rate * 0.5f64.powi(start.rollbacks.cast_signed());
                tracing::warn!("{error}; going back to step {} with learning rate {rate:e}", start.step());
            }
            Error::Gpu(fault) if fault.ends_the_device() => {
                start = StartingPoint::newest(directory, start.rollbacks)?;
                // Another one is made only for a training that has come further since.
                if lost_at.is_some_and(|step| step >= start.step()) {
                    return Err(error);
                }
                lost_at = Some(start.step());
                tracing::warn!("{fault}; going on from step {} on a new device", start.step());
                reopened = Some(gpu.reopen()?);
            }
            _ => return Err(options.on_divergence.advised(error)),
        }
    }
}
