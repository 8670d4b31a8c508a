//! `diabolo reconstruct`: originals and what a trained model makes of them.

use super::RunArguments;
use super::image_files::{FileFormat, save_pictures};
use super::output::line;
use crate::error::Error;
use crate::tasks::reconstruct::{reconstruct, save_npy};
use clap::Args;
use std::path::PathBuf;

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

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let format = FileFormat::of(&arguments.output)?;
    let (model, gpu, dataset) = arguments.run.load(&[&arguments.output])?;
    let images = dataset.split(arguments.run.split())?.first(arguments.count as usize);
    let pairs = reconstruct(&gpu, &model, &images)?;
    match format {
        FileFormat::Picture => {
            let sets = [&pairs.originals[..], &pairs.reconstructions];
            save_pictures(&arguments.output, &sets, images.shape(), arguments.columns)?;
        }
        FileFormat::Numbers => save_npy(&arguments.output, &pairs, images.shape())?,
    }
    line(arguments.output.display())
}
