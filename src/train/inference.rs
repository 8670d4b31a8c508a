//! Images through a network or a part of one, batch by batch.

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
use crate::reference::{Augmentation, Corruption};
use std::ops::Range;

/// The most images that are taken together, which bounds the memory for their activations.
const MOST_IMAGES_TOGETHER: usize = 256;

/// What is done to images before a network sees them. It follows from the seed and from an image's place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alteration {
    /// Of the images, also as they are to be given back.
    pub augmentation: Augmentation,
    /// Of what the network sees of them.
    pub corruption: Corruption,
    /// Of both.
    pub seed: u64,
}

/// A recorded pass of a set of images through a network under the parameters that are in memory. The network may be a part of the one
/// that was trained, such as its encoder, since the names of its layers are those of the parameters.
pub struct Inference<'a> {
    batches: Batches,
    /// Of the images' noise.
    seed: u64,
    /// [batch, pixels]: as they are to be given back.
    inputs: Tensor,
    /// [batch, what the last layer gives]
    outputs: Tensor,
    submissions: Submissions<'a>,
}

impl<'a> Inference<'a> {
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
        Self::with_noise(gpu, network, memory, name, images, Corruption::NONE, 0)
    }

    /// The same where the network sees the images with noise, which follows from the seed and from an image's place. A network without
    /// layers gives the images back as it sees them.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn with_noise(
        gpu: &Gpu,
        network: &Network,
        memory: &mut Memory,
        name: &'a str,
        images: &'a Images,
        corruption: Corruption,
        seed: u64,
    ) -> Result<Self, Error> {
        let alteration = Alteration { augmentation: Augmentation::NONE, corruption, seed };
        Self::with_alteration(gpu, network, memory, name, images, alteration)
    }

    /// The same where more may be done to the images.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn with_alteration(
        gpu: &Gpu,
        network: &Network,
        memory: &mut Memory,
        name: &'a str,
        images: &'a Images,
        alteration: Alteration,
    ) -> Result<Self, Error> {
        let Alteration { augmentation, corruption, seed } = alteration;
        let augmentation = Some(augmentation).filter(|augmentation| !augmentation.is_none());
        let loader = Loader::new(gpu, memory, name, images, 1..=MOST_IMAGES_TOGETHER)?;
        // What is read back of a batch stands in one buffer: the images and what becomes of them.
        let outputs = network.layers().last().map_or(images.shape().pixels(), |layer| layer.outputs);
        let widest = network.widest().max(images.shape().pixels() + outputs);
        let batches = loader.batches(gpu, widest, network.parameter_count(), MOST_IMAGES_TOGETHER);
        let lowered = lower::reconstruction(network, loader.samples(), augmentation, corruption, batches.batch_size);
        memory.place(gpu, &lowered.graph)?;
        let program = Program::new(gpu, &lowered.graph, memory, Products::of(gpu), 1)?;
        let inputs = memory.tensor(&lowered.graph, lowered.originals)?.clone();
        let outputs = memory.tensor(&lowered.graph, lowered.reconstructions)?.clone();
        let submissions = Submissions::new(gpu, batches, loader, program, 1, inputs.len() + outputs.len())?;
        Ok(Self { batches, seed, inputs, outputs, submissions })
    }

    /// Hands on what the network makes of each batch, [images, what the last layer gives], in the order of the images.
    ///
    /// # Errors
    /// A fault of the GPU.
    pub fn outputs(&mut self, gpu: &Gpu, mut each: impl FnMut(&[f32])) -> Result<(), Error> {
        pass(&mut self.submissions, gpu, self.batches, self.seed, &[&self.outputs], |outputs| each(&outputs))
    }

    /// Hands on each batch as the network is to give it back, [images, pixels], and what the network makes of it, in the order of the images.
    ///
    /// # Errors
    /// A fault of the GPU.
    pub fn pairs(&mut self, gpu: &Gpu, mut each: impl FnMut(&[f32], &[f32])) -> Result<(), Error> {
        let [before, after] = [&self.inputs, &self.outputs].map(Tensor::columns);
        pass(&mut self.submissions, gpu, self.batches, self.seed, &[&self.inputs, &self.outputs], |arrived| {
            let (inputs, outputs) = arrived.split_at(arrived.len() / (before + after) * before);
            each(inputs, outputs);
        })
    }
}

/// Takes all images once, a batch in each submission, and hands on the rows of these tensors, one tensor after the other.
fn pass(
    submissions: &mut Submissions<'_>,
    gpu: &Gpu,
    batches: Batches,
    seed: u64,
    kept: &[&Tensor],
    mut each: impl FnMut(Vec<f32>),
) -> Result<(), Error> {
    let rows = |steps: &[Step]| steps.iter().map(|step| step.rows as usize).sum::<usize>();
    submissions.run(
        gpu,
        0,
        None,
        |place, _| batches.noisy(place, seed),
        |steps| kept.iter().map(|&tensor| (tensor, 0..rows(steps) * tensor.columns())).collect(),
        &mut |_: Range<usize>, arrived: Vec<f32>| {
            each(arrived);
            Ok(())
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ImageShape;

    /// A network without layers has no width that a batch could be bounded by.
    #[test]
    fn large_images_go_through_a_network_without_layers() {
        let gpu = Gpu::of_tests();
        let shape = ImageShape { height: 200, width: 200, channels: 3 };
        // As many as one readback could not hold together with what becomes of them.
        let most = (gpu.largest_tensor() / (8 * shape.pixels() as u64)).min(MOST_IMAGES_TOGETHER as u64) as usize;
        let bytes = (0..(most + 1) * shape.pixels()).map(|place| (place % 251) as u8).collect();
        let images = Images::new(shape, bytes, None).unwrap();
        let mut memory = Memory::default();
        let mut inference = Inference::new(&gpu, &Network::default(), &mut memory, "images", &images).unwrap();
        let mut arrived = 0;
        inference
            .pairs(&gpu, |inputs, outputs| {
                assert_eq!(inputs, outputs);
                let rows = inputs.chunks_exact(shape.pixels()).enumerate();
                rows.for_each(|(row, values)| {
                    let stored = images.image(arrived + row);
                    let is_same = |(value, byte): (&f32, &u8)| (value * 255.0).round() as u8 == *byte;
                    assert!(values.iter().zip(stored).all(is_same), "{}", arrived + row);
                });
                arrived += inputs.len() / shape.pixels();
            })
            .unwrap();
        assert_eq!(arrived, images.len());
    }
}
