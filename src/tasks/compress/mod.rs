//! Images as small files, by a model's codes, beside what common formats make of them.

mod file;
mod quantize;

pub use file::{Compressed, CompressedError};
pub use quantize::QuantizedCodes;

use super::codes::read_bounded;
use super::decode::decode;
use super::encode::encode;
use super::similarity::psnr;
use crate::data::{ImageShape, Images};
use crate::error::Error;
use crate::gpu::Gpu;
use crate::train::TrainedModel;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, ImageError};
use std::path::Path;

/// Images that other formats are measured on, at most.
const MOST_COMPARED: usize = 256;

/// Codes images and quantizes the codes to so many bits each.
///
/// # Errors
/// Images of another size than the model's, or a fault of the GPU.
pub fn compress(gpu: &Gpu, model: &TrainedModel, images: &Images, bits: u32) -> Result<Compressed, Error> {
    let codes = encode(gpu, model, images, None)?;
    Ok(Compressed { shape: images.shape(), codes: QuantizedCodes::new(&codes, bits) })
}

/// Reads a compressed file, which and whose images may take so many bytes each.
///
/// # Errors
/// [`Error::Run`] as [`Compressed::from_bytes`], or it cannot be read.
pub fn read_compressed(path: &Path, model: &str, most_bytes: u64) -> Result<Compressed, Error> {
    let bytes = read_bounded(path, most_bytes)?;
    Compressed::from_bytes(&bytes, model, most_bytes).map_err(|error| Error::Run(format!("{} {error}", path.display())))
}

/// The images of a compressed file, [images, height, width, channels].
///
/// # Errors
/// Codes of another size than the model's, or a fault of the GPU.
pub fn decompress(gpu: &Gpu, model: &TrainedModel, compressed: &Compressed) -> Result<Vec<f32>, Error> {
    decode(gpu, model, &compressed.codes.codes())
}

/// What images take in a format, each by itself, and how near they stay to what they were.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    pub bytes_per_image: f64,
    /// The peak signal-to-noise ratio in decibels.
    pub psnr: f64,
}

/// The first images as files of PNG, and as those of JPEG that are about as near to what they were as `wanted` decibels: of the least quality
/// that reaches it, or the highest. None for images that are neither gray nor color.
///
/// # Errors
/// An encoder fails.
pub fn other_formats(images: &Images, wanted: f64) -> Result<Option<[Size; 2]>, Error> {
    let images = images.first(MOST_COMPARED);
    let shape = images.shape();
    let Some(color) = color(shape) else { return Ok(None) };
    let failed = |error: ImageError| Error::Run(format!("the images cannot be encoded for a comparison: {error}"));
    let png = files(&images, |bytes, file| {
        PngEncoder::new_with_quality(file, CompressionType::Best, FilterType::Adaptive).write_image(
            bytes,
            shape.width as u32,
            shape.height as u32,
            color,
        )
    })
    .map_err(failed)?;
    let jpeg = |quality: u8| -> Result<Size, Error> {
        let files = files(&images, |bytes, file| {
            JpegEncoder::new_with_quality(file, quality).write_image(
                bytes,
                shape.width as u32,
                shape.height as u32,
                color,
            )
        })
        .map_err(failed)?;
        let mut again = Vec::with_capacity(images.bytes().len());
        for file in &files {
            let picture = image::load_from_memory(file).map_err(failed)?;
            again.extend(if shape.channels == 1 {
                picture.into_luma8().into_raw()
            } else {
                picture.into_rgb8().into_raw()
            });
        }
        Ok(Size { bytes_per_image: mean_length(&files), psnr: psnr(&shares(images.bytes()), &shares(&again)) })
    };
    let [mut below, mut reached] = [0u8, 100];
    let mut smallest = jpeg(reached)?;
    while reached - below > 1 {
        let quality = below + (reached - below) / 2;
        let size = jpeg(quality)?;
        if size.psnr >= wanted {
            (reached, smallest) = (quality, size);
        } else {
            below = quality;
        }
    }
    Ok(Some([Size { bytes_per_image: mean_length(&png), psnr: f64::INFINITY }, smallest]))
}

fn color(shape: ImageShape) -> Option<ExtendedColorType> {
    match shape.channels {
        1 => Some(ExtendedColorType::L8),
        3 => Some(ExtendedColorType::Rgb8),
        _ => None,
    }
}

/// Each image as a file.
fn files(
    images: &Images,
    write: impl Fn(&[u8], &mut Vec<u8>) -> Result<(), ImageError>,
) -> Result<Vec<Vec<u8>>, ImageError> {
    let file = |index: usize| {
        let mut file = Vec::new();
        write(images.image(index), &mut file).map(|()| file)
    };
    (0..images.len()).map(file).collect()
}

fn mean_length(files: &[Vec<u8>]) -> f64 {
    files.iter().map(Vec::len).sum::<usize>() as f64 / files.len() as f64
}

/// Bytes as numbers in [0, 1].
pub fn shares(bytes: &[u8]) -> Vec<f32> {
    bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jpeg_is_no_worse_than_wanted_and_smaller_where_less_is_wanted() {
        let shape = ImageShape { height: 32, width: 32, channels: 3 };
        let bytes = (0..2 * shape.pixels()).map(|place| ((place * place / 97) % 251) as u8).collect();
        let images = Images::new(shape, bytes, None).unwrap();
        let [png, rough] = other_formats(&images, 15.0).unwrap().unwrap();
        let [_, fine] = other_formats(&images, 25.0).unwrap().unwrap();
        assert!(rough.psnr >= 15.0 && fine.psnr >= 25.0 && rough.bytes_per_image < fine.bytes_per_image);
        assert!(png.bytes_per_image > 100.0 && png.psnr == f64::INFINITY);
        let depth = ImageShape { channels: 2, ..shape };
        let images = Images::new(depth, vec![0; depth.pixels()], None).unwrap();
        assert_eq!(other_formats(&images, 20.0).unwrap(), None);
    }
}
