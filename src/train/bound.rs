//! The lower bound that a variational autoencoder gives of the likelihood of a set of images.

use super::evaluator::{BATCHES_PER_SUBMISSION, MOST_IMAGES_TOGETHER};
use super::loader::Loader;
use super::submissions::Submissions;
use crate::data::Images;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::kernels::matmul::Products;
use crate::kernels::step::Step;
use crate::model::Network;
use crate::program::lower;
use crate::program::{Memory, Program};
use std::ops::Range;

/// The negative lower bound, −ELBO, in nats, mean over the images: the cross-entropy summed over an image's values, with one code drawn for
/// each image by `seed`, and the divergence of the distribution that it is drawn from (Kingma & Welling 2014, equation 10). `name` is
/// that of the images' tensor in memory, where the parameters are.
///
/// # Errors
/// A GPU that has too little room, or a fault of it.
pub fn negative_bound(
    gpu: &Gpu,
    network: &Network,
    memory: &mut Memory,
    name: &str,
    images: &Images,
    seed: u64,
) -> Result<f64, Error> {
    let at_once = 1..=MOST_IMAGES_TOGETHER * BATCHES_PER_SUBMISSION;
    let loader = Loader::new(gpu, memory, name, images, at_once)?;
    let batches = loader.batches(gpu, network.widest(), network.parameter_count(), MOST_IMAGES_TOGETHER);
    let lowered = lower::negative_bound(network, loader.samples(), batches.batch_size, BATCHES_PER_SUBMISSION);
    memory.place(gpu, &lowered.graph)?;
    let program = Program::new(gpu, &lowered.graph, memory, Products::of(gpu), BATCHES_PER_SUBMISSION)?;
    let bounds = memory.tensor(&lowered.graph, lowered.bounds)?.clone();
    let mut submissions =
        Submissions::new(gpu, batches, loader, program, BATCHES_PER_SUBMISSION, BATCHES_PER_SUBMISSION)?;
    let mut sum = 0.0;
    submissions.run(
        gpu,
        0,
        None,
        |place, slot| Step { loss_slot: slot as u32, ..batches.noisy(place, seed) },
        |steps| vec![(&bounds, 0..steps.len())],
        &mut |places: Range<usize>, arrived: Vec<f32>| {
            sum = batches.summed(places.start, &arrived, sum);
            Ok(())
        },
    )?;
    Ok(sum * batches.pixels as f64 / batches.sample_count as f64)
}
