//! A checkpoint: a training as it stands between two steps, and all that is needed to go on from there.

use crate::config::Config;
use crate::error::Error;
use crate::model::{CheckpointError, CheckpointHeader, Network, TrainingState, write_checkpoint};
use crate::report::metrics::AdapterIdentity;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// How far a training has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingProgress {
    /// Epochs that are over, their test images measured.
    pub epochs: u32,
    /// Steps done since then; all of an epoch's where only its measurement is missing.
    pub steps: usize,
    /// The sum of these steps' losses, each times the images it is the mean of.
    pub loss_sum: f64,
    /// What these steps took, in seconds.
    pub seconds: f64,
}

/// The smallest loss on the test images so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Counted from 1.
    pub epoch: u32,
    /// That loss, or the squared error where the loss is not measured on test images.
    pub loss: f64,
}

/// A training between two steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// As the user gave it.
    pub config: Config,
    /// The whole network, also where a part of it is trained.
    pub network: Network,
    /// How far the training is, and how it came there.
    pub metadata: CheckpointMetadata,
    /// Parameters and moments.
    pub state: TrainingState,
}

/// What a checkpoint says beside its configuration and its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointMetadata {
    /// Of the program that wrote it.
    pub version: String,
    /// On which it was trained last.
    pub adapter: AdapterIdentity,
    /// How: [`Plan::name`](crate::program::Plan::name). With another one sums would be rounded otherwise.
    pub plan: String,
    /// Steps done in all.
    pub step: u64,
    /// How far it has come; `position` in the file.
    #[serde(rename = "position")]
    pub progress: TrainingProgress,
    /// The epoch of the smallest loss on the test images, once one is over.
    pub best: Option<Best>,
    /// How often the training went back to a checkpoint and halved its learning rate.
    pub rollbacks: u32,
    /// Images of an epoch.
    pub training_images: usize,
    /// Of the data: [`Dataset::sha256`](crate::data::Dataset::sha256).
    pub data_sha256: String,
    /// What the whole training took, in seconds.
    pub wall_seconds: f64,
}

/// The description in the file.
#[derive(Serialize, Deserialize)]
struct Description {
    /// As `config.toml` has it.
    config: String,
    #[serde(flatten)]
    metadata: CheckpointMetadata,
}

impl Checkpoint {
    /// The file's bytes.
    ///
    /// # Errors
    /// None but of values that no training has.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let description = Description { config: self.config.to_toml()?, metadata: self.metadata.clone() };
        write_checkpoint(&self.network, &self.state, &description)
            .map_err(|error| Error::Run(format!("a checkpoint cannot be written: {error}")))
    }

    /// Reads a file of `length` bytes.
    ///
    /// # Errors
    /// It is none, of another network than it says, or damaged.
    pub fn read(file: &mut impl Read, length: u64) -> Result<Self, CheckpointError> {
        let header = CheckpointHeader::<Description>::read(file, length)?;
        let Description { config, metadata } = &header.description;
        let config = Config::from_toml("its configuration", config)
            .map_err(|error| CheckpointError::Header(error.to_string()))?;
        let pixels = header.pixels().ok_or_else(|| CheckpointError::Missing("encoder.0.weight".to_owned()))?;
        // No shape of a network can be counted if this cannot.
        if pixels > crate::data::MAX_PIXELS {
            return Err(CheckpointError::Header(format!("it is of images of {pixels} values")));
        }
        let (network, metadata) = (config.network(pixels), metadata.clone());
        let state = header.read_state(file, &network, config.optimizer.algorithm.moments())?;
        Ok(Self { config, network, metadata, state })
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// As for [`read`](Self::read), with the path.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let open = || -> Result<Self, CheckpointError> {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            Self::read(&mut BufReader::new(file), length)
        };
        open().map_err(|error| Error::Run(format!("{} {error}", path.display())))
    }
}
