//! Image files of any origin into pictures, within bounds.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek};
use std::path::Path;

use bytesize::ByteSize;
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use thiserror::Error;

use crate::data::options::ImageSize;
use crate::data::prepare::ResizeError;

/// What an image takes to decode, as a multiple of its decoded bytes: JPEG's coefficients, a picture with and without its alpha.
const WORKING_COPIES: u64 = 4;
/// What a decoder takes besides, such as its tables.
const WORKING_BASE: u64 = 1 << 20;

/// Why an image file could not be decoded.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "each message describes its variant and fields")]
pub enum DecodeError {
    /// The file cannot be read at all.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It is damaged, or in a format that cannot be read.
    #[error("{}", .0.to_string().split_whitespace().collect::<Vec<_>>().join(" "))]
    Format(#[from] image::ImageError),
    /// A decoder would fill up with gray what is missing.
    #[error("the file is truncated")]
    Truncated,
    #[error(transparent)]
    Resize(#[from] ResizeError),
    #[error("decoding it takes {} of memory, more than --max-memory leaves", ByteSize::b(*.needed))]
    Memory { needed: u64 },
}

/// What the first bytes of a file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// As it is to be looked at.
    pub size: ImageSize,
    pub is_gray: bool,
    /// Bytes at work while the file is decoded.
    pub working_bytes: u64,
}

/// Reads the header of a file.
pub fn read_header(path: &Path, most_bytes: u64) -> Result<Header, DecodeError> {
    let file = open(path, most_bytes)?;
    let length = file.metadata()?.len();
    Ok(header(&mut decoder(BufReader::new(file), most_bytes)?, length))
}

/// Reads and decodes a file.
pub fn decode_file(path: &Path, most_bytes: u64) -> Result<DynamicImage, DecodeError> {
    let mut bytes = Vec::new();
    open(path, most_bytes)?.take(most_bytes).read_to_end(&mut bytes)?;
    decode(&bytes, most_bytes)
}

fn open(path: &Path, most_bytes: u64) -> Result<File, DecodeError> {
    let file = File::open(path)?;
    let needed = file.metadata()?.len();
    if needed > most_bytes { Err(DecodeError::Memory { needed }) } else { Ok(file) }
}

/// Decodes the bytes of a PNG, JPEG, WebP or BMP file as it is to be looked at, at work on no more than about `most_bytes`.
///
/// # Errors
/// The bytes are none of these, damaged, truncated or too large.
pub fn decode(bytes: &[u8], most_bytes: u64) -> Result<DynamicImage, DecodeError> {
    let mut decoder = decoder(Cursor::new(bytes), most_bytes)?;
    let needed = header(&mut decoder, bytes.len() as u64).working_bytes;
    if needed > most_bytes {
        return Err(DecodeError::Memory { needed });
    }
    if image::guess_format(bytes)? == ImageFormat::Jpeg && !reaches_end_of_jpeg(bytes) {
        return Err(DecodeError::Truncated);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

fn decoder<'a>(file: impl BufRead + Seek + 'a, most_bytes: u64) -> Result<impl ImageDecoder + 'a, DecodeError> {
    let mut reader = ImageReader::new(file).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(most_bytes);
    reader.limits(limits);
    Ok(reader.into_decoder()?)
}

/// The header of a file of `length` bytes.
fn header(decoder: &mut impl ImageDecoder, length: u64) -> Header {
    let (width, height) = decoder.dimensions();
    let size = match decoder.orientation().unwrap_or(Orientation::NoTransforms) {
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH => {
            ImageSize { height: width, width: height }
        }
        _ => ImageSize { height, width },
    };
    let is_gray = matches!(decoder.color_type(), ColorType::L8 | ColorType::La8 | ColorType::L16 | ColorType::La16);
    let decoded = decoder.total_bytes().saturating_mul(WORKING_COPIES);
    Header { size, is_gray, working_bytes: decoded.saturating_add(length).saturating_add(WORKING_BASE) }
}

/// Whether a JPEG file's segments lead to its end marker; what follows that does not matter.
///
/// Source: ITU-T T.81, annex B.
fn reaches_end_of_jpeg(bytes: &[u8]) -> bool {
    const END_OF_IMAGE: u8 = 0xD9;
    let mut rest = bytes;
    loop {
        // In coded data, FF 00 stands for the byte FF, and FF D0 to FF D7 mark places to begin anew. A marker may be filled up
        // with bytes FF in front of it.
        let is_marker = |pair: &[u8]| matches!(pair, [0xFF, code] if !matches!(code, 0 | 0xD0..=0xD7 | 0xFF));
        let Some(place) = rest.windows(2).position(is_marker) else {
            return false;
        };
        rest = rest.get(place + 1..).unwrap_or_default();
        match rest {
            [END_OF_IMAGE, ..] => return true,
            // Markers without a length: the start of the image, and a reserved one.
            [0xD8 | 0x01, after @ ..] => rest = after,
            [_, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                rest = rest.get(1 + length..).unwrap_or_default();
            }
            _ => return false,
        }
    }
}
