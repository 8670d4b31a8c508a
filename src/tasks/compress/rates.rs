//! How near images stay to what they were for so many bytes: the rate and the distortion of codes of several bits, and of other formats.

use super::formats::Compared;
use super::{Compressed, CompressedSize, QuantizedCodes, decompress, shares};
use crate::data::Images;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::tasks::encode::encode;
use crate::tasks::similarity::psnr;
use crate::train::TrainedModel;

/// Bits of a code's numbers that are measured: more bring nothing nearer.
const BITS: std::ops::RangeInclusive<u32> = 1..=8;

/// Qualities of JPEG that are measured.
const QUALITIES: [u8; 9] = [1, 5, 10, 20, 30, 50, 70, 85, 95];

/// Sizes and distortions: of all images as codes, and of the first few of them in other formats, a file for each.
#[derive(Clone, Debug, PartialEq)]
pub struct Rates {
    /// By the bits of each number of a code.
    pub codes: Vec<(u32, CompressedSize)>,
    /// Nothing is lost; none for images that are neither gray nor color.
    pub png: Option<CompressedSize>,
    /// By quality; none for such images.
    pub jpeg: Vec<(u8, CompressedSize)>,
}

/// Measures images by a model whose file has this SHA-256, and by other formats.
///
/// # Errors
/// Images of another size than the model's, an encoder that fails, or a fault of the GPU.
pub fn rates(gpu: &Gpu, model: &TrainedModel, digest: &str, images: &Images) -> Result<Rates, Error> {
    let codes = encode(gpu, model, images, None)?;
    let originals = shares(images.bytes());
    let of_bits = |bits: u32| -> Result<(u32, CompressedSize), Error> {
        let compressed = Compressed { shape: images.shape(), codes: QuantizedCodes::new(&codes, bits) };
        let failed = |error| Error::Run(format!("the codes cannot be packed: {error}"));
        let bytes = compressed.to_bytes(digest).map_err(failed)?.len();
        let again = decompress(gpu, model, &compressed)?;
        let size =
            CompressedSize { bytes_per_image: bytes as f64 / images.len() as f64, psnr: psnr(&originals, &again) };
        Ok((bits, size))
    };
    let codes = BITS.map(of_bits).collect::<Result<_, _>>()?;
    let Some(compared) = Compared::new(images) else { return Ok(Rates { codes, png: None, jpeg: Vec::new() }) };
    let jpeg = QUALITIES.into_iter().map(|quality| Ok((quality, compared.jpeg(quality)?)));
    Ok(Rates { codes, png: Some(compared.png()?), jpeg: jpeg.collect::<Result<_, Error>>()? })
}
