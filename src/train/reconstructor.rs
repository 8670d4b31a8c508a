//! Images as a network gives them back.

use super::inference::Inference;
use crate::data::Images;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::model::Network;
use crate::program::Memory;

/// Images before and after the network, as numbers in [0, 1] where the output activation keeps them there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reconstructions {
    /// [images, pixels]
    pub originals: Vec<f32>,
    /// [images, pixels]
    pub reconstructions: Vec<f32>,
}

/// A recorded reconstruction of a set of images under the parameters that are in memory.
pub struct Reconstructor<'a> {
    inference: Inference<'a>,
}

impl<'a> Reconstructor<'a> {
    /// Puts the images on the GPU, under `name`, as far as [`Gpu::data_memory`] allows, and records their way through the network.
    ///
    /// # Errors
    /// No room for the images or the network's results, or another fault of the GPU.
    pub fn new(
        gpu: &Gpu,
        network: &Network,
        memory: &mut Memory,
        name: &'a str,
        images: &'a Images,
    ) -> Result<Self, Error> {
        Ok(Self { inference: Inference::new(gpu, network, memory, name, images)? })
    }

    /// Every image and its reconstruction.
    ///
    /// # Errors
    /// A fault of the GPU.
    pub fn reconstruct(&mut self, gpu: &Gpu) -> Result<Reconstructions, Error> {
        let mut all = Reconstructions::default();
        self.inference.pairs(gpu, |originals, reconstructions| {
            all.originals.extend(originals);
            all.reconstructions.extend(reconstructions);
        })?;
        Ok(all)
    }
}
