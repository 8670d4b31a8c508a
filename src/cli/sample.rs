//! `diabolo sample`: images that never were.

use super::RunArguments;
use super::output::{FileFormat, line, refuse_missing_folder, save_images};
use crate::error::Error;
use crate::tasks::decode::decode;
use crate::tasks::encode::encode;
use crate::tasks::sample::Mixture;
use clap::Args;
use std::path::PathBuf;

/// Invent images: draw codes from Gaussians fitted to the codes of images, one for each class if there are classes, and decode them
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    run: RunArguments,
    /// How many images
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// The images follow from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Images side by side in a picture
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    columns: u32,
    /// The file: a picture (….png), or exact numbers for NumPy (….npy: f32 [images, height, width, channels])
    #[arg(short, long, default_value = "samples.png", value_name = "FILE")]
    output: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let format = FileFormat::of(&arguments.output)?;
    refuse_missing_folder(Some(&arguments.output))?;
    let (model, gpu, dataset) = arguments.run.load()?;
    let codes = encode(&gpu, &model, dataset.split(arguments.run.split)?, dataset.class_names())?;
    let mixture = Mixture::fit(&codes)?;
    let images = decode(&gpu, &model, &mixture.draw(arguments.seed, arguments.count as usize))?;
    save_images(&arguments.output, format, &images, dataset.shape(), arguments.columns)?;
    let gaussians = match mixture.components() {
        1 => "a Gaussian".to_owned(),
        several => format!("{several} Gaussians"),
    };
    line(format_args!("{}: from {gaussians}, fitted to {} codes", arguments.output.display(), codes.len()))
}
