//! Images as a network gives them back.

use super::steps::Batches;
use super::upload::upload_images;
use crate::data::Images;
use crate::error::Error;
use crate::gpu::{Gpu, Tensor};
use crate::kernels::matmul::Schedule;
use crate::model::Network;
use crate::program::lower;
use crate::program::{Memory, Program};

/// The most images that are taken together, which bounds the memory for their activations.
const MOST_IMAGES_TOGETHER: usize = 256;

/// Images before and after the network, as numbers in [0, 1] where the output activation keeps them there.
#[derive(Clone, Debug, PartialEq)]
pub struct Reconstructions {
    /// [images, pixels]
    pub originals: Vec<f32>,
    /// [images, pixels]
    pub reconstructions: Vec<f32>,
}

/// A recorded reconstruction of a set of images under the parameters that are in memory.
pub struct Reconstructor {
    batches: Batches,
    program: Program,
    originals: Tensor,
    reconstructions: Tensor,
}

impl Reconstructor {
    /// Puts the images on the GPU, under `name`, and records their way through the network.
    pub fn new(gpu: &Gpu, network: &Network, memory: &mut Memory, name: &str, images: &Images) -> Result<Self, Error> {
        let pixels = images.shape().pixels();
        let batches = Batches::fitting(gpu, images.len(), pixels, network.widest(), MOST_IMAGES_TOGETHER);
        let samples = upload_images(gpu, memory, name, images)?;
        let lowered = lower::reconstruction(network, samples, batches.batch_size);
        memory.place(gpu, &lowered.graph)?;
        let program = Program::new(gpu, &lowered.graph, memory, Schedule::of(gpu), 1)?;
        let originals = memory.tensor(&lowered.graph, lowered.originals)?.clone();
        let reconstructions = memory.tensor(&lowered.graph, lowered.reconstructions)?.clone();
        Ok(Self { batches, program, originals, reconstructions })
    }

    /// Every image and its reconstruction.
    pub fn reconstruct(&self, gpu: &Gpu) -> Result<Reconstructions, Error> {
        let mut all = Reconstructions { originals: Vec::new(), reconstructions: Vec::new() };
        for place in 0..self.batches.count() {
            let values = self.batches.rows(place) * self.batches.pixels;
            let commands = self.program.record(gpu, &[self.batches.stored(place)])?;
            gpu.run(commands)?;
            all.originals.extend(&self.originals.download(gpu)?[..values]);
            all.reconstructions.extend(&self.reconstructions.download(gpu)?[..values]);
        }
        Ok(all)
    }
}
