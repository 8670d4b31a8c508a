//! How well a trained model reconstructs, beside principal components of the same code size.

use super::pca;
use crate::data::{Dataset, Images, Split};
use crate::error::Error;
use crate::gpu::Gpu;
use crate::model::{Network, Parameters};
use crate::program::Memory;
use crate::train::{Errors, Evaluator, TrainedModel};

/// The errors of a model on a split, and what they should be held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// Images in the split.
    pub images: usize,
    pub model: Errors,
    /// Principal components of the training images with the model's code size; none for very large images, or without training
    /// images.
    pub pca: Option<Errors>,
}

/// Evaluates a model and PCA on a split.
///
/// # Errors
/// Images of another size than the model's, or a fault of the GPU.
pub fn evaluate(gpu: &Gpu, model: &TrainedModel, dataset: &Dataset, split: Split) -> Result<Evaluation, Error> {
    let images = dataset.split(split)?;
    refuse_other_sizes(model, images)?;
    let model_errors = errors(gpu, &model.network, &model.parameters, images)?;
    let pca = if dataset.shape().pixels() <= pca::MOST_PIXELS && !dataset.train().is_empty() {
        let (network, parameters) = pca::linear_autoencoder(gpu, dataset.train(), model.network.code_size())?;
        Some(errors(gpu, &network, &parameters, images)?)
    } else {
        None
    };
    Ok(Evaluation { images: images.len(), model: model_errors, pca })
}

/// Refuses images that the model cannot take.
pub(super) fn refuse_other_sizes(model: &TrainedModel, images: &Images) -> Result<(), Error> {
    refuse_pixels(model.network.pixels(), images)
}

/// Refuses images that have not so many values.
pub(super) fn refuse_pixels(wanted: usize, images: &Images) -> Result<(), Error> {
    let pixels = images.shape().pixels();
    if pixels == wanted {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "the model takes images of {wanted} values, but these are {} ({pixels} values): use data like what it was trained on, or give \
         it that shape with --set data.size=[height,width] and data.channels=gray or color",
        images.shape()
    )))
}

fn errors(gpu: &Gpu, network: &Network, parameters: &Parameters, images: &Images) -> Result<Errors, Error> {
    let mut memory = Memory::default();
    memory.upload_parameters(gpu, network, parameters)?;
    let errors = Evaluator::new(gpu, network, &mut memory, "images", images)?.errors(gpu)?;
    if errors.are_finite() {
        Ok(errors)
    } else {
        Err(Error::Run("the model's outputs are not finite: it diverged in training".to_owned()))
    }
}
