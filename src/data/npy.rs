//! NPY, NumPy's format for one array, compressed with gzip or not.
//!
//! Arrays of images are `[count, height, width]`, `[count, height, width, channels]` or `[count, pixels]`, of whole numbers from 0
//! to 255 or of floats in [0, 1]. Source: NumPy Enhancement Proposal 1 and `numpy.lib.format`.

mod header;

use std::path::Path;

use thiserror::Error;

use super::input::{ContentError, Input};
use super::memory::{MemoryBudget, MemoryError};
use super::options::LoadOptions;
use super::rows::{RowError, shape_of_row};
use super::{DataError, ImageShape, Images, Loaded, MAX_PIXELS, Parts};
use header::{ElementType, Header};

/// What is wrong inside a file that should be an array of images.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "each message describes its variant and fields")]
pub enum NpyError {
    #[error("is not an NPY file, for it does not begin with \\x93NUMPY; save it with numpy.save")]
    Magic,

    #[error("is an NPY file of version {major}.{minor}, but only 1.0 to 3.0 are known; save it again with numpy.save")]
    Version { major: u8, minor: u8 },

    #[error("is truncated: it ends inside its header; get the file again")]
    HeaderTruncated,

    #[error("has a header that is {problem}; save it again with numpy.save")]
    Header { problem: String },

