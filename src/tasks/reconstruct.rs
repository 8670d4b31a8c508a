//! Images as a trained model gives them back.

use super::evaluate::refuse_other_sizes;
use crate::data::{ImageShape, Images};
use crate::error::Error;
use crate::gpu::Gpu;
use crate::program::Memory;
use crate::report::{ReportError, npy};
use crate::train::{Reconstructions, Reconstructor, TrainedModel};
use std::path::Path;

/// Sends images through a model.
///
/// # Errors
/// Images of another size than the model's, or a fault of the GPU.
pub fn reconstruct(gpu: &Gpu, model: &TrainedModel, images: &Images) -> Result<Reconstructions, Error> {
    refuse_other_sizes(model, images)?;
    let mut memory = Memory::default();
    memory.upload_parameters(gpu, &model.network, &model.parameters)?;
    Reconstructor::new(gpu, &model.network, &mut memory, "images", images)?.reconstruct(gpu)
}

/// Writes originals and reconstructions as a NumPy array of f32, [2, images, height, width, channels].
///
/// # Errors
/// The file cannot be written.
pub fn save_npy(path: &Path, pairs: &Reconstructions, shape: ImageShape) -> Result<(), ReportError> {
    let images = pairs.originals.len() / shape.pixels();
    let dimensions = [2, images, shape.height, shape.width, shape.channels];
    npy::save_npy(path, &dimensions, pairs.originals.iter().chain(&pairs.reconstructions).copied())
}
