//! Arguments of what works with a trained model and images.

use super::refusals::{Input, check_outputs};
use super::{GpuArguments, MemoryArguments};
use crate::config::DataConfig;
use crate::data::{Dataset, ImageShape, Split};
use crate::error::Error;
use crate::gpu::Gpu;
use crate::tasks::decode::image_shape;
use crate::tasks::evaluate::refuse_other_sizes;
use crate::train::{RunDirectory, TrainedModel};
use clap::Args;
use std::path::{Path, PathBuf};

/// The model of a run and the SHA-256 of its file, for a command that reads these inputs too and writes these outputs.
///
/// # Errors
/// The run has no model, or an output would replace an input, a part of the run, or of what it was trained on.
pub fn open_model(run: &Path, inputs: &[Input<'_>], outputs: &[&Path]) -> Result<(TrainedModel, String), Error> {
    check_outputs(outputs.iter().copied(), &[&[Input::Run(run)], inputs].concat())?;
    let (model, digest) = RunDirectory::open(run)?.load_model_and_digest()?;
    check_outputs(outputs.iter().copied(), &[Input::Data(&model.config.data)])?;
    Ok((model, digest))
}

/// A trained model and the images to put through it.
#[derive(Args)]
pub struct RunArguments {
    /// The run directory
    pub run: PathBuf,
    /// Where the images come from, of all classes; what the run was trained on if left out
    #[arg(long)]
    pub data: Option<String>,
    /// Their split, train or test; test if left out
    #[arg(long)]
    pub split: Option<Split>,
    /// Replace a value of the run's data table, for example data.test_share=1 to take all images
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub assignments: Vec<String>,
    #[command(flatten)]
    pub memory: MemoryArguments,
    #[command(flatten)]
    pub gpu: GpuArguments,
}

impl RunArguments {
    /// The split that is asked for.
    pub fn split(&self) -> Split {
        self.split.unwrap_or(Split::Test)
    }

    /// The model, the GPU and the images, for a command that writes these files.
    pub fn load(&self, outputs: &[&Path]) -> Result<(TrainedModel, Gpu, Dataset), Error> {
        let model = self.model(outputs)?;
        let gpu = self.gpu.open()?;
        let dataset = self.memory.load(&model.config.data)?;
        Ok((model, gpu, dataset))
    }

    /// The shape of the model's images, for what needs no more of them: where nothing else is asked for than what the run was trained on, that
    /// need not be there any more, if the model tells its shape.
    ///
    /// # Errors
    /// The images have another size than the model's, or are not there and the model does not tell.
    pub fn shape(&self, model: &TrainedModel) -> Result<ImageShape, Error> {
        let size = model.config.data.load_options(0).preparation.size;
        let by_model = || image_shape(model, size);
        if self.data.is_none() && !model.config.data.size.is_empty() {
            return by_model();
        }
        match self.memory.load(&model.config.data) {
            Ok(dataset) => {
                refuse_other_sizes(model, dataset.train())?;
                Ok(dataset.shape())
            }
            Err(error) if self.data.is_some() => Err(error),
            Err(error) => {
                let Ok(shape) = by_model() else { return Err(error) };
                tracing::info!("{error}; without it, the images are taken to be {shape}");
                Ok(shape)
            }
        }
    }

    /// The model, its configuration telling the images to put through it. No file that a command writes may be a part of
    /// the run, of what it was trained on, or of these images.
    pub fn model(&self, outputs: &[&Path]) -> Result<TrainedModel, Error> {
        Ok(self.model_and_digest(outputs)?.0)
    }

    /// The same with the SHA-256 of the model's file.
    pub fn model_and_digest(&self, outputs: &[&Path]) -> Result<(TrainedModel, String), Error> {
        let (model, digest) = open_model(&self.run, &[], outputs)?;
        Ok((self.with_data(model, outputs)?, digest))
    }

    /// The model with images of all classes, unless some are asked for, and what it was trained on.
    ///
    /// # Errors
    /// As those of [`Self::model`].
    pub fn model_and_trained_on(&self, outputs: &[&Path]) -> Result<(TrainedModel, DataConfig), Error> {
        let (mut model, _) = open_model(&self.run, &[], outputs)?;
        let trained_on = model.config.data.clone();
        model.config.data.only.clear();
        Ok((self.with_data(model, outputs)?, trained_on))
    }

    /// A model whose configuration tells the images that are asked for.
    fn with_data(&self, mut model: TrainedModel, outputs: &[&Path]) -> Result<TrainedModel, Error> {
        if let Some(source) = &self.data {
            model.config.data = model.config.data.of_source(source);
        }
        model.config = model.config.with_data(&self.assignments)?;
        model.config.validate()?;
        check_outputs(outputs.iter().copied(), &[Input::Data(&model.config.data)])?;
        Ok(model)
    }
}
