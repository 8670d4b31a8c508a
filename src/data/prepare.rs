//! Gives images the wanted size and channels.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::pixels::{U8, U8x3};
use fast_image_resize::{
    FilterType, IntoImageView, IntoImageViewMut, PixelTrait, PixelType, ResizeAlg, ResizeOptions, Resizer,
};
use image::{DynamicImage, GrayImage, ImageBuffer, LumaA, Pixel, RgbImage, Rgba};
use rayon::prelude::*;
use thiserror::Error;

use super::memory::MemoryBudget;
use super::options::{Channels, Preparation, Resize};
use super::{DataError, ImageShape, Images, MAX_PIXELS};

/// Why an image could not be drawn in another size.
#[derive(Debug, Error)]
#[error("cannot be resized: {0}")]
pub struct ResizeError(String);

impl ResizeError {
    fn new(cause: impl std::error::Error) -> Self {
        Self(cause.to_string())
    }
}

impl Preparation {
    /// The shape that images of `shape` get.
    fn shape_of(&self, shape: ImageShape) -> ImageShape {
        let channels = match self.channels {
            Channels::Auto => shape.channels,
            Channels::Gray => 1,
            Channels::Color => 3,
        };
        self.size.map_or(ImageShape { channels, ..shape }, |size| size.with_channels(channels))
    }

    /// Images of the wanted shape; those that have it already are left as they are.
    ///
    /// # Errors
    /// When images of neither 1 nor 3 channels would have to change, or there is no memory for the new ones.
    pub fn apply(&self, images: Images, budget: &mut MemoryBudget) -> Result<Images, DataError> {
        let (from, to) = (images.shape(), self.shape_of(images.shape()));
        if from == to {
            return Ok(images);
        }
        if !matches!(from.channels, 1 | 3) {
            return Err(DataError::UnknownChannels { shape: from });
        }
        let (Some(width), Some(height)) = (side(from.width, from), side(from.height, from)) else {
            return Err(DataError::ImageShape { shape: from });
        };
        let mut bytes = budget.allocate(images.len() as u128 * to.pixels() as u128)?;
        bytes.resize(images.len() * to.pixels(), 0);
        let pairs = images.bytes().par_chunks_exact(from.pixels()).zip(bytes.par_chunks_exact_mut(to.pixels()));
        pairs.try_for_each(|(image, prepared)| {
            let picture = match from.channels {
                1 => DynamicImage::from(filled(GrayImage::new(width, height), image)),
                _ => DynamicImage::from(filled(RgbImage::new(width, height), image)),
            };
            self.draw(picture, to, prepared).map_err(|cause| DataError::Resize { shape: from, cause })
        })?;
        budget.give_back(images.bytes().len() as u64);
        let prepared = Images::new(to, bytes, images.labels().map(<[u32]>::to_vec))?;
        match images.names() {
            Some(names) => prepared.with_names(names.to_vec()),
            None => Ok(prepared),
        }
    }

    /// Draws a picture into `pixels`, those of one image of `shape`, which has 1 or 3 channels.
    ///
    /// # Errors
    /// When `pixels` are not as many as the shape has.
    pub fn draw(&self, picture: DynamicImage, shape: ImageShape, pixels: &mut [u8]) -> Result<(), ResizeError> {
        let background = self.background.value();
        let (width, height) = (picture.width(), picture.height());
        let (kind, from) = match shape.channels {
            1 => (PixelType::U8, gray_over(picture, background)),
            _ => (PixelType::U8x3, color_over(picture, background)),
        };
        let from = ImageRef::new(width, height, &from, kind).map_err(ResizeError::new)?;
        let size = (shape.width as u32, shape.height as u32);
        if self.resize != Resize::Fit {
            let mut whole = Image::from_slice_u8(size.0, size.1, pixels, kind).map_err(ResizeError::new)?;
            return scale(&from, &mut whole, self.resize == Resize::Crop);
        }
        let (part_width, part_height) = largest_within(size, (width, height));
        let mut part = Image::new(part_width, part_height, kind);
        scale(&from, &mut part, false)?;
        let (left, top) = ((size.0 - part_width) / 2, (size.1 - part_height) / 2);
        pixels.fill(background);
        let rows = pixels.chunks_exact_mut(shape.width * shape.channels).skip(top as usize);
        let part_rows = part.buffer().chunks_exact(part_width as usize * shape.channels);
        for (row, part_row) in rows.zip(part_rows) {
            row[left as usize * shape.channels..][..part_row.len()].copy_from_slice(part_row);
        }
        Ok(())
    }
}

/// A side of an image of `shape`, if that is one that can be prepared.
fn side(side: usize, shape: ImageShape) -> Option<u32> {
    u32::try_from(side).ok().filter(|_| shape.pixels() <= MAX_PIXELS)
}

fn filled<P: Pixel<Subpixel = u8>>(mut picture: ImageBuffer<P, Vec<u8>>, pixels: &[u8]) -> ImageBuffer<P, Vec<u8>> {
    picture.copy_from_slice(pixels);
    picture
}

