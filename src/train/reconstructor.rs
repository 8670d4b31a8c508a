//! Images as a network gives them back.

use super::loader::Loader;
use super::steps::Batches;
use super::submissions::Submissions;
use crate::data::Images;
use crate::error::Error;
use crate::gpu::{Gpu, Tensor};
use crate::kernels::matmul::Products;
use crate::kernels::step::Step;
use crate::model::Network;
use crate::program::lower;
use crate::program::{Memory, Program};
use std::ops::Range;

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
pub struct Reconstructor<'a> {
    batches: Batches,
    originals: Tensor,
    reconstructions: Tensor,
    submissions: Submissions<'a>,
}

impl<'a> Reconstructor<'a> {
    /// Puts the images on the GPU, under `name`, as far as [`Gpu::data_memory`] allows, and records their way through the network.
    pub fn new(
        gpu: &Gpu,
        network: &Network,
        memory: &mut Memory,
        name: &'a str,
        images: &'a Images,
    ) -> Result<Self, Error> {
        let loader = Loader::new(gpu, memory, name, images, 1..=MOST_IMAGES_TOGETHER)?;
        let most_together = MOST_IMAGES_TOGETHER.min(loader.capacity());
        let batches = Batches::fitting(gpu, images, network.widest(), most_together);
        let lowered = lower::reconstruction(network, loader.samples(), batches.batch_size);
        memory.place(gpu, &lowered.graph)?;
        let program = Program::new(gpu, &lowered.graph, memory, Products::of(gpu), 1)?;
        let originals = memory.tensor(&lowered.graph, lowered.originals)?.clone();
        let reconstructions = memory.tensor(&lowered.graph, lowered.reconstructions)?.clone();
        let most_results = originals.len() + reconstructions.len();
        let submissions = Submissions::new(gpu, batches, loader, program, 1, most_results)?;
        Ok(Self { batches, originals, reconstructions, submissions })
    }

    /// Every image and its reconstruction.
    pub fn reconstruct(&mut self, gpu: &Gpu) -> Result<Reconstructions, Error> {
        let mut all = Reconstructions { originals: Vec::new(), reconstructions: Vec::new() };
        let values = |steps: &[Step]| steps.iter().map(|step| step.rows as usize * self.batches.pixels).sum();
        self.submissions.run(
            gpu,
            0,
            None,
            |place, _| self.batches.stored(place),
            |steps| vec![(&self.originals, 0..values(steps)), (&self.reconstructions, 0..values(steps))],
            &mut |_: Range<usize>, arrived: Vec<f32>| {
                let (originals, reconstructions) = arrived.split_at(arrived.len() / 2);
                all.originals.extend(originals);
                all.reconstructions.extend(reconstructions);
                Ok(())
            },
        )?;
        Ok(all)
    }
}
