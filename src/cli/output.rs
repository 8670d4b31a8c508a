//! The standard output, which may be closed early, as by `| head`.

use crate::config::{DataConfig, printable};
use crate::data::{self, ImageShape};
use crate::error::Error;
use crate::report::ReportError;
use crate::report::files::{resolved, save_png, write_atomically};
use crate::report::grid::tile_images;
use crate::report::npy::save_npy;
use crate::report::table::thousands;
use crate::train::RunDirectory;
use serde::Serialize;
use serde_json::json;
use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Prints a line; a reader that has gone away is no error.
///
/// # Errors
/// A file or device that takes no more.
pub fn line(text: impl Display) -> Result<(), Error> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => {
            Err(ReportError::Write { path: "the standard output".into(), cause }.into())
        }
        _ => Ok(()),
    }
}

/// So many classes, in words.
pub fn counted_classes(count: usize) -> String {
    if count == 1 { "one class".to_owned() } else { format!("{} classes", thousands(count as u64)) }
}

/// What a command reads, and none of its outputs may replace.
#[derive(Clone, Copy)]
pub enum Input<'a> {
    File(&'a Path),
    /// What a run consists of.
    Run(&'a Path),
    /// What images come from, and what they count by.
    Data(&'a DataConfig),
}

impl Input<'_> {
    /// What a file at this place, a [`resolved`] one, would replace of it, if anything.
    fn at(self, place: &Path) -> Option<String> {
        let is_there = |read: &Path| resolved(read).is_some_and(|read| read == place);
        let read = || "is what the command reads".to_owned();
        match self {
            Self::File(file) => is_there(file).then(read),
            Self::Run(run) => RunDirectory::begun(run)
                .is_ok_and(|directory| directory.owns(place))
                .then(|| format!("is a part of the run {}", run.display())),
            Self::Data(DataConfig { source, weights, .. }) => data::reads(source, place)
                .then(|| format!("is a part of the data {source}"))
                .or_else(|| (!weights.is_empty() && is_there(Path::new(weights))).then(read)),
        }
    }
}

/// Refuses files that cannot be written, or that would replace what they are made from, before the work that is to fill them.
///
/// # Errors
/// A file's folder is not there, or the file is an input or a part of one.
pub fn check_outputs<'a>(outputs: impl IntoIterator<Item = &'a Path>, inputs: &[Input<'_>]) -> Result<(), Error> {
    for file in outputs {
        let Some(place) = resolved(file) else {
            let cause = std::io::Error::new(ErrorKind::NotFound, "its folder is not there");
            return Err(ReportError::Write { path: file.to_owned(), cause }.into());
        };
        if let Some(what) = inputs.iter().find_map(|input| input.at(&place)) {
            return Err(Error::Usage(format!("{} {what}: give the output another name", file.display())));
        }
    }
    Ok(())
}

/// Refuses a file of another format than what is to be written into it.
///
/// # Errors
/// Its name has not this ending.
pub fn refuse_other_ending(file: &Path, ending: &str) -> Result<(), Error> {
    if file.extension().is_some_and(|found| found == ending) {
        return Ok(());
    }
    Err(Error::Usage(format!("{}: the file must end in .{ending}", file.display())))
}

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
/// The images are too large for a picture, or the file cannot be written.
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
/// The images are too large for a picture, or it cannot be written.
pub fn save_pictures(path: &Path, sets: &[&[f32]], shape: ImageShape, columns: u32) -> Result<(), Error> {
    let grid = tile_images(sets, shape, columns as usize)?;
    save_png(path, &grid.picture)?;
    let count = sets.first().map_or(0, |images| images.len() / shape.pixels());
    if grid.shown < count {
        line(format_args!("{} of {count} images fit into the picture", grid.shown))?;
    }
    if grid.reduction > 1 {
        line(format_args!("the picture shows images at 1/{} of their size", grid.reduction))?;
    }
    Ok(())
}

/// Writes what was found on some adapters, and the version and effort that found it, as JSON.
///
/// # Errors
/// The file cannot be written.
pub fn write_found(file: &Path, quick: bool, only: Option<&str>, adapters: &impl Serialize) -> Result<(), Error> {
    let found = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "effort": if quick { "quick" } else { "full" },
        "only": only,
        "adapters": adapters,
    });
    Ok(write_atomically(file, format!("{found:#}\n").as_bytes())?)
}

/// Prints a line for people on the standard error stream, which may be closed. It stays one line, whatever a file is called.
pub fn complaint(text: impl Display) {
    let _ = writeln!(std::io::stderr(), "diabolo: {}", printable(&text.to_string()));
}
