//! A whole run: epochs of training, each followed by an evaluation, into a run directory.

use super::{Advance, Destination, Evaluator, Reconstructor, RunDirectory, Trainer};
use crate::config::Config;
use crate::data::{Dataset, Images, Split};
use crate::error::Error;
use crate::gpu::Gpu;
use crate::model::initial_parameters;
use crate::reference::Loss;
use crate::report::ReportError;
use crate::report::files::save_png;
use crate::report::grid::reconstruction_grid;
use crate::report::metrics::{AdapterIdentity, EpochMetrics, RunSummary, append_metrics, write_summary};
use crate::report::plot::{Series, loss_plot};
use crate::report::progress::{Progress, Verbosity};
use std::time::Instant;

/// Pairs in the picture of reconstructions, and how many stand side by side.
const PICTURED_IMAGES: usize = 32;
const PICTURE_COLUMNS: usize = 16;

/// Trains as `config` says and fills a directory, which is made only when training can begin.
///
/// # Errors
/// A batch larger than the data, a network too large for the GPU or a fault of it, a training that diverges, or a file that
/// cannot be written.
pub fn run(
    gpu: &Gpu,
    config: &Config,
    dataset: &Dataset,
    destination: &Destination,
    verbosity: Verbosity,
) -> Result<RunDirectory, Error> {
    let started = Instant::now();
    let network = config.network(dataset.shape().pixels());
    // The host would already run out of memory over the initial values of layers that no adapter could hold.
    for shape in network.parameter_shapes() {
        gpu.refuse_too_large(&shape.name, 4 * shape.rows as u64 * shape.columns as u64)?;
    }
    let parameters = initial_parameters(&network, config.network.initialization, config.training.seed);
    let mut trainer = Trainer::new(gpu, config, dataset.split(Split::Train)?, &parameters)?;
    let mut evaluator =
        Evaluator::new(gpu, &network, trainer.memory_mut(), "test images", dataset.split(Split::Test)?)?;
    let pictured = dataset.test().spread(PICTURED_IMAGES);
    let mut reconstructor = Reconstructor::new(gpu, &network, trainer.memory_mut(), "pictured images", &pictured)?;
    let directory = destination.create(config)?;

    let mut progress = Progress::new(verbosity, config.training.epochs, trainer.steps_per_epoch() as u64);
    let mut history: Vec<EpochMetrics> = Vec::new();
    for epoch in 0..config.training.epochs {
        let metrics = run_epoch(gpu, config, &mut trainer, &mut evaluator, epoch, &progress)?;
        append_metrics(&directory.metrics(), &metrics)?;
        progress.epoch_finished(&metrics);
        history.push(metrics);
    }
    progress.finish();

    directory.save_model(config, &trainer.finite_parameters(config.training.epochs)?)?;
    let last_epoch =
        history.last().cloned().ok_or_else(|| Error::Usage("training.epochs must be at least 1".into()))?;
    let adapter = gpu.adapter();
    let summary = RunSummary {
        last_epoch,
        adapter: AdapterIdentity {
            name: adapter.name.clone(),
            backend: adapter.backend.clone(),
            driver: adapter.driver.clone(),
        },
        parameter_count: network.parameter_count() as u64,
        dispatches_per_step: trainer.program().dispatches_per_step() as u32,
        gpu_bytes: gpu.most_buffer_bytes(),
        wall_seconds: started.elapsed().as_secs_f64(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    write_summary(&directory.summary(), &summary)?;
    plot_losses(config.loss, &history, &directory)?;
    picture_reconstructions(gpu, &mut reconstructor, &pictured, &directory)?;
    Ok(directory)
}

/// Trains for an epoch, then measures the test images.
fn run_epoch(
    gpu: &Gpu,
    config: &Config,
    trainer: &mut Trainer<'_>,
    evaluator: &mut Evaluator<'_>,
    epoch: u32,
    progress: &Progress,
) -> Result<EpochMetrics, Error> {
    let started = Instant::now();
    let steps_per_epoch = trainer.steps_per_epoch() as u64;
    let images = trainer.image_count();
    let train_loss = trainer.train_epoch(epoch, |Advance { steps, loss, seconds }| {
        let seen = (steps * config.training.batch_size).min(images);
        let steps_done = u64::from(epoch) * steps_per_epoch + steps as u64;
        progress.advance(steps_done, f64::from(loss), seen as f64 / seconds);
    })?;
    let seconds = started.elapsed().as_secs_f64();
    let errors = evaluator.errors(gpu)?;
    if !errors.are_finite() {
        let what = format!("the test images' cross-entropy is {} and their squared error {}", errors.bce, errors.sse);
        return Err(trainer.diverged_after(what, epoch));
    }
    Ok(EpochMetrics {
        epoch: epoch + 1,
        step: u64::from(epoch + 1) * steps_per_epoch,
        train_loss,
        test_bce: errors.bce,
        test_mse: errors.mse,
        test_sse: errors.sse,
        seconds,
        images_per_second: images as f64 / seconds,
    })
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
    let curve = |label: &str, value: fn(&EpochMetrics) -> f64| Series {
        label: label.to_owned(),
        points: history.iter().map(|metrics| (f64::from(metrics.epoch), value(metrics))).collect(),
    };
    let mut series = vec![curve("training", |metrics| metrics.train_loss)];
    let description = match loss {
        Loss::BinaryCrossEntropy => {
            series.push(curve("test", |metrics| metrics.test_bce));
            "binary cross-entropy (nats per pixel)"
        }
        Loss::MeanSquaredError => {
            series.push(curve("test", |metrics| metrics.test_mse));
            "mean squared error"
        }
        Loss::MeanAbsoluteError => "mean absolute error",
        Loss::Huber { .. } => "Huber's loss",
    };
    Ok(loss_plot(&directory.loss_plot(), &series, description)?)
}
