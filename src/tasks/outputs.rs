//! What a network makes of images.

use crate::data::Images;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::model::{Network, Parameters};
use crate::program::Memory;
use crate::reference::Corruption;
use crate::train::Inference;

/// What a network gives for images that it sees with noise, [images, what its last layer gives], whether or not that is finite. The network
/// may be the first layers of the one that the parameters are of; without layers it gives images as it sees them. The noise follows from the
/// seed.
pub fn outputs(
    gpu: &Gpu,
    network: &Network,
    parameters: &Parameters,
    images: &Images,
    corruption: Corruption,
    seed: u64,
) -> Result<Vec<f32>, Error> {
    let mut memory = Memory::default();
    memory.upload_parameters(gpu, network, parameters)?;
    let mut values = Vec::new();
    Inference::with_noise(gpu, network, &mut memory, "images", images, corruption, seed)?
        .outputs(gpu, |outputs| values.extend(outputs))?;
    Ok(values)
}
