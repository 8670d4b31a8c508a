//! Images as a trained model gives them back.

use super::evaluate::refuse_other_sizes;
use crate::data::{ImageShape, Images};
use crate::error::Error;
use crate::gpu::Gpu;
use crate::program::Memory;
use crate::report::ReportError;
use crate::report::files::write_atomically;
use crate::train::{Reconstructions, Reconstructor, TrainedModel};
use npyz::WriterBuilder;
use std::io;
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
pub fn save_npy(path: &Path, pairs: &Reconstructions, shape: ImageShape) -> Result<(), ReportError> {
    let cannot_write = |cause: io::Error| ReportError::Write { path: path.to_owned(), cause };
    let images = pairs.originals.len() / shape.pixels();
    let dimensions = [2, images, shape.height, shape.width, shape.channels].map(|size| size as u64);
    let mut bytes = Vec::new();
    let mut writer = npyz::WriteOptions::new()
        .default_dtype()
        .shape(&dimensions)
        .writer(&mut bytes)
        .begin_nd()
        .map_err(cannot_write)?;
    writer.extend(pairs.originals.iter().chain(&pairs.reconstructions).copied()).map_err(cannot_write)?;
    writer.finish().map_err(cannot_write)?;
    write_atomically(path, &bytes)
}
