//! Where a training begins, and whether it may go on from there.

use super::RunDirectory;
use super::checkpoint::{Checkpoint, CheckpointMetadata, TrainingProgress};
use crate::config::Config;
use crate::data::Dataset;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::model::Network;
use crate::program::Plan;
use crate::report::metrics::AdapterIdentity;

/// What to do where a run's data is not what it was.
const CHANGED_DATA: &str = "bring back the data as it was, or train anew in another directory";

/// Where a training begins: at its first step, or at a checkpoint.
#[derive(Default)]
pub struct StartingPoint {
    pub checkpoint: Option<Checkpoint>,
    /// How often its learning rate is halved.
    pub rollbacks: u32,
}

impl StartingPoint {
    /// At the newest checkpoint of a run, if there is one, where it was rolled back at least so often.
    pub fn newest(directory: &RunDirectory, rollbacks: u32) -> Result<Self, Error> {
        let checkpoint = directory.checkpoints().newest()?;
        let before = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.metadata.rollbacks);
        Ok(Self { checkpoint, rollbacks: rollbacks.max(before) })
    }

    pub fn metadata(&self) -> Option<&CheckpointMetadata> {
        self.checkpoint.as_ref().map(|checkpoint| &checkpoint.metadata)
    }

    /// Steps done before.
    pub fn step(&self) -> u64 {
        self.metadata().map_or(0, |metadata| metadata.step)
    }

    /// How the training ran before, if the adapter can run it so.
    pub fn plan(&self, gpu: &Gpu, network: &Network, config: &Config) -> Option<Plan> {
        let plan = &self.metadata()?.plan;
        Plan::available(gpu, network, config.training.batch_size, &config.additions())
            .into_iter()
            .find(|available| available.name() == *plan)
    }

    /// Refuses a checkpoint of another training, or of other data than have this digest; notes what may make the model another one than it would have become.
    pub fn check(&self, gpu: &Gpu, config: &Config, dataset: &Dataset, data_sha256: &str) -> Result<(), Error> {
        let Some(Checkpoint { config: begun, network, metadata, .. }) = &self.checkpoint else { return Ok(()) };
        config.check_resumes(begun)?;
        refuse_fewer_epochs(config, &metadata.progress)?;
        let (before, now) = (network.pixels(), dataset.shape().pixels());
        let (images_before, images) = (metadata.training_images, dataset.train().len());
        if (before, images_before) != (now, images) {
            return Err(Error::Run(format!(
                "the run was trained on {images_before} images of {before} values, but its data now has {images} of \
                 {now}: {CHANGED_DATA}"
            )));
        }
        if metadata.data_sha256 != data_sha256 {
            return Err(Error::Run(format!(
                "the run's data has as many training images as before, but they or the test images, their shape, their labels or their \
                 weights have changed: {CHANGED_DATA}"
            )));
        }
        let (adapter, version) = (identity(gpu), env!("CARGO_PKG_VERSION"));
        if metadata.adapter != adapter {
            let told =
                |adapter: &AdapterIdentity| format!("{} ({}, {})", adapter.name, adapter.backend, adapter.driver);
            tracing::info!(
                "the run was trained on {} so far and goes on on {}, which rounds otherwise: the model will differ a little \
                 from what it would have become",
                told(&metadata.adapter),
                told(&adapter)
            );
        }
        if metadata.version != version {
            tracing::info!("the run was trained by diabolo {} so far and goes on with {version}", metadata.version);
        }
        Ok(())
    }
}

/// A run that has come further than it is to go would be told of by a configuration that it was not trained by.
fn refuse_fewer_epochs(config: &Config, progress: &TrainingProgress) -> Result<(), Error> {
    let wanted = config.all_epochs();
    // An epoch that was begun counts.
    let done = progress.epochs + u32::from(progress.steps > 0);
    if done > wanted {
        let before = wanted - config.training.epochs;
        return Err(Error::Usage(format!(
            "the run has come further than training.epochs = {}: it must be at least {} to go on",
            config.training.epochs,
            done - before
        )));
    }
    if progress.epochs == wanted {
        tracing::info!("the run has all of its epochs already: raise --epochs to train on");
    }
    Ok(())
}

pub fn identity(gpu: &Gpu) -> AdapterIdentity {
    let adapter = gpu.adapter();
    AdapterIdentity { name: adapter.name.clone(), backend: adapter.backend.clone(), driver: adapter.driver.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_to_go_no_less_far_than_it_has_come() {
        let config = Config::load("dense", &["training.epochs=4".to_owned()]).unwrap();
        let refused = |epochs, steps| {
            let progress = TrainingProgress { epochs, steps, ..TrainingProgress::default() };
            let error = refuse_fewer_epochs(&config, &progress).err()?;
            assert_eq!(error.exit_code(), 2);
            Some(error.to_string())
        };
        assert_eq!([refused(3, 0), refused(3, 9), refused(4, 0)], [None, None, None]);
        for (epochs, steps) in [(5, 0), (4, 1)] {
            assert!(refused(epochs, steps).unwrap().contains("it must be at least 5"));
        }
    }
}
