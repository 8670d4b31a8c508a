//! What common formats make of images.

use super::shares;
use crate::data::{ImageShape, Images};
use crate::error::Error;
use crate::tasks::similarity::psnr;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, ImageError};

/// Images that other formats are measured on, at most.
const MOST_COMPARED: usize = 256;

/// Pixels along a side that a JPEG has at most: its header tells them in 16 bits.
const LARGEST_JPEG_SIDE: usize = 65_535;

/// What images take in a format, each by itself, and how near they stay to what they were.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CompressedSize {
    /// The mean over the images.
    pub bytes_per_image: f64,
    /// The peak signal-to-noise ratio in decibels.
    pub psnr: f64,
}

/// The first of some images, which are gray or color, for other formats.
pub(super) struct Compared {
    images: Images,
    color: ExtendedColorType,
}

impl Compared {
    /// None for images that are neither gray nor color, or that JPEG has no room for.
    pub(super) fn new(images: &Images) -> Option<Self> {
        let ImageShape { height, width, channels } = images.shape();
        if height.max(width) > LARGEST_JPEG_SIDE {
            return None;
        }
        let color = match channels {
            1 => ExtendedColorType::L8,
            3 => ExtendedColorType::Rgb8,
            _ => return None,
        };
        Some(Self { images: images.first(MOST_COMPARED), color })
    }

    /// As files of PNG, which loses nothing.
    pub(super) fn png(&self) -> Result<CompressedSize, Error> {
        let ImageShape { height, width, .. } = self.images.shape();
        let files = self.files(|bytes, file| {
            PngEncoder::new_with_quality(file, CompressionType::Best, FilterType::Adaptive).write_image(
                bytes,
                width as u32,
                height as u32,
                self.color,
            )
        })?;
        Ok(CompressedSize { bytes_per_image: mean_length(&files), psnr: f64::INFINITY })
    }

    /// As files of JPEG of a quality from 1 to 100.
    pub(super) fn jpeg(&self, quality: u8) -> Result<CompressedSize, Error> {
        let ImageShape { height, width, channels } = self.images.shape();
        let files = self.files(|bytes, file| {
            JpegEncoder::new_with_quality(file, quality).write_image(bytes, width as u32, height as u32, self.color)
        })?;
        let mut again = Vec::with_capacity(self.images.bytes().len());
        for file in &files {
            let picture = image::load_from_memory(file).map_err(|error| failed(&error))?;
            again.extend(if channels == 1 { picture.into_luma8().into_raw() } else { picture.into_rgb8().into_raw() });
        }
        let psnr = psnr(&shares(self.images.bytes()), &shares(&again));
        Ok(CompressedSize { bytes_per_image: mean_length(&files), psnr })
    }

    /// Each image as a file.
    fn files(&self, write: impl Fn(&[u8], &mut Vec<u8>) -> Result<(), ImageError>) -> Result<Vec<Vec<u8>>, Error> {
        let file = |index: usize| {
            let mut file = Vec::new();
            write(self.images.image(index), &mut file).map(|()| file)
        };
        (0..self.images.len()).map(file).collect::<Result<_, _>>().map_err(|error| failed(&error))
    }
}

/// The first images as files of PNG, and as those of JPEG that are about as near to what they were as `wanted` decibels: of the least quality
/// that reaches it, or the highest. None for images that are neither gray nor color, or that JPEG has no room for.
///
/// # Errors
/// An encoder fails.
pub fn other_formats(images: &Images, wanted: f64) -> Result<Option<[CompressedSize; 2]>, Error> {
    let Some(compared) = Compared::new(images) else { return Ok(None) };
    let png = compared.png()?;
    let [mut below, mut reached] = [0u8, 100];
    let mut smallest = compared.jpeg(reached)?;
    while reached - below > 1 {
        let quality = below + (reached - below) / 2;
        let size = compared.jpeg(quality)?;
        if size.psnr >= wanted {
            (reached, smallest) = (quality, size);
        } else {
            below = quality;
        }
    }
    Ok(Some([png, smallest]))
}

fn failed(error: &ImageError) -> Error {
    Error::Run(format!("the images cannot be encoded for a comparison: {error}"))
}

fn mean_length(files: &[Vec<u8>]) -> f64 {
    files.iter().map(Vec::len).sum::<usize>() as f64 / files.len() as f64
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
        for other in [ImageShape { channels: 2, ..shape }, ImageShape { height: 1, width: 65_536, channels: 1 }] {
            let images = Images::new(other, vec![0; other.pixels()], None).unwrap();
            assert_eq!(other_formats(&images, 20.0).unwrap(), None, "{other}");
        }
    }
}
