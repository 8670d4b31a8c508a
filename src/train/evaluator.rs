//! How well a network reconstructs a set of images.

use super::pace::Pace;
use super::steps::Batches;
use super::upload::upload_images;
use crate::data::Images;
use crate::error::Error;
use crate::gpu::{Gpu, Tensor};
use crate::kernels::matmul::Schedule;
use crate::kernels::step::Step;
use crate::model::Network;
use crate::program::lower;
use crate::program::{Memory, Program};
use std::time::Instant;

/// The most images that are taken together, which bounds the memory for their activations.
const MOST_IMAGES_TOGETHER: usize = 500;

/// The most batches of one submission: room in the step table.
const BATCHES_PER_SUBMISSION: usize = 64;

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
    pub fn are_finite(&self) -> bool {
        [self.bce, self.mse, self.sse].into_iter().all(f64::is_finite)
    }
}

/// A recorded evaluation of a set of images under the parameters that are in memory, whatever they are by then.
pub struct Evaluator {
    batches: Batches,
    program: Program,
    metrics: Tensor,
}

impl Evaluator {
    /// Puts the images on the GPU, under `name`, and records their evaluation.
    pub fn new(gpu: &Gpu, network: &Network, memory: &mut Memory, name: &str, images: &Images) -> Result<Self, Error> {
        let pixels = images.shape().pixels();
        let batches = Batches::fitting(gpu, images.len(), pixels, network.widest(), MOST_IMAGES_TOGETHER);
        let samples = upload_images(gpu, memory, name, images)?;
        let lowered = lower::evaluation(network, samples, batches.batch_size);
        memory.place(gpu, &lowered.graph)?;
        let program = Program::new(gpu, &lowered.graph, memory, Schedule::of(gpu), BATCHES_PER_SUBMISSION)?;
        let metrics = memory.tensor(&lowered.graph, lowered.metrics)?.clone();
        Ok(Self { batches, program, metrics })
    }

    /// The cross-entropy and the squared error of each image, both summed over its pixels.
    pub fn errors_of_images(&self, gpu: &Gpu) -> Result<Vec<[f32; 2]>, Error> {
        let steps: Vec<Step> = (0..self.batches.count()).map(|place| self.batches.stored(place)).collect();
        let mut pace = Pace::new(BATCHES_PER_SUBMISSION);
        let mut rest = steps.as_slice();
        while !rest.is_empty() {
            let (submission, later) = rest.split_at(pace.steps().min(rest.len()));
            let started = Instant::now();
            gpu.run(self.program.record(gpu, submission)?)?;
            gpu.finish()?;
            pace.finished(submission.len(), started.elapsed());
            rest = later;
        }
        let values: Vec<f32> = self.metrics.download(gpu)?;
        Ok(values.as_chunks().0.to_vec())
    }

    /// The mean errors of all images, summed on the host in f64; not finite where a network's output is not.
    pub fn errors(&self, gpu: &Gpu) -> Result<Errors, Error> {
        let each = self.errors_of_images(gpu)?;
        let mean = |which: usize| each.iter().map(|errors| f64::from(errors[which])).sum::<f64>() / each.len() as f64;
        let pixels = self.batches.pixels as f64;
        Ok(Errors { bce: mean(0) / pixels, mse: mean(1) / pixels, sse: mean(1) })
    }
}
