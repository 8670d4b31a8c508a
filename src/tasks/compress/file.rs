//! A file of compressed images: the codes that a model made of them, in few bits.
//!
//! `DIABOLO`, a zero byte, the version as one byte, the SHA-256 of all that follows, the length of a header as u32, the header as JSON,
//! and the steps of all codes, packed by DEFLATE (RFC 1950): all codes' first numbers, then all second ones, each a byte, or two where
//! they take more than eight bits. Numbers are little-endian.

use super::quantize::QuantizedCodes;
use crate::data::ImageShape;
use flate2::Compression;
use flate2::read::{ZlibDecoder, ZlibEncoder};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::Read;

const MAGIC: &[u8; 8] = b"DIABOLO\0";
const VERSION: u8 = 1;
const DIGEST: usize = 32;
/// The bytes before what the checksum is of.
const BEFORE: usize = MAGIC.len() + 1 + DIGEST;
/// The bytes that a number of a code takes while it is read: unpacked, as a step, and as f32.
const BYTES_OF_A_NUMBER: u64 = 2 + 2 + 4;

/// Why a file is none that can be decompressed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message describes its variant and fields")]
pub enum CompressedError {
    #[error("is no file of compressed images: give one that diabolo compress has made")]
    Other,
    #[error("is of version {0}, and this diabolo reads version {VERSION}: use the diabolo that made it")]
    Version(u8),
    #[error("is damaged or truncated: get it again, or compress the images again")]
    Damaged,
    #[error("does not fit the model that it names: compress the images again")]
    Misfit,
    #[error("was compressed by another model, whose file has the SHA-256 {0}: give the run of that one")]
    OtherModel(String),
    #[error("takes {needed} bytes, more than --max-memory allows: raise that")]
    Memory { needed: u64 },
}

/// A model, as a file of images that it compressed must fit to it.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    /// Of its file, in hexadecimal digits.
    pub sha256: &'a str,
    /// Values of an image.
    pub pixels: usize,
    /// Numbers of a code.
    pub code_size: usize,
}

/// Images as a model's codes.
#[derive(Clone, Debug, PartialEq)]
pub struct Compressed {
    /// Of each image.
    pub shape: ImageShape,
    /// One for each image.
    pub codes: QuantizedCodes,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// The SHA-256 of the model's file, in hexadecimal digits.
    model: String,
    images: usize,
    height: usize,
    width: usize,
    channels: usize,
    bits: u32,
    /// Of each number of a code, as the bits of f32.
    ranges: Vec<[u32; 2]>,
}

impl Compressed {
    /// The bytes of the file; `model` is the SHA-256 of the model's.
    ///
    /// # Errors
    /// The header is longer than 2³² bytes, or cannot be written as JSON.
    pub fn to_bytes(&self, model: &str) -> std::io::Result<Vec<u8>> {
        let Self { shape: ImageShape { height, width, channels }, codes } = self;
        let header = Header {
            model: model.to_owned(),
            images: codes.len(),
            height: *height,
            width: *width,
            channels: *channels,
            bits: codes.bits,
            ranges: codes.ranges.iter().map(|range| range.map(f32::to_bits)).collect(),
        };
        let header = serde_json::to_vec(&header)?;
        let size = codes.ranges.len();
        let mut planes = Vec::with_capacity(2 * codes.steps.len());
        for place in 0..size {
            for step in codes.steps.iter().skip(place).step_by(size) {
                planes.extend(&step.to_le_bytes()[..bytes_of_a_step(codes.bits)]);
            }
        }
        let mut content = u32::try_from(header.len()).map_err(std::io::Error::other)?.to_le_bytes().to_vec();
        content.extend(header);
        ZlibEncoder::new(&planes[..], Compression::best()).read_to_end(&mut content)?;
        let checksum = Sha256::digest(&content);
        Ok([&MAGIC[..], &[VERSION], &checksum, &content].concat())
    }

    /// Reads a file's bytes, its codes and images taking at most `most_bytes`.
    ///
    /// # Errors
    /// They are those of another kind of file, damaged, or were made by another model.
    pub fn from_bytes(bytes: &[u8], model: &Model<'_>, most_bytes: u64) -> Result<Self, CompressedError> {
        if !bytes.starts_with(MAGIC) {
            return Err(CompressedError::Other);
        }
        match bytes.get(MAGIC.len()) {
            Some(&VERSION) => {}
            Some(&other) => return Err(CompressedError::Version(other)),
            None => return Err(CompressedError::Damaged),
        }
        let content = bytes.get(BEFORE..).ok_or(CompressedError::Damaged)?;
        if Sha256::digest(content)[..] != bytes[MAGIC.len() + 1..BEFORE] {
            return Err(CompressedError::Damaged);
        }
        // The checksum vouches for accidents; what a header declares is held against the rest all the same.
        let (length, rest) = content.split_first_chunk().ok_or(CompressedError::Damaged)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (header, packed) = rest.split_at_checked(length).ok_or(CompressedError::Damaged)?;
        let header: Header = serde_json::from_slice(header).map_err(|_| CompressedError::Damaged)?;
        let Header { model: made_by, images, height, width, channels, bits, ranges } = header;
        if made_by != model.sha256 {
            return Err(CompressedError::OtherModel(made_by));
        }
        let shape = ImageShape { height, width, channels };
        let pixels = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(channels));
        let is_of_model = pixels == Some(model.pixels) && ranges.len() == model.code_size;
        if !is_of_model || images == 0 || !(1..=QuantizedCodes::MOST_BITS).contains(&bits) {
            return Err(CompressedError::Misfit);
        }
        let of_image = 4 * model.pixels as u64 + BYTES_OF_A_NUMBER * model.code_size as u64;
        let needed = of_image.saturating_mul(images as u64);
        if needed > most_bytes {
            return Err(CompressedError::Memory { needed });
        }
        let steps = unpack(packed, images, ranges.len(), bits).ok_or(CompressedError::Damaged)?;
        let ranges = ranges.into_iter().map(|range| range.map(f32::from_bits)).collect();
        Ok(Self { shape, codes: QuantizedCodes { bits, ranges, steps } })
    }
}

