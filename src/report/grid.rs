//! Grids of small images, such as originals over their reconstructions.

use image::{Rgb, RgbImage, imageops};

use super::ReportError;
use crate::data::ImageShape;

/// A grid's images are magnified as long as it stays within this width, in pixels.
const PREFERRED_WIDTH: usize = 1400;
/// No side of a grid is longer, in pixels.
const LARGEST_SIDE: usize = 4096;
/// The most images side by side, each of a pixel.
pub const MOST_COLUMNS: usize = (LARGEST_SIDE - GAP) / (1 + GAP);
/// Larger pixels than this only show blocks.
const LARGEST_MAGNIFICATION: usize = 8;
/// Pixels between neighboring images, and round the grid.
const GAP: usize = 3;
/// Pixels between one group of rows and the next.
const GROUP_GAP: usize = 14;
const BACKGROUND: Rgb<u8> = Rgb([255, 255, 255]);

/// A picture of images, and what of them it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// The picture.
    pub picture: RgbImage,
    /// The images of each set.
    pub count: usize,
    /// Those of them that it shows, from the first on.
    pub shown: usize,
    /// Pixels of an image along each side that have become one of the picture, by their mean; 1 where all are shown.
    pub reduction: usize,
}

/// Tiles sets of images that belong together, each set `[count, height, width, channels]` in [0, 1].
///
/// Image *i* of every set stands in one column: a group of rows, one per set, holds `columns` images of each, and the
/// next images follow in the next group. With a single set this is a plain grid. Images of 1 or 2 channels show the
/// first as gray, those of 3 or more the first three as red, green and blue. Values are clamped to [0, 1], NaN shows as
/// black. Small images are magnified by a whole factor. A grid is at most 4096 pixels wide and high: images of which not one group
/// of rows would fit are reduced by a whole factor, see [`Grid::reduction`], and those beyond its lower edge are left out, see
/// [`Grid::shown`]. There are at most 1,023 columns, for which images of a single pixel have room.
///
/// # Errors
/// [`ReportError::SetsDiffer`], [`ReportError::PartialImage`] and [`ReportError::NoImages`].
pub fn tile_images(sets: &[&[f32]], shape: ImageShape, columns: usize) -> Result<Grid, ReportError> {
    tile(sets, shape, columns, 1)
}

/// The same, reduced until all images fit, as where each row is one of a plane or a walk.
///
/// # Errors
/// As [`tile_images`].
pub fn tile_all_images(sets: &[&[f32]], shape: ImageShape, columns: usize) -> Result<Grid, ReportError> {
    tile(sets, shape, columns, usize::MAX)
}

fn tile(sets: &[&[f32]], shape: ImageShape, columns: usize, least_groups: usize) -> Result<Grid, ReportError> {
    let count = image_count(sets, shape)?;
    let layout = Layout::fit(count, sets.len(), shape, columns, least_groups);
    let shown = count.min(layout.groups * layout.columns);
    let mut picture = RgbImage::from_pixel(layout.width() as u32, layout.height() as u32, BACKGROUND);
    for (row, images) in sets.iter().enumerate() {
        for (index, values) in images.chunks_exact(shape.pixels()).enumerate().take(shown) {
            let (left, top) = layout.place(index, row);
            imageops::replace(&mut picture, &scaled(values, shape, &layout), left as i64, top as i64);
        }
    }
    Ok(Grid { picture, count, shown, reduction: layout.reduction })
}

/// A value in [0, 1] as a byte: ×255, rounded, clamped; NaN becomes 0.
fn to_byte(value: f32) -> u8 {
    (value * 255.0).round() as u8
}

fn image_count(sets: &[&[f32]], shape: ImageShape) -> Result<usize, ReportError> {
    let ImageShape { height, width, channels } = shape;
    let Some(first) = sets.first().map(|set| set.len()) else {
        return Err(ReportError::NoImages);
    };
    if let Some(other) = sets.iter().map(|set| set.len()).find(|&length| length != first) {
        return Err(ReportError::SetsDiffer { first, other });
    }
    if first == 0 || shape.pixels() == 0 {
        return Err(ReportError::NoImages);
    }
    if !first.is_multiple_of(shape.pixels()) {
        return Err(ReportError::PartialImage { values: first, height, width, channels });
    }
    Ok(first / shape.pixels())
}

