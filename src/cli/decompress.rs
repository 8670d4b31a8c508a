//! `diabolo decompress`: the images of a file that `diabolo compress` wrote.

use super::image_files::{FileFormat, save_images};
use super::output::line;
use super::refusals::Input;
use super::run_arguments::open_model;
use super::{GpuArguments, MemoryArguments};
use crate::error::Error;
use crate::tasks::compress::{decompress, read_compressed};
use clap::Args;
use std::path::PathBuf;

/// Write the images of a compressed file, by the model that compressed them
#[derive(Args)]
pub struct Arguments {
    /// The run directory
    run: PathBuf,
    /// The file that 'diabolo compress' wrote
    file: PathBuf,
    /// Images side by side in a picture
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    columns: u32,
    /// The file: a picture (….png), or exact numbers for NumPy (….npy: f32 [images, height, width, channels])
    #[arg(short, long, default_value = "decompressed.png", value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    memory: MemoryArguments,
    #[command(flatten)]
    gpu: GpuArguments,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let format = FileFormat::of(&arguments.output)?;
    let (model, digest) = open_model(&arguments.run, &[Input::File(&arguments.file)], &[&arguments.output])?;
    let compressed = read_compressed(&arguments.file, &model, &digest, arguments.memory.max_memory.as_u64())?;
    let images = decompress(&arguments.gpu.open()?, &model, &compressed)?;
    save_images(&arguments.output, format, &images, compressed.shape, arguments.columns)?;
    line(arguments.output.display())
}