    #[error(
        "holds elements of type {found}; save whole numbers from 0 to 255, as by x.astype(numpy.uint8), or floats in [0, 1], \
         as by x.astype(numpy.float32)"
    )]
    ElementType { found: String },

    #[error("is in Fortran order; save it as numpy.ascontiguousarray(x)")]
    FortranOrder,

    #[error(
        "has the shape {shape:?}, but images have [count, height, width], [count, height, width, channels] or [count, pixels]; \
         save it as x.reshape(…)"
    )]
    Rank { shape: Vec<u64> },

    #[error(
        "has the shape {shape:?}, in which the channels seem to come before height and width; save it as \
         x.transpose(0, 2, 3, 1)"
    )]
    ChannelsFirst { shape: Vec<u64> },

    #[error("holds nothing, for its shape is {shape:?}; save at least one image of at least one pixel")]
    Empty { shape: Vec<u64> },

    #[error(
        "has the shape {shape:?} or no floats, but codes are floats [images, code]; save it as x.astype(numpy.float32)"
    )]
    NoFloats { shape: Vec<u64> },

    #[error(
        "has the shape {shape:?} or no floats, but weights are floats [images]; save it as x.astype(numpy.float32)"
    )]
    NoList { shape: Vec<u64> },

    #[error("has images of {pixels} values, more than the {MAX_PIXELS} that can be read; save smaller ones")]
    ImageTooLarge { pixels: u128 },

    #[error("{0}")]
    Row(#[from] RowError),

    #[error("holds {value} in image {image} (from 0), value {place} (from 0); {remedy}")]
    Value { value: String, image: u64, place: u64, remedy: &'static str },

    #[error(transparent)]
    Content(#[from] ContentError),

    #[error(transparent)]
    Memory(#[from] MemoryError),

    /// What no file should be able to cause.
    #[error("{0}")]
    Unexpected(String),
}

/// Loads an array of images, which has no labels. The data set is called as the file is.
///
/// # Errors
/// As [`NpyError`] lists them, or when the file cannot be opened.
pub fn load(path: &Path, options: &LoadOptions, budget: &mut MemoryBudget) -> Result<Loaded, DataError> {
    let images = read(Input::open(path)?, options, budget)
        .map_err(|problem| DataError::Npy { path: path.to_owned(), problem })?;
    Ok(Loaded { name: super::file_name(path), class_names: None, parts: Parts::Whole(images) })
}

/// Reads a whole file.
pub(super) fn read(mut input: Input<'_>, options: &LoadOptions, budget: &mut MemoryBudget) -> Result<Images, NpyError> {
    let Header { element, shape } = header::read(&mut input)?;
    if shape.contains(&0) {
        return Err(NpyError::Empty { shape });
    }
    let (count, image) = image_shape(&shape, options)?;
    let pixels = u128::from(count) * image.pixels() as u128;
    let declared = pixels.saturating_mul(element.bytes() as u128);
    input.check_length(declared)?;
    let mut bytes = budget.allocate(pixels)?;
    // What the file is long enough for can be counted.
    input.read_rest(declared as u64, |chunk| {
        element.append_bytes(chunk, &mut bytes).map_err(|value| NpyError::Value {
            value,
            image: (bytes.len() / image.pixels()) as u64,
            place: (bytes.len() % image.pixels()) as u64,
            remedy: element.remedy(),
        })
    })?;
    Images::new(image, bytes, None).map_err(|error| NpyError::Unexpected(error.to_string()))
}

/// Loads an array of floats, [rows, columns], as they are: the columns, and the numbers row by row.
///
/// # Errors
/// An array of another shape or type, one that needs more than `max_memory` bytes, or a file that is damaged or cannot be opened.
pub fn load_floats(path: &Path, max_memory: u64) -> Result<(usize, Vec<f32>), DataError> {
    read_floats(Input::open(path)?, &mut MemoryBudget::new(max_memory))
        .map_err(|problem| DataError::Npy { path: path.to_owned(), problem })
}

fn read_floats(mut input: Input<'_>, budget: &mut MemoryBudget) -> Result<(usize, Vec<f32>), NpyError> {
    let Header { element, shape } = header::read(&mut input)?;
    let (ElementType::Float { .. }, &[_, columns]) = (element, &shape[..]) else {
        return Err(NpyError::NoFloats { shape });
    };
    Ok((columns as usize, read_elements(input, budget, element, &shape)?))
}

/// Reads a list of floats, `[count]`, as they are.
pub(super) fn read_list(mut input: Input<'_>, budget: &mut MemoryBudget) -> Result<Vec<f32>, NpyError> {
    let Header { element, shape } = header::read(&mut input)?;
    let (ElementType::Float { .. }, [_]) = (element, &shape[..]) else {
        return Err(NpyError::NoList { shape });
    };
    read_elements(input, budget, element, &shape)
}

/// All floats behind a header that declares such a shape.
fn read_elements(
    input: Input<'_>,
    budget: &mut MemoryBudget,
    element: ElementType,
    shape: &[u64],
) -> Result<Vec<f32>, NpyError> {
    if shape.contains(&0) {
        return Err(NpyError::Empty { shape: shape.to_vec() });
    }
    let count = shape.iter().fold(1u128, |count, &side| count.saturating_mul(u128::from(side)));
    let declared = count.saturating_mul(element.bytes() as u128);
    input.check_length(declared)?;
    let needed = count.saturating_mul(size_of::<f32>() as u128);
    budget.take(needed)?;
    let mut floats = Vec::new();
    // What the budget has room for can be counted.
    floats.try_reserve_exact(count as usize).map_err(|_| MemoryError::Exhausted { needed })?;
    input.read_rest(declared as u64, |chunk| {
        floats.extend(chunk.chunks_exact(element.bytes()).map(|float| element.to_float(float) as f32));
        Ok::<_, NpyError>(())
    })?;
    Ok(floats)
}

/// How many images an array of this shape, without zeros, holds, and the shape of each.
fn image_shape(shape: &[u64], options: &LoadOptions) -> Result<(u64, ImageShape), NpyError> {
    let sides: Vec<usize> = shape.iter().map(|side| usize::try_from(*side).unwrap_or(usize::MAX)).collect();
    let pixels: u128 = sides.iter().skip(1).fold(1, |pixels, side| pixels.saturating_mul(*side as u128));
    if pixels > MAX_PIXELS as u128 {
        return Err(NpyError::ImageTooLarge { pixels });
    }
    let image = match sides[..] {
        [_, pixels] => shape_of_row(pixels, &options.preparation)?,
        [_, height, width] => ImageShape { height, width, channels: 1 },
        [_, 1..=4, _, last] if last > 4 => return Err(NpyError::ChannelsFirst { shape: shape.to_vec() }),
        [_, height, width, channels] => ImageShape { height, width, channels },
        _ => return Err(NpyError::Rank { shape: shape.to_vec() }),
    };
    Ok((shape.first().copied().unwrap_or(0), image))
}

impl ElementType {
    /// Appends a byte for each element in `chunk`, which holds whole ones; stops at one that is none, and returns it as text.
    fn append_bytes(self, chunk: &[u8], bytes: &mut Vec<u8>) -> Result<(), String> {
        if self == Self::BYTE {
            bytes.extend_from_slice(chunk);
            return Ok(());
        }
        for element in chunk.chunks_exact(self.bytes()) {
            bytes.push(self.to_byte(element)?);
        }
        Ok(())
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Float { .. } => {
                "floats must be in [0, 1], as x / 255 gives them; save whole numbers as x.astype(numpy.uint8)"
            }
            _ => "whole numbers must be from 0 to 255",
        }
    }
}

#[cfg(test)]
mod tests;
