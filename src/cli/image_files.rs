//! Images as files, in the format that a file's name ends in.

use super::output::line;
use crate::data::ImageShape;
use crate::error::Error;
use crate::report::files::save_png;
use crate::report::grid::{Grid, tile_all_images, tile_images};
use crate::report::npy::save_npy;
use std::path::Path;

/// A kind of file that holds images.
#[derive(Clone, Copy)]
pub enum FileFormat {
    /// A grid of them, ….png.
    Picture,
    /// Exact numbers for NumPy, ….npy.
    Numbers,
}

impl FileFormat {
    /// The format that a file's name ends in.
    ///
    /// # Errors
    /// It ends in neither.
    pub fn of(path: &Path) -> Result<Self, Error> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("png") => Ok(Self::Picture),
            Some("npy") => Ok(Self::Numbers),
            _ => Err(Error::Usage(format!("{}: the output must end in .png or .npy", path.display()))),
        }
    }
}

/// Writes images, `[count, height, width, channels]`, as a grid or as numbers.
///
/// # Errors
/// There are no images, or the file cannot be written.
pub fn save_images(
    path: &Path,
    format: FileFormat,
    images: &[f32],
    shape: ImageShape,
    columns: u32,
) -> Result<(), Error> {
    match format {
        FileFormat::Picture => save_pictures(path, &[images], shape, columns),
        FileFormat::Numbers => {
            let dimensions = [images.len() / shape.pixels(), shape.height, shape.width, shape.channels];
            Ok(save_npy(path, &dimensions, images.iter().copied())?)
        }
    }
}

/// Writes sets of images that belong together, `[count, height, width, channels]` each, as [`tile_images`] lays them out, and says so if
/// not all of them fit, or only reduced.
///
/// # Errors
/// There are no images, or the picture cannot be written.
pub fn save_pictures(path: &Path, sets: &[&[f32]], shape: ImageShape, columns: u32) -> Result<(), Error> {
    save_grid(path, &tile_images(sets, shape, columns as usize)?)
}

/// The same where all images belong together, as those of a walk from one to another: they are reduced until all fit.
///
/// # Errors
/// There are no images, or the picture cannot be written.
pub fn save_whole_picture(path: &Path, sets: &[&[f32]], shape: ImageShape, columns: u32) -> Result<(), Error> {
    save_grid(path, &tile_all_images(sets, shape, columns as usize)?)
}

fn save_grid(path: &Path, Grid { picture, count, shown, reduction }: &Grid) -> Result<(), Error> {
    save_png(path, picture)?;
    if shown < count {
        line(format_args!("{shown} of {count} images fit into the picture"))?;
    }
    if *reduction > 1 {
        line(format_args!("the picture shows images at 1/{reduction} of their size"))?;
    }
    Ok(())
}
