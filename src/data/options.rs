//! How a data set is to be read: the shape its images get, the part that is kept for testing, the memory it may take.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ImageShape, MAX_PIXELS};

/// The memory that a data set may take if no more is allowed: 4 GiB, or 87,000 color images of 128×128.
pub const DEFAULT_MAX_MEMORY: u64 = 4 << 30;

/// How [`load_with`](super::load_with) reads a data set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoadOptions {
    /// What is done to every image.
    pub preparation: Preparation,
    /// The share of the images that becomes the test split, above 0 and up to 1, where the source has no split of its own.
    pub test_share: f64,
    /// Which images these are follows from it.
    pub split_seed: u64,
    /// The most bytes that the images may take on the host, those at work while they are read among them.
    pub max_memory: u64,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { preparation: Preparation::default(), test_share: 0.1, split_seed: 0, max_memory: DEFAULT_MAX_MEMORY }
    }
}

/// What is done to every image as it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preparation {
    /// The size that images get; the one they have if there is none.
    pub size: Option<ImageSize>,
    /// How they get it.
    pub resize: Resize,
    /// The values of a pixel.
    pub channels: Channels,
    /// What shows through transparent pixels and beside images that [`Resize::Fit`] leaves room beside.
    pub background: Background,
}

/// The height and the width of an image in pixels. Displayed as `28×28`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageSize {
    pub(super) height: u32,
    pub(super) width: u32,
}

impl ImageSize {
    /// A size of at least one pixel, whose color images have at most [`MAX_PIXELS`] values.
    pub fn new(height: usize, width: usize) -> Option<Self> {
        let shape = ImageShape { height, width, channels: 3 };
        let (height, width) = (u32::try_from(height).ok()?, u32::try_from(width).ok()?);
        (1..=MAX_PIXELS).contains(&shape.pixels()).then_some(Self { height, width })
    }

    /// The shape of an image of this size.
    pub fn with_channels(self, channels: usize) -> ImageShape {
        ImageShape { height: self.height as usize, width: self.width as usize, channels }
    }
}

impl fmt::Display for ImageSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}×{}", self.height, self.width)
    }
}

/// How an image of another shape gets the wanted size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resize {
    /// Height and width are scaled each by itself.
    #[default]
    Stretch,
    /// The whole image, as large as there is room, in the middle of the background.
    Fit,
    /// The largest part from the image's middle that has the wanted proportions.
    Crop,
}

/// The values of a pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// Gray if all images are stored as gray, else color. Arrays keep the channels they have.
    #[default]
    Auto,
    /// One value: the luma of a color, by the weights of BT.709.
    #[serde(alias = "grey")]
    Gray,
    /// Red, green and blue.
    #[serde(alias = "colour")]
    Color,
}

/// What is to be seen where an image is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Background {
    /// As on a page or in a viewer, where most transparent pictures are drawn dark.
    #[default]
    White,
    /// Zeros.
    Black,
}

impl Background {
    /// The value of each channel.
    pub const fn value(self) -> u8 {
        match self {
            Self::White => u8::MAX,
            Self::Black => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_without_pixels_or_beyond_all_bounds_are_none() {
        for (height, width) in [(0, 5), (5, 0), (1 << 13, 1 << 12), (usize::MAX, 1), (usize::MAX, usize::MAX)] {
            assert_eq!(ImageSize::new(height, width), None, "{height} × {width}");
        }
        assert_eq!(ImageSize::new(2, 3).unwrap().with_channels(3), ImageShape { height: 2, width: 3, channels: 3 });
    }
}