/// Where images stand: groups of rows below each other, all lengths in pixels.
#[derive(Debug, Clone, Copy)]
struct Layout {
    columns: usize,
    groups: usize,
    rows_per_group: usize,
    magnification: usize,
    reduction: usize,
    /// Once it is reduced.
    image_height: usize,
    /// Once it is reduced.
    image_width: usize,
}

impl Layout {
    /// Reduced until so many groups fit, or all if there are fewer.
    fn fit(count: usize, rows_per_group: usize, shape: ImageShape, columns: usize, least_groups: usize) -> Self {
        let ImageShape { height, width, .. } = shape;
        let columns = columns.clamp(1, count).min(MOST_COLUMNS);
        let reduced = |reduction: usize| {
            let [image_height, image_width] = [height, width].map(|side| side.div_ceil(reduction));
            let groups = least_groups.min(count.div_ceil(columns));
            Self { columns, groups, rows_per_group, magnification: 1, reduction, image_height, image_width }
        };
        let mut layout = reduced(1);
        while layout.width().max(layout.height()) > LARGEST_SIDE && layout.reduction < height.max(width) {
            layout = reduced(layout.reduction + 1);
        }
        let one = Self { groups: 1, ..layout };
        let most_groups = 1 + LARGEST_SIDE.saturating_sub(one.height()) / (one.group_height() + one.group_gap());
        layout.groups = count.div_ceil(columns).min(most_groups);
        for magnification in 2..=LARGEST_MAGNIFICATION {
            let larger = Self { magnification, ..layout };
            if larger.width() <= PREFERRED_WIDTH && larger.height() <= LARGEST_SIDE {
                layout = larger;
            }
        }
        layout
    }

    fn width(&self) -> usize {
        let image = self.image_width.saturating_mul(self.magnification).saturating_add(GAP);
        image.saturating_mul(self.columns).saturating_add(GAP)
    }

    fn height(&self) -> usize {
        let (group_height, group_gap) = (self.group_height(), self.group_gap());
        let groups = group_height.saturating_add(group_gap).saturating_mul(self.groups);
        groups.saturating_add(2 * GAP) - group_gap
    }

    fn group_height(&self) -> usize {
        let row = self.image_height.saturating_mul(self.magnification).saturating_add(GAP);
        row.saturating_mul(self.rows_per_group) - GAP
    }

    /// Groups of a single row are no groups: the rows of a plain grid stand as close as its columns.
    fn group_gap(&self) -> usize {
        if self.rows_per_group == 1 { GAP } else { GROUP_GAP }
    }

    /// The left upper corner of image `index` of the set that has `row` in each group.
    fn place(&self, index: usize, row: usize) -> (usize, usize) {
        let (group, column) = (index / self.columns, index % self.columns);
        let left = GAP + column * (self.image_width * self.magnification + GAP);
        let top = GAP
            + group * (self.group_height() + self.group_gap())
            + row * (self.image_height * self.magnification + GAP);
        (left, top)
    }
}

