//! The shape of images that come as rows of values.

use thiserror::Error;

use super::ImageShape;
use super::options::{Channels, Preparation};

/// A row whose image could have several shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "has {pixels} values for each image, which is no square; tell the shape, as with --set data.size=[height,width]{}",
    if *.may_have_label { ". If the first of them is a label, give the file a first line that calls it `label`" } else { "" }
)]
pub struct RowError {
    /// Values in a row.
    pub pixels: usize,
    /// Whether the row would be a square without its first value.
    pub may_have_label: bool,
}

/// The shape of an image that comes as a row of `pixels` values, more than 0: what `data.size` says, if that is as many in gray or
/// in color, else a gray square.
///
/// # Errors
/// It is neither.
pub fn shape_of_row(pixels: usize, preparation: &Preparation) -> Result<ImageShape, RowError> {
    let channels: &[usize] = match preparation.channels {
        Channels::Auto => &[1, 3],
        Channels::Gray => &[1],
        Channels::Color => &[3],
    };
    let told =
        preparation.size.into_iter().flat_map(|size| channels.iter().map(move |count| size.with_channels(*count)));
    if let Some(shape) = told.into_iter().find(|shape| shape.pixels() == pixels) {
        return Ok(shape);
    }
    let square = |pixels: usize| Some(pixels.isqrt()).filter(|side| *side > 0 && side * side == pixels);
    match square(pixels) {
        Some(side) => Ok(ImageShape { height: side, width: side, channels: 1 }),
        None => Err(RowError { pixels, may_have_label: square(pixels.saturating_sub(1)).is_some() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::options::ImageSize;

    #[test]
    fn a_row_is_what_is_told_or_a_square() {
        let shape = |pixels, size: Option<(usize, usize)>| {
            let size = size.and_then(|(height, width)| ImageSize::new(height, width));
            shape_of_row(pixels, &Preparation { size, ..Preparation::default() }).map(|shape| shape.to_string())
        };
        assert_eq!(shape(784, None).unwrap(), "28×28×1");
        assert_eq!(shape(784, Some((14, 56))).unwrap(), "14×56×1");
        assert_eq!(shape(3072, Some((32, 32))).unwrap(), "32×32×3");
        assert_eq!(shape(784, Some((10, 10))).unwrap(), "28×28×1", "to be resized");
        assert_eq!(shape(3072, None), Err(RowError { pixels: 3072, may_have_label: false }));
        let message = shape(785, None).unwrap_err().to_string();
        assert!(message.contains("785 values") && message.contains("`label`"), "{message}");
    }
}
