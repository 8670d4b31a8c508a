//! How well a trained model reconstructs, beside principal components of the same code size.

use super::outputs::require_finite;
use super::pca;
use crate::data::{Dataset, Images, Split};
use crate::error::Error;
use crate::gpu::Gpu;
use crate::model::{Network, Parameters};
use crate::program::Memory;
use crate::reference::{Corruption, Loss};
use crate::train::{Errors, Evaluator, TrainedModel, negative_bound};
use std::collections::BTreeMap;

/// The errors of a model on a split, and what they should be held against.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Images in the split.
    pub images: usize,
    /// Of the images with noise, if there is any.
    pub noisy: Option<Errors>,
    /// Of the model's reconstructions.
    pub model: Errors,
    /// −ELBO in nats, mean over the images as they are, of a variational model whose loss is the cross-entropy.
    pub negative_bound: Option<f64>,
    /// Principal components of the training images; none for very large images, or without training images.
    pub pca: Option<Errors>,
    /// The same of each class that has images; none where there are no classes.
    pub classes: Vec<ClassErrors>,
}

/// The errors on the images of one class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassErrors {
    /// The class's number.
    pub label: u32,
    /// How many images it has.
    pub images: usize,
    /// Of the model's reconstructions.
    pub model: Errors,
    /// Of the principal components'.
    pub pca: Option<Errors>,
}

/// How a model is evaluated, and what beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// What is done to the images that the model and PCA see, while their errors are those against the images without. It follows from the
    /// seed of the model's training.
    pub noise: Corruption,
    /// How many principal components.
    pub components: usize,
}

impl Terms {
    /// Images as they are, and as many principal components as the model's code has numbers.
    pub fn of(model: &TrainedModel) -> Self {
        Self { noise: Corruption::NONE, components: model.network.code_size() }
    }
}

/// Evaluates a model and PCA on a split.
///
/// # Errors
/// Images of another size than the model's, outputs that are not finite, or a fault of the GPU.
pub fn evaluate(
    gpu: &Gpu,
    model: &TrainedModel,
    dataset: &Dataset,
    split: Split,
    terms: Terms,
) -> Result<Evaluation, Error> {
    let images = dataset.split(split)?;
    refuse_other_sizes(model, images)?;
    let seed = model.config.training.seed;
    let errors = |network: &Network, parameters: Option<&Parameters>| -> Result<Vec<[f32; 2]>, Error> {
        let mut memory = Memory::default();
        if let Some(parameters) = parameters {
            memory.upload_parameters(gpu, network, parameters)?;
        }
        let mut evaluator = Evaluator::with_noise(gpu, network, &mut memory, "images", images, terms.noise, seed)?;
        let errors = evaluator.errors_of_images(gpu)?;
        require_finite("the model's outputs", errors.as_flattened())?;
        Ok(errors)
    };
    let pixels = images.shape().pixels();
    let mean = |errors: &Vec<[f32; 2]>| Errors::mean(errors, pixels);
    let noisy = if terms.noise.is_none() { None } else { Some(errors(&Network::default(), None)?) };
    let of_model = errors(&model.network, Some(&model.parameters))?;
    let is_bounded = model.config.code.is_variational() && model.config.loss == Loss::BinaryCrossEntropy;
    let negative_bound = is_bounded.then(|| bound(gpu, model, images)).transpose()?;
    let components = pca::comparison(gpu, dataset.train(), terms.components)?;
    let pca = components.map(|(network, parameters)| errors(&network, Some(&parameters))).transpose()?;
    let of_class = |label: u32, images: &[usize]| {
        let mean = |errors: &Vec<[f32; 2]>| Errors::mean(images.iter().map(|&image| &errors[image]), pixels);
        ClassErrors { label, images: images.len(), model: mean(&of_model), pca: pca.as_ref().map(mean) }
    };
    let mut places: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (place, &label) in images.labels().unwrap_or_default().iter().enumerate() {
        places.entry(label).or_default().push(place);
    }
    Ok(Evaluation {
        images: images.len(),
        noisy: noisy.as_ref().map(mean),
        model: mean(&of_model),
        negative_bound,
        pca: pca.as_ref().map(mean),
        classes: places.iter().map(|(&label, images)| of_class(label, images)).collect(),
    })
}

/// Refuses images that the model cannot take.
///
/// # Errors
/// They have another number of values.
pub fn refuse_other_sizes(model: &TrainedModel, images: &Images) -> Result<(), Error> {
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

/// −ELBO, with codes drawn by the seed of the training.
fn bound(gpu: &Gpu, model: &TrainedModel, images: &Images) -> Result<f64, Error> {
    let mut memory = Memory::default();
    memory.upload_parameters(gpu, &model.network, &model.parameters)?;
    negative_bound(gpu, &model.network, &mut memory, "images", images, model.config.training.seed)
}
