//! How well a network reconstructs a set of images.

use super::loader::Loader;
use super::steps::Batches;
use super::submissions::Submissions;
use crate::data::Images;
use crate::error::Error;
use crate::gpu::{Gpu, Tensor};
use crate::kernels::matmul::Products;
use crate::model::Network;
use crate::program::lower;
use crate::program::{Memory, Program};
use crate::reference::Corruption;
use std::ops::Range;

/// The most images that are taken together, which bounds the memory for their activations.
pub(super) const MOST_IMAGES_TOGETHER: usize = 500;

/// The most batches of one submission: room in the step table.
pub(super) const BATCHES_PER_SUBMISSION: usize = 64;

/// The errors of reconstructions of pixels in [0, 1], mean over the images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errors {
    /// Binary cross-entropy in nats, mean over an image's pixels.
    pub bce: f64,
    /// Squared error, mean over an image's pixels.
    pub mse: f64,
    /// Squared error, summed over an image's pixels.
    pub sse: f64,
}

impl Errors {
    /// Of images of so many pixels, from the cross-entropy and the squared error of each, both summed over its pixels.
    pub fn mean<'e>(of_images: impl IntoIterator<Item = &'e [f32; 2]>, pixels: usize) -> Self {
        let (mut sums, mut images) = ([0.0; 2], 0.0);
        for errors in of_images {
            sums = [0, 1].map(|which| sums[which] + f64::from(errors[which]));
            images += 1.0;
        }
        let [bce, sse] = sums.map(|sum: f64| sum / images);
        Self { bce: bce / pixels as f64, mse: sse / pixels as f64, sse }
    }

    /// Whether all of them are finite.
    pub fn are_finite(&self) -> bool {
        [self.bce, self.mse, self.sse].into_iter().all(f64::is_finite)
    }
}

/// A recorded evaluation of a set of images under the parameters that are in memory, whatever they are by then.
pub struct Evaluator<'a> {
    batches: Batches,
    /// Of the images' noise.
    seed: u64,
    metrics: Tensor,
    submissions: Submissions<'a>,
}

impl<'a> Evaluator<'a> {
    /// Puts the images on the GPU, under `name`, as far as [`Gpu::data_memory`] allows, and records their evaluation.
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

    /// The same where the network sees the images with noise, which follows from the seed and from an image's place: what it gives back is
    /// held against the images without. A network without layers gives the images back as it sees them.
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
        let at_once = 1..=MOST_IMAGES_TOGETHER * BATCHES_PER_SUBMISSION;
        let loader = Loader::new(gpu, memory, name, images, at_once)?;
        let batches = loader.batches(gpu, network.widest(), network.parameter_count(), MOST_IMAGES_TOGETHER);
        let lowered = lower::evaluation(network, loader.samples(), corruption, batches.batch_size);
        memory.place(gpu, &lowered.graph)?;
        let program = Program::new(gpu, &lowered.graph, memory, Products::of(gpu), BATCHES_PER_SUBMISSION)?;
        let metrics = memory.tensor(&lowered.graph, lowered.metrics)?.clone();
        let most_results = 2 * batches.batch_size * BATCHES_PER_SUBMISSION;
        let submissions = Submissions::new(gpu, batches, loader, program, BATCHES_PER_SUBMISSION, most_results)?;
        Ok(Self { batches, seed, metrics, submissions })
    }

    /// The cross-entropy and the squared error of each image, both summed over its pixels.
    ///
    /// # Errors
    /// A fault of the GPU.
    pub fn errors_of_images(&mut self, gpu: &Gpu) -> Result<Vec<[f32; 2]>, Error> {
        let mut errors: Vec<[f32; 2]> = Vec::with_capacity(self.batches.sample_count);
        self.submissions.run(
            gpu,
            0,
            None,
            |place, _| self.batches.noisy(place, self.seed),
            |steps| {
                let first = steps.first().map_or(0, |step| step.first_sample as usize);
                let images: usize = steps.iter().map(|step| step.rows as usize).sum();
                vec![(&self.metrics, 2 * first..2 * (first + images))]
            },
            &mut |_: Range<usize>, arrived: Vec<f32>| {
                errors.extend(arrived.as_chunks().0);
                Ok(())
            },
        )?;
        Ok(errors)
    }

    /// The mean errors of all images, summed on the host in f64; not finite where a network's output is not.
    ///
    /// # Errors
    /// A fault of the GPU.
    pub fn errors(&mut self, gpu: &Gpu) -> Result<Errors, Error> {
        Ok(Errors::mean(&self.errors_of_images(gpu)?, self.batches.pixels))
    }
}