/// The picture's pixels over the background, [height, width].
fn gray_over(picture: DynamicImage, background: u8) -> Vec<u8> {
    if !picture.color().has_alpha() {
        return picture.into_luma8().into_raw();
    }
    picture.into_luma_alpha8().pixels().map(|&LumaA([value, alpha])| over(value, alpha, background)).collect()
}

/// The picture's pixels over the background, [height, width, 3].
fn color_over(picture: DynamicImage, background: u8) -> Vec<u8> {
    if !picture.color().has_alpha() {
        return picture.into_rgb8().into_raw();
    }
    let picture = picture.into_rgba8();
    let pixels = picture
        .pixels()
        .flat_map(|&Rgba([red, green, blue, alpha])| [red, green, blue].map(|value| over(value, alpha, background)));
    pixels.collect()
}

/// `value` over the background: all of it at an alpha of 255, nothing at 0.
fn over(value: u8, alpha: u8, background: u8) -> u8 {
    let [value, alpha, background] = [value, alpha, background].map(u32::from);
    ((value * alpha + background * (255 - alpha) + 127) / 255) as u8
}

/// Draws all of `from` into all of `to`, or with `crop` the largest part from its middle that has the proportions. What is made
/// smaller is averaged over all the pixels that a new one covers.
fn scale(from: &ImageRef<'_>, to: &mut Image<'_>, crop: bool) -> Result<(), ResizeError> {
    // Not `Resizer::resize`, which would have thirteen kinds of pixel compiled, and double the time that this crate takes.
    match from.pixel_type() {
        PixelType::U8 => scale_pixels::<U8>(from, to, crop),
        _ => scale_pixels::<U8x3>(from, to, crop),
    }
}

fn scale_pixels<P: PixelTrait>(from: &ImageRef<'_>, to: &mut Image<'_>, crop: bool) -> Result<(), ResizeError> {
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).use_alpha(false);
    let options = if crop { options.fit_into_destination(None) } else { options };
    let (Some(from), Some(mut to)) = (from.image_view::<P>(), to.image_view_mut::<P>()) else {
        return Err(ResizeError::new(fast_image_resize::ResizeError::PixelTypesAreDifferent));
    };
    Resizer::new().resize_typed(&from, &mut to, &options).map_err(ResizeError::new)
}

/// The largest (width, height) within `room` that has the proportions of `shape`, and at least one pixel each way.
fn largest_within(room: (u32, u32), shape: (u32, u32)) -> (u32, u32) {
    let (room_width, room_height) = (u64::from(room.0), u64::from(room.1));
    let (width, height) = (u64::from(shape.0), u64::from(shape.1));
    // a · b / c, rounded
    let proportional = |a: u64, b: u64, c: u64| ((2 * a * b + c) / (2 * c)).max(1);
    let (width, height) = if room_width * height >= room_height * width {
        (proportional(room_height, width, height).min(room_width), room_height)
    } else {
        (room_width, proportional(room_width, height, width).min(room_height))
    };
    // Neither is larger than the room's.
    (width as u32, height as u32)
}

#[cfg(test)]
mod tests {
    use image::{Luma, Rgb};
    use proptest::prelude::*;

    use super::*;
    use crate::data::options::{Background, ImageSize};

    fn to_size(height: usize, width: usize, resize: Resize) -> Preparation {
        Preparation { size: ImageSize::new(height, width), resize, ..Preparation::default() }
    }

    /// Draws a picture with `preparation` into an image of this shape.
    fn drawn(picture: impl Into<DynamicImage>, preparation: Preparation, shape: [usize; 3]) -> Vec<u8> {
        let [height, width, channels] = shape;
        let shape = ImageShape { height, width, channels };
        let mut pixels = vec![7; shape.pixels()];
        preparation.draw(picture.into(), shape, &mut pixels).unwrap();
        pixels
    }

    /// Black, white and black thirds side by side, 6 × 2.
    fn stripes() -> GrayImage {
        GrayImage::from_fn(6, 2, |x, _| Luma([if (2..4).contains(&x) { 255 } else { 0 }]))
    }

    #[test]
    fn stretched_fitted_and_cropped() {
        let how = |resize| drawn(stripes(), to_size(2, 2, resize), [2, 2, 1]);
        assert_eq!(how(Resize::Crop), [255; 4], "the middle");
        let stretched = how(Resize::Stretch);
        assert!(stretched.iter().all(|value| (1..255).contains(value)), "{stretched:?} mixes all thirds");
        let fitted = drawn(stripes(), to_size(4, 6, Resize::Fit), [4, 6, 1]);
        assert_eq!(fitted[..6], [255; 6], "background above");
        assert_eq!(fitted[6..12], [0, 0, 255, 255, 0, 0]);
        assert_eq!(fitted[18..], [255; 6], "background below");
        let on_black = Preparation { background: Background::Black, ..to_size(4, 6, Resize::Fit) };
        assert_eq!(drawn(stripes(), on_black, [4, 6, 1])[..6], [0; 6]);
    }

