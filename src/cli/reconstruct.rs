//! `diabolo reconstruct`: originals and what a trained model makes of them.

use super::RunArguments;
use super::output::line;
use crate::error::Error;
use crate::report::files::save_png;
use crate::report::grid::reconstruction_grid;
use crate::tasks::reconstruct::{reconstruct, save_npy};
use clap::Args;
use std::path::{Path, PathBuf};

/// Send images through a trained model and write originals and reconstructions to a file
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    run: RunArguments,
    /// How many images, from the first on
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Images side by side in a picture
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    columns: u32,
    /// The file: a picture (….png), or exact numbers for NumPy (….npy: f32 [2, images, height, width, channels])
    #[arg(short, long, default_value = "reconstructions.png", value_name = "FILE")]
    output: PathBuf,
}

/// What to write.
enum Format {
    Picture,
    Numbers,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let format = format_of(&arguments.output)?;
    let (model, gpu, dataset) = arguments.run.load()?;
    let images = dataset.split(arguments.run.split)?.first(arguments.count as usize);
    let pairs = reconstruct(&gpu, &model, &images)?;
    match format {
        Format::Picture => {
            let columns = arguments.columns as usize;
            let grid = reconstruction_grid(&pairs.originals, &pairs.reconstructions, images.shape(), columns)?;
            save_png(&arguments.output, &grid.picture)?;
            if grid.shown < images.len() {
                line(format_args!("{} of {} images fit into the picture", grid.shown, images.len()))?;
            }
        }
        Format::Numbers => save_npy(&arguments.output, &pairs, images.shape())?,
    }
    line(arguments.output.display())
}

fn format_of(path: &Path) -> Result<Format, Error> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("png") => Ok(Format::Picture),
        Some("npy") => Ok(Format::Numbers),
        _ => Err(Error::Usage(format!("{}: the output must end in .png or .npy", path.display()))),
    }
}
