//! A picture that tells which values of an image are hidden.

use super::image_folder::{DecodeError, decode_file};
use super::{DataError, ImageShape};
use std::path::Path;

/// The values of images of `shape` that are hidden, `[pixels]`: those where the picture, which has the images' size, is darker than half.
///
/// # Errors
/// [`DataError::Mask`] if it cannot be read within `most_bytes` of memory, or has another size.
pub fn load_mask(path: &Path, shape: ImageShape, most_bytes: u64) -> Result<Vec<bool>, DataError> {
    let failed = |problem: MaskError| DataError::Mask { path: path.to_owned(), problem };
    let picture = decode_file(path, most_bytes).map_err(|cause| failed(cause.into()))?.into_luma8();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    if (width, height) != (shape.width, shape.height) {
        return Err(failed(MaskError::Size { width, height, shape }));
    }
    Ok(picture.into_raw().into_iter().flat_map(|value| vec![value < 128; shape.channels]).collect())
}

/// Why a picture cannot tell what is hidden.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message describes its variant and fields")]
pub enum MaskError {
    #[error("it cannot be read: {0}")]
    Decode(#[from] DecodeError),
    #[error("it is {height}×{width} pixels, but the images are {}×{}; give one of their size", shape.height, shape.width)]
    Size { width: usize, height: usize, shape: ImageShape },
}