/// The steps, [images, size]; none if the packed bytes are not as many.
fn unpack(packed: &[u8], images: usize, size: usize, bits: u32) -> Option<Vec<u16>> {
    let width = bytes_of_a_step(bits);
    let expected = images.checked_mul(size)?.checked_mul(width)?;
    let mut planes = Vec::new();
    ZlibDecoder::new(packed).take(expected as u64 + 1).read_to_end(&mut planes).ok()?;
    if planes.len() != expected {
        return None;
    }
    let step = |place: usize| {
        let bytes = &planes[place * width..][..width];
        bytes.iter().rev().fold(0u16, |step, &byte| step << 8 | u16::from(byte))
    };
    let steps: Vec<u16> = (0..images * size).map(|place| step(place % size * images + place / size)).collect();
    steps.iter().all(|&step| u32::from(step) < 1 << bits).then_some(steps)
}

fn bytes_of_a_step(bits: u32) -> usize {
    if bits > 8 { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MODEL: Model<'_> = Model { sha256: "a model", pixels: 60, code_size: 3 };

    fn compressed(bits: u32) -> Compressed {
        let steps = (0..30u32).map(|place| (place * 7919 % (1 << bits)) as u16).collect();
        let ranges = vec![[-1.5, 2.0], [0.0, 0.0], [0.1, 1e30]];
        let shape = ImageShape { height: 5, width: 4, channels: 3 };
        Compressed { shape, codes: QuantizedCodes { bits, ranges, steps } }
    }

    #[test]
    fn a_file_gives_back_what_it_was_made_of() {
        for bits in 1..=16 {
            let compressed = compressed(bits);
            let bytes = compressed.to_bytes(MODEL.sha256).unwrap();
            assert_eq!(Compressed::from_bytes(&bytes, &MODEL, 10_000), Ok(compressed), "{bits}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let bytes = compressed(8).to_bytes(MODEL.sha256).unwrap();
        let error = |bytes: &[u8], model| Compressed::from_bytes(bytes, &model, 10_000).unwrap_err();
        assert_eq!(error(b"PK", MODEL), CompressedError::Other);
        assert!(matches!(error(&bytes, Model { sha256: "another", ..MODEL }), CompressedError::OtherModel(_)));
        let mut newer = bytes.clone();
        newer[8] = 2;
        assert_eq!(error(&newer, MODEL), CompressedError::Version(2));
        let needed = 10 * (4 * 5 * 4 * 3 + 8 * 3);
        assert_eq!(Compressed::from_bytes(&bytes, &MODEL, needed - 1), Err(CompressedError::Memory { needed }));
        for length in 0..bytes.len() {
            assert!(Compressed::from_bytes(&bytes[..length], &MODEL, 10_000).is_err(), "{length}");
        }
    }

    /// Whoever makes a file by hand can give it the right checksum.
    #[test]
    fn a_header_that_does_not_fit_the_model_is_refused_before_anything_is_unpacked() {
        let whole = compressed(8);
        let of_shape =
            |height, width, channels| Compressed { shape: ImageShape { height, width, channels }, ..whole.clone() };
        let without_codes = QuantizedCodes { ranges: vec![], steps: vec![], ..whole.codes.clone() };
        let without_images = QuantizedCodes { steps: vec![], ..whole.codes.clone() };
        for (what, other) in [
            ("no height", of_shape(0, 4, 3)),
            ("another size", of_shape(1, 1, 1)),
            ("a size that overflows", of_shape(usize::MAX, 2, 30)),
            ("no codes", Compressed { codes: without_codes, ..whole.clone() }),
            ("no images", Compressed { codes: without_images, ..whole.clone() }),
        ] {
            let bytes = other.to_bytes(MODEL.sha256).unwrap();
            assert_eq!(Compressed::from_bytes(&bytes, &MODEL, u64::MAX), Err(CompressedError::Misfit), "{what}");
        }
    }

    proptest! {
        #[test]
        fn any_bit_that_flips_is_noticed(bits in 1u32..=16, place in any::<prop::sample::Index>(), bit in 0u32..8) {
            let mut bytes = compressed(bits).to_bytes(MODEL.sha256).unwrap();
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            prop_assert!(Compressed::from_bytes(&bytes, &MODEL, 10_000).is_err());
        }
    }
}
