//! `diabolo interpolate`: from one image to another by way of their codes.

use super::RunArguments;
use super::image_files::{FileFormat, save_images, save_whole_picture};
use super::output::line;
use crate::data::ImageShape;
use crate::error::Error;
use crate::tasks::decode::decode;
use crate::tasks::encode::encode;
use crate::tasks::plane::{Plane, grid_of_prior};
use crate::tasks::sample::walks;
use clap::Args;
use std::path::PathBuf;

/// The most images along a side of a grid: ten thousand of them.
const MOST_OF_A_SIDE: usize = 100;

/// Walk from images to others: decode what lies on the straight lines between their codes, or a grid of the plane that codes lie in
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    run: RunArguments,
    /// The images to start at, by their places in the split, from 0 on
    #[arg(long, value_name = "INDEX", value_delimiter = ',', required_unless_present = "plane")]
    from: Vec<usize>,
    /// The images to end at, as many
    #[arg(long, value_name = "INDEX", value_delimiter = ',', required_unless_present = "plane")]
    to: Vec<usize>,
    /// In the place of walks, decode a grid of the plane of codes of two numbers, or of the plane along which longer ones vary most: at the
    /// quantiles of the codes of the split, or of the prior of a variational autoencoder whose codes have two numbers
    #[arg(long, conflicts_with_all = ["from", "to"])]
    plane: bool,
    /// Images of a walk, its first and last included, or of a side of the grid; each walk is a row of the picture
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(2..=1000))]
    steps: u32,
    /// The file: a picture (….png), or exact numbers for NumPy (….npy: f32 [images, height, width, channels], walk after walk)
    #[arg(short, long, default_value = "interpolation.png", value_name = "FILE")]
    output: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let format = FileFormat::of(&arguments.output)?;
    if arguments.from.len() != arguments.to.len() {
        return Err(Error::Usage("--from and --to need as many images each, as in --from 0,5 --to 3,8".to_owned()));
    }
    let run = &arguments.run;
    let model = run.model(&[&arguments.output])?;
    let gpu = run.gpu.open()?;
    if arguments.plane {
        let steps = arguments.steps as usize;
        if steps > MOST_OF_A_SIDE {
            return Err(Error::Usage(format!("a grid has at most {MOST_OF_A_SIDE} --steps along a side")));
        }
        let (codes, origin, shape) = if model.config.code.is_variational() && model.network.code_size() == 2 {
            (grid_of_prior(steps), "the quantiles of the prior".to_owned(), run.shape(&model)?)
        } else {
            let dataset = run.memory.load(&model.config.data)?;
            let codes = encode(&gpu, &model, dataset.split(run.split())?, None)?;
            let plane = Plane::of(&codes)?;
            let [across, upwards] = &plane.descriptions;
            (plane.grid(steps, &codes.ranges()), format!("across {across}, upwards {upwards}"), dataset.shape())
        };
        let decoded = decode(&gpu, &model, &codes)?;
        save(arguments, format, &decoded, shape)?;
        return line(format_args!("{}: {origin}", arguments.output.display()));
    }
    let dataset = run.memory.load(&model.config.data)?;
    let images = dataset.split(run.split())?;
    let ends: Vec<usize> = arguments.from.iter().chain(&arguments.to).copied().collect();
    if let Some(place) = ends.iter().find(|&&place| place >= images.len()) {
        return Err(Error::Usage(format!(
            "there is no image {place} in the split {}: its {} images are counted from 0",
            run.split(),
            images.len()
        )));
    }
    let codes = encode(&gpu, &model, &images.select(&ends), None)?;
    let count = arguments.from.len();
    let pairs: Vec<(usize, usize)> = (0..count).map(|walk| (walk, count + walk)).collect();
    let decoded = decode(&gpu, &model, &walks(&codes, &pairs, arguments.steps as usize))?;
    save(arguments, format, &decoded, dataset.shape())?;
    line(arguments.output.display())
}

/// Writes images, a walk or a line of the plane in each row.
fn save(arguments: &Arguments, format: FileFormat, images: &[f32], shape: ImageShape) -> Result<(), Error> {
    match format {
        FileFormat::Picture => save_whole_picture(&arguments.output, &[images], shape, arguments.steps),
        FileFormat::Numbers => save_images(&arguments.output, format, images, shape, arguments.steps),
    }
}
