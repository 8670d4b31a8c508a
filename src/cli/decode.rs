//! `diabolo decode`: the images that a trained model makes of codes.

use super::image_files::{FileFormat, save_images};
use super::output::line;
use super::refusals::Input;
use super::run_arguments::open_model;
use super::{GpuArguments, MemoryArguments};
use crate::data::ImageSize;
use crate::error::Error;
use crate::tasks::decode::{decode, image_shape};
use crate::tasks::{Codes, CodesFormat};
use bytesize::ByteSize;
use clap::Args;
use std::path::PathBuf;

/// Write the images that a trained model makes of codes
#[derive(Args)]
pub struct Arguments {
    /// The run directory
    run: PathBuf,
    /// The codes, as 'diabolo encode' writes them: ….npy, ….csv or ….safetensors
    codes: PathBuf,
    /// The images' height and width, where the run does not tell them and they are no gray squares
    #[arg(long, value_name = "HEIGHT,WIDTH", value_parser = height_and_width)]
    size: Option<ImageSize>,
    /// Images side by side in a picture
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    columns: u32,
    /// The file: a picture (….png), or exact numbers for NumPy (….npy: f32 [images, height, width, channels])
    #[arg(short, long, default_value = "decoded.png", value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    memory: MemoryArguments,
    #[command(flatten)]
    gpu: GpuArguments,
}

fn height_and_width(text: &str) -> Result<ImageSize, &'static str> {
    let sides = text.split_once(',').and_then(|(height, width)| Some((height.parse().ok()?, width.parse().ok()?)));
    let size = sides.and_then(|(height, width)| ImageSize::new(height, width));
    size.ok_or("a size is HEIGHT,WIDTH in pixels, as in 32,48")
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let format = FileFormat::of(&arguments.output)?;
    let codes_format = CodesFormat::of(&arguments.codes).ok_or_else(|| {
        Error::Usage(format!("{}: the codes must end in .npy, .csv or .safetensors", arguments.codes.display()))
    })?;
    let (model, _) = open_model(&arguments.run, &[Input::File(&arguments.codes)], &[&arguments.output])?;
    let shape = image_shape(&model, arguments.size)?;
    let most = arguments.memory.max_memory;
    let codes = Codes::load(&arguments.codes, codes_format, most.as_u64())?;
    let needed = (codes.len() as u64).saturating_mul(4 * shape.pixels() as u64);
    if needed > most.as_u64() {
        return Err(Error::Usage(format!(
            "the images of {} codes need {} of memory, but --max-memory allows {most}: use fewer codes, or allow more",
            codes.len(),
            ByteSize::b(needed)
        )));
    }
    let images = decode(&arguments.gpu.open()?, &model, &codes)?;
    save_images(&arguments.output, format, &images, shape, arguments.columns)?;
    line(arguments.output.display())
}
