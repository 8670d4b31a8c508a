//! Images on the GPU as bytes: a quarter of the memory that floats would take.

use crate::data::Images;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::kernels::gather;
use crate::program::Memory;

/// Puts images into the tensor `name`, as the gather kernel reads them.
pub fn upload_images(gpu: &Gpu, memory: &mut Memory, name: &str, images: &Images) -> Result<(), Error> {
    let pixels = images.shape().pixels();
    let words = gather::pack(images.bytes(), pixels);
    Ok(memory.upload(gpu, name, images.len(), gather::words_per_sample(pixels), &words)?)
}