    #[test]
    fn transparent_pixels_show_the_background() {
        let picture = image::RgbaImage::from_raw(3, 1, vec![10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 0, 51]).unwrap();
        let white = Preparation::default();
        let black = Preparation { background: Background::Black, ..white };
        assert_eq!(drawn(picture.clone(), white, [1, 3, 3]), [10, 20, 30, 255, 255, 255, 204, 204, 204]);
        assert_eq!(drawn(picture.clone(), black, [1, 3, 3]), [10, 20, 30, 0, 0, 0, 0, 0, 0]);
        assert_eq!(drawn(picture, white, [1, 3, 1]), [19, 255, 204]);
    }

    #[test]
    fn gray_and_color_become_each_other() {
        assert_eq!(drawn(GrayImage::from_pixel(1, 1, Luma([9])), Preparation::default(), [1, 1, 3]), [9; 3]);
        // BT.709: 0.2126 red, 0.7152 green, 0.0722 blue.
        for (color, luma) in [([255, 0, 0], 54), ([0, 255, 0], 182), ([0, 0, 255], 18), ([200; 3], 200)] {
            assert_eq!(drawn(RgbImage::from_pixel(1, 1, Rgb(color)), Preparation::default(), [1, 1, 1]), [luma]);
        }
        let deep = image::ImageBuffer::<Luma<u16>, _>::from_pixel(1, 1, Luma([0x8080]));
        assert_eq!(drawn(deep, Preparation::default(), [1, 1, 1]), [0x80], "16 bits");
    }

    #[test]
    fn whole_sets_are_prepared_and_keep_their_labels() {
        let shape = ImageShape { height: 2, width: 2, channels: 1 };
        let images = Images::new(shape, vec![5, 5, 5, 5, 9, 9, 9, 9], Some(vec![1, 0])).unwrap();
        let mut budget = MemoryBudget::new(100);
        budget.take(8).unwrap();
        let color = Preparation { channels: Channels::Color, ..to_size(1, 2, Resize::Stretch) };
        let prepared = color.apply(images.clone(), &mut budget).unwrap();
        assert_eq!(prepared.shape().to_string(), "1×2×3");
        assert_eq!(prepared.bytes(), [5, 5, 5, 5, 5, 5, 9, 9, 9, 9, 9, 9]);
        assert_eq!(prepared.labels(), images.labels());
        assert_eq!(budget.left(), 88);
        assert_eq!(Preparation::default().apply(images.clone(), &mut budget).unwrap(), images);
    }

    #[test]
    fn what_cannot_be_prepared_is_an_error() {
        let images = |channels, count| {
            let shape = ImageShape { height: 2, width: 2, channels };
            Images::new(shape, vec![0; shape.pixels() * count], None).unwrap()
        };
        let error = to_size(1, 1, Resize::Fit).apply(images(4, 1), &mut MemoryBudget::new(100)).unwrap_err();
        assert!(matches!(error, DataError::UnknownChannels { .. }), "{error}");
        let error = to_size(4, 4, Resize::Fit).apply(images(1, 10), &mut MemoryBudget::new(100)).unwrap_err();
        assert!(matches!(error, DataError::Memory(_)), "{error}");
    }

    proptest! {
        #[test]
        fn any_picture_gets_any_size(
            from in (1u32..40, 1u32..40), to in (1usize..40, 1usize..40), value: u8,
            resize in prop::sample::select(vec![Resize::Stretch, Resize::Fit, Resize::Crop]), color: bool,
        ) {
            let preparation = Preparation { background: Background::Black, ..to_size(to.0, to.1, resize) };
            let channels = if color { 3 } else { 1 };
            let plain = RgbImage::from_pixel(from.0, from.1, Rgb([value; 3]));
            let pixels = drawn(plain, preparation, [to.0, to.1, channels]);
            // A plain picture stays plain; beside it there may only be background.
            prop_assert!(pixels.iter().all(|pixel| *pixel == value || (resize == Resize::Fit && *pixel == 0)));
            prop_assert!(pixels.contains(&value));
        }

        #[test]
        fn the_largest_part_touches_two_sides_and_has_the_proportions(
            room in (1u32..70_000, 1u32..70_000), shape in (1u32..70_000, 1u32..70_000),
        ) {
            let (width, height) = largest_within(room, shape);
            prop_assert!(width == room.0 || height == room.1);
            prop_assert!((1..=room.0).contains(&width) && (1..=room.1).contains(&height));
            let wanted = f64::from(shape.0) / f64::from(shape.1);
            let off_width = f64::from(width) - f64::from(height) * wanted;
            let off_height = f64::from(height) - f64::from(width) / wanted;
            prop_assert!(off_width.abs() <= 1.0 || off_height.abs() <= 1.0);
        }
    }
}