/// One image, each pixel a square of `magnification`² pixels, or each of the picture's the mean of `reduction`² pixels.
fn scaled(values: &[f32], shape: ImageShape, layout: &Layout) -> RgbImage {
    let ImageShape { height, width, channels } = shape;
    let &Layout { magnification, reduction, image_height, image_width, .. } = layout;
    let image = RgbImage::from_fn((width * magnification) as u32, (height * magnification) as u32, |x, y| {
        let (row, column) = (y as usize / magnification, x as usize / magnification);
        let pixel = (row * width + column) * channels;
        let shown_channels = if channels < 3 { [0; 3] } else { [0, 1, 2] };
        Rgb(shown_channels.map(|channel| to_byte(values[pixel + channel])))
    });
    if reduction == 1 { image } else { imageops::thumbnail(&image, image_width as u32, image_height as u32) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIGIT: ImageShape = ImageShape { height: 28, width: 28, channels: 1 };

    fn message(sets: &[&[f32]], shape: ImageShape) -> String {
        tile_images(sets, shape, 4).unwrap_err().to_string()
    }

    #[test]
    fn bytes_are_rounded_and_clamped() {
        let bytes =
            [0.0, 0.5, 1.0, 0.00195, 0.00197, -3.0, 7.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN].map(to_byte);
        assert_eq!(bytes, [0, 128, 255, 0, 1, 0, 255, 255, 0, 0]);
    }

    #[test]
    fn originals_stand_over_their_reconstructions() {
        let shape = ImageShape { height: 1, width: 1, channels: 1 };
        let originals = [10, 20, 30].map(|byte| byte as f32 / 255.0);
        let reconstructions = [11, 21, 31].map(|byte| byte as f32 / 255.0);
        let Grid { picture: grid, shown, .. } = tile_images(&[&originals, &reconstructions], shape, 2).unwrap();
        assert_eq!(shown, 3);
        let (side, gap, group_gap) = (LARGEST_MAGNIFICATION as u32, GAP as u32, GROUP_GAP as u32);
        assert_eq!(grid.dimensions(), (3 * gap + 2 * side, 4 * gap + group_gap + 4 * side));
        let gray = |x, y| grid.get_pixel(x, y).0;
        let (left, right, second_row) = (gap, 2 * gap + side, 2 * gap + side);
        let second_group = 2 * gap + 2 * side + group_gap;
        assert_eq!(gray(left, gap), [10; 3]);
        assert_eq!(gray(left + side - 1, gap + side - 1), [10; 3]);
        assert_eq!(gray(left + side, gap), BACKGROUND.0);
        assert_eq!(gray(right, gap), [20; 3]);
        assert_eq!(gray(left, second_row), [11; 3]);
        assert_eq!(gray(right, second_row), [21; 3]);
        assert_eq!(gray(left, second_group), [30; 3]);
        assert_eq!(gray(left, second_group + side + gap), [31; 3]);
        assert_eq!(gray(right, second_group), BACKGROUND.0);
    }

    #[test]
    fn any_number_of_channels_is_shown_as_gray_or_as_color() {
        let left_pixel = [0.2, 0.4, 0.6, 0.8, 1.0];
        let right_pixel = left_pixel.map(|value| 1.0 - value);
        let (gray, color) = ([[51; 3], [204; 3]], [[51, 102, 153], [204, 153, 102]]);
        for (channels, colors) in [(1, gray), (2, gray), (3, color), (4, color), (5, color)] {
            let shape = ImageShape { height: 1, width: 2, channels };
            let image = [&left_pixel[..channels], &right_pixel[..channels]].concat();
            let Grid { picture, .. } = tile_images(&[&image], shape, 1).unwrap();
            let (near, far) = (GAP as u32, (GAP + LARGEST_MAGNIFICATION) as u32);
            let shown = [picture.get_pixel(near, near).0, picture.get_pixel(far, near).0];
            assert_eq!(shown, colors, "{channels} channels");
        }
    }

    #[test]
    fn images_beyond_the_lower_edge_are_not_counted_as_shown() {
        let images = vec![0.5; 5000 * DIGIT.pixels()];
        let Grid { picture, shown, .. } = tile_images(&[&images, &images], DIGIT, 16).unwrap();
        let (row, group_gap) = (DIGIT.height + GAP, GROUP_GAP - GAP);
        let groups = (LARGEST_SIDE - GAP + group_gap) / (2 * row + group_gap);
        assert_eq!(shown, 16 * groups);
        let lowest_row = picture.height() - GAP as u32 - 1;
        assert_eq!(picture.get_pixel(GAP as u32, lowest_row).0, [128; 3]);
    }

    #[test]
    fn a_grid_of_digits_has_a_handy_width() {
        let images = vec![0.0; 60 * DIGIT.pixels()];
        for columns in [8, 10, 12, 16, 20] {
            let width = tile_images(&[&images, &images], DIGIT, columns).unwrap().picture.width();
            assert!((900..=1400).contains(&width), "{columns} columns: {width}");
        }
    }

    #[test]
    fn what_cannot_be_shown_is_an_error_that_says_why() {
        let values = [0.0; 8];
        let shape = |height, width, channels| ImageShape { height, width, channels };
        assert!(message(&[&values, &values[1..]], shape(2, 2, 1)).contains("holds 8 values, another 7"));
        assert!(message(&[&values], shape(3, 1, 1)).contains("8 values are not a whole number of 3×1×1 images"));
        for (sets, shape) in [(&[][..], shape(2, 2, 1)), (&[&[][..]], shape(2, 2, 1)), (&[&values[..]], shape(2, 2, 0))]
        {
            assert_eq!(message(sets, shape), "there are no images to show");
        }
        assert!(message(&[&values], shape(usize::MAX, 3, 3)).contains("not a whole number"));
        let narrow = [0.0; 1024];
        let grid = tile_images(&[&narrow], shape(1, 1, 1), 1024).unwrap();
        assert_eq!((grid.shown, grid.picture.width() as usize), (1024, 4 * MOST_COLUMNS + GAP));
    }

    #[test]
    fn large_images_are_reduced_and_stay_in_their_columns() {
        let shape = |height, width| ImageShape { height, width, channels: 1 };
        for (shape, sets, columns, reduction) in [
            (shape(28, 311), 1, 13, 1),
            (shape(28, 312), 1, 13, 2),
            (shape(1024, 1024), 4, 1, 2),
            (shape(1024, 1024), 1, 8, 3),
            (shape(1, 70_000), 1, 1, 18),
            (shape(70_000, 1), 2, 3, 35),
        ] {
            // The left half of each image is white.
            let image: Vec<f32> =
                (0..shape.pixels()).map(|pixel| f32::from(u8::from(2 * (pixel % shape.width) < shape.width))).collect();
            let set = image.repeat(columns);
            let grid = tile_images(&vec![&set[..]; sets], shape, columns).unwrap();
            assert_eq!((grid.shown, grid.reduction), (columns, reduction), "{shape}");
            let layout = Layout::fit(columns, sets, shape, columns, 1);
            for column in 0..columns {
                let (left, top) = layout.place(column, sets - 1);
                let right = left + layout.image_width * layout.magnification - 1;
                assert_eq!(grid.picture.get_pixel(left as u32, top as u32).0, [255; 3], "{shape}, {column}");
                let is_wide = shape.width > 1;
                assert_eq!(grid.picture.get_pixel(right as u32, top as u32).0, [if is_wide { 0 } else { 255 }; 3]);
            }
        }
    }

    #[test]
    fn a_plane_is_reduced_until_all_of_it_fits() {
        let shape = ImageShape { height: 400, width: 300, channels: 1 };
        let set = vec![0.25; 12 * 12 * shape.pixels()];
        let cut = tile_images(&[&set], shape, 12).unwrap();
        assert_eq!((cut.shown, cut.reduction), (120, 1));
        let whole = tile_all_images(&[&set], shape, 12).unwrap();
        assert_eq!((whole.shown, whole.reduction), (144, 2));
        let lowest = whole.picture.height() - GAP as u32 - 1;
        assert_eq!(whole.picture.get_pixel(GAP as u32, lowest).0, [64; 3]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_grid_stays_within_its_limits_and_shows_the_first_image_of_each_set(
            (height, width) in (1_usize..600, 1_usize..600), count in 1_usize..5, sets in 1_usize..4, columns in 0_usize..400,
        ) {
            let shape = ImageShape { height, width, channels: 1 };
            let images: Vec<Vec<f32>> =
                (0..sets).map(|set| vec![set as f32 * 0.25; count * shape.pixels()]).collect();
            let slices: Vec<&[f32]> = images.iter().map(Vec::as_slice).collect();
            let Grid { picture: grid, shown, .. } = tile_images(&slices, shape, columns).unwrap();
            prop_assert!(grid.width().max(grid.height()) as usize <= LARGEST_SIDE);
            let layout = Layout::fit(count, sets, shape, columns, 1);
            prop_assert_eq!((layout.width() as u32, layout.height() as u32), grid.dimensions());
            prop_assert_eq!(shown, count.min(layout.groups * layout.columns));
            for set in 0..sets {
                let (left, top) = layout.place(0, set);
                prop_assert_eq!(grid.get_pixel(left as u32, top as u32).0, [to_byte(set as f32 * 0.25); 3]);
            }
            let (left, top) = layout.place(layout.groups * layout.columns - 1, sets - 1);
            prop_assert_eq!(left + width.div_ceil(layout.reduction) * layout.magnification + GAP, layout.width());
            prop_assert_eq!(top + height.div_ceil(layout.reduction) * layout.magnification + GAP, layout.height());
        }
    }
}
