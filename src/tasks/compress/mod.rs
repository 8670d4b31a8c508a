//! Images as small files, by a model's codes, beside what common formats make of them.

mod file;
mod formats;
mod quantize;
mod rates;

pub use file::{Compressed, CompressedError, Model};
pub use formats::{CompressedSize, other_formats};
pub use quantize::QuantizedCodes;
pub use rates::{Rates, rates};

use super::codes::read_bounded;
use super::decode::decode;
use super::encode::encode;
use crate::data::Images;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::train::TrainedModel;
use std::path::Path;

/// Codes images and quantizes the codes to so many bits each.
///
/// # Errors
/// Images of another size than the model's, or a fault of the GPU.
pub fn compress(gpu: &Gpu, model: &TrainedModel, images: &Images, bits: u32) -> Result<Compressed, Error> {
    let codes = encode(gpu, model, images, None)?;
    Ok(Compressed { shape: images.shape(), codes: QuantizedCodes::new(&codes, bits) })
}

/// Reads a file that this model has compressed, which and whose codes and images may take so many bytes each. `sha256` is that of the model's file.
///
/// # Errors
/// [`Error::Run`] as [`Compressed::from_bytes`], or it cannot be read.
pub fn read_compressed(path: &Path, model: &TrainedModel, sha256: &str, most_bytes: u64) -> Result<Compressed, Error> {
    let model = Model { sha256, pixels: model.network.pixels(), code_size: model.network.code_size() };
    let bytes = read_bounded(path, most_bytes)?;
    Compressed::from_bytes(&bytes, &model, most_bytes)
        .map_err(|error| Error::Run(format!("{} {error}", path.display())))
}

/// The images of a compressed file, [images, height, width, channels].
///
/// # Errors
/// Codes of another size than the model's, or a fault of the GPU.
pub fn decompress(gpu: &Gpu, model: &TrainedModel, compressed: &Compressed) -> Result<Vec<f32>, Error> {
    decode(gpu, model, &compressed.codes.codes())
}

/// Bytes as numbers in [0, 1].
pub fn shares(bytes: &[u8]) -> Vec<f32> {
    bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect()
}
