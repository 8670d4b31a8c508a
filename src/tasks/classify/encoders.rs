//! What images are classified by: a model's codes, and what these are held against.

use crate::data::Images;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::model::{Network, Parameters, initial_parameters};
use crate::reference::{Activation, Corruption};
use crate::tasks::outputs::{outputs, require_finite};
use crate::tasks::pca;
use crate::train::TrainedModel;
use std::convert::Infallible;

/// A network from images to codes.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoder {
    /// For people.
    pub name: String,
    /// Without layers, a code is the image itself.
    pub network: Network,
    /// Those of the network.
    pub parameters: Parameters,
    /// Whether it has learned anything yet.
    pub is_trained: bool,
}

impl Encoder {
    /// The model's.
    pub fn of_model(model: &TrainedModel) -> Self {
        let name = format!("codes, {} numbers", model.network.code_size());
        Self::part(name, &model.network, &model.parameters)
    }

    /// The model's network as it was before any training.
    pub fn random(model: &TrainedModel, seed: u64) -> Self {
        let parameters = initial_parameters(&model.network, model.config.network.initialization, seed);
        let name = "the same network from random weights".to_owned();
        Self { is_trained: false, ..Self::part(name, &model.network, &parameters) }
    }

    /// The images themselves.
    pub fn pixels() -> Self {
        let network = Network::autoencoder(1, &[], &[], Activation::Identity);
        let nothing = initial_parameters(&network, crate::model::Initialization::Glorot, 0);
        Self::part("pixels".to_owned(), &network, &nothing)
    }

    /// So many principal components of images; none of very large images.
    ///
    /// # Errors
    /// As of [`pca::linear_autoencoder`].
    pub fn components(gpu: &Gpu, images: &Images, count: usize) -> Result<Option<Self>, Error> {
        let components = pca::comparison(gpu, images, count)?;
        Ok(components
            .map(|(network, parameters)| Self::part(format!("PCA-{}", network.code_size()), &network, &parameters)))
    }

    /// The encoder of a network.
    fn part(name: String, network: &Network, parameters: &Parameters) -> Self {
        let network = network.encoder();
        let built =
            Parameters::build(&network, |place, _| Ok::<_, Infallible>(parameters.tensors()[place].values.clone()));
        match built {
            Ok(parameters) => Self { name, network, parameters, is_trained: true },
        }
    }

    /// The codes of images, [images, code].
    ///
    /// # Errors
    /// Codes that are not finite, or a fault of the GPU.
    pub fn encode(&self, gpu: &Gpu, images: &Images) -> Result<Vec<f32>, Error> {
        let codes = outputs(gpu, &self.network, &self.parameters, images, Corruption::NONE, 0)?;
        require_finite("the model's codes", &codes)?;
        Ok(codes)
    }
}
