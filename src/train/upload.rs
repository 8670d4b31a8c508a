//! Images on the GPU as bytes: a quarter of the memory that floats would take.

use crate::data::Images;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::kernels::gather;
use crate::program::Memory;
use crate::program::lower::Samples;

/// Puts images into the tensor `name`, as the gather kernel reads them; returns what a graph needs to know of them.
pub fn upload_images<'a>(gpu: &Gpu, memory: &mut Memory, name: &'a str, images: &Images) -> Result<Samples<'a>, Error> {
    let samples = Samples { name, count: images.len(), pixels: images.shape().pixels() };
    let words = gather::pack(images.bytes(), samples.pixels);
    memory.upload(gpu, name, samples.count, gather::words_per_sample(samples.pixels), &words)?;
    Ok(samples)
}
