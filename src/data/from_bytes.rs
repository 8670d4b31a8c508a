//! Each file format from bytes in memory, whatever their origin: what the fuzz targets feed.

use super::input::Input;
use super::memory::MemoryBudget;
use super::{
    ContentError, CsvError, DataError, DecodeError, IdxError, ImageShape, Images, LoadOptions, NpyError, WeightsError,
    csv, idx, image_folder, npy, weights,
};

/// The images of an IDX file, compressed with gzip or not.
///
/// # Errors
/// As [`IdxError`] lists them, within a [`DataError::Idx`] without a path.
pub fn idx(bytes: &[u8], options: &LoadOptions) -> Result<Images, DataError> {
    let of_idx = |problem| DataError::Idx { path: "".into(), problem };
    let array = idx::read(input(bytes).map_err(|e| of_idx(e.into()))?, idx::Kind::Images, &mut budget(options));
    array.map_err(of_idx)?.into_images(None)
}

/// The labels of an IDX file, compressed with gzip or not.
///
/// # Errors
/// As [`IdxError`] lists them.
pub fn idx_labels(bytes: &[u8], options: &LoadOptions) -> Result<Vec<u8>, IdxError> {
    Ok(idx::read(input(bytes)?, idx::Kind::Labels, &mut budget(options))?.into_elements())
}

/// The images of an NPY file, compressed with gzip or not.
///
/// # Errors
/// As [`NpyError`] lists them.
pub fn npy(bytes: &[u8], options: &LoadOptions) -> Result<Images, NpyError> {
    npy::read(input(bytes)?, options, &mut budget(options))
}

/// The images of a CSV file, compressed with gzip or not, and the names of their classes if they have labels.
///
/// # Errors
/// As [`CsvError`] lists them.
pub fn csv(bytes: &[u8], options: &LoadOptions) -> Result<(Images, Option<Vec<String>>), CsvError> {
    csv::read(input(bytes)?, options, &mut budget(options))
}

/// One PNG, JPEG, WebP or BMP file, drawn into an image of `shape`, which has 1 or 3 channels.
///
/// # Errors
/// As [`DecodeError`] lists them.
pub fn image(bytes: &[u8], shape: ImageShape, options: &LoadOptions) -> Result<Vec<u8>, DecodeError> {
    let mut pixels = vec![0; shape.pixels()];
    options.preparation.draw(image_folder::decode(bytes, options.max_memory)?, shape, &mut pixels)?;
    Ok(pixels)
}

/// The weights of images in an NPY file, compressed with gzip or not.
///
/// # Errors
/// As [`WeightsError`] lists them.
pub fn npy_weights(bytes: &[u8], options: &LoadOptions) -> Result<Vec<f32>, WeightsError> {
    weights::read_npy(input(bytes)?, &mut budget(options))
}

/// The weights of images in a CSV file, compressed with gzip or not.
///
/// # Errors
/// As [`WeightsError`] lists them.
pub fn csv_weights(bytes: &[u8], options: &LoadOptions) -> Result<Vec<f32>, WeightsError> {
    weights::read_csv(input(bytes)?, &mut budget(options))
}

fn budget(options: &LoadOptions) -> MemoryBudget {
    MemoryBudget::new(options.max_memory)
}

fn input(bytes: &[u8]) -> Result<Input<'_>, ContentError> {
    Input::new(bytes, bytes.len() as u64).map_err(ContentError::from_reading)
}
