//! `diabolo preview`: what a training does to images.

use super::image_files::{FileFormat, save_whole_picture};
use super::output::line;
use super::refusals::{Input, check_outputs};
use super::{GpuArguments, MemoryArguments};
use crate::config::{Config, PRESETS};
use crate::data::Split;
use crate::error::Error;
use crate::report::npy::save_npy;
use crate::tasks::preview::{Preview, preview};
use clap::Args;
use std::path::{Path, PathBuf};

/// Show what a training does to images: each as it is and then as it may become, and below that, where there is noise, as the network sees
/// it. Nothing is trained
#[derive(Args)]
pub struct Arguments {
    /// A preset, a file of your own (….toml), or a run directory
    #[arg(value_name = "PRESET|FILE.toml|RUN", default_value = "dense")]
    configuration: String,
    /// Where the images come from; what the configuration says if left out
    #[arg(long)]
    data: Option<String>,
    /// Their split: train or test
    #[arg(long, default_value = "train")]
    split: Split,
    /// Replace any value of the configuration, for example augmentation.rotate=15
    #[arg(long = "set", value_name = "KEY=VALUE")]
    assignments: Vec<String>,
    /// How many images, at equal distances from the first to the last
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100))]
    count: u32,
    /// What so many epochs may make of each
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=100))]
    versions: u32,
    /// The file: a picture (….png), or exact numbers for NumPy (….npy: f32 [images, 1 + versions, height, width, channels], and before that 2
    /// where there is noise: as a network is to give them back, and as it sees them)
    #[arg(short, long, default_value = "preview.png", value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    memory: MemoryArguments,
    #[command(flatten)]
    gpu: GpuArguments,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let format = FileFormat::of(&arguments.output)?;
    let config = configuration(arguments)?;
    check_outputs([arguments.output.as_path()], &[Input::Data(&config.data)])?;
    let gpu = arguments.gpu.open()?;
    let dataset = arguments.memory.load(&config.data)?;
    let images = dataset.split(arguments.split)?.spread(arguments.count as usize);
    let versions = arguments.versions as usize;
    let Preview { targets, inputs } = preview(&gpu, &config, &images, versions)?;
    let sets: Vec<&[f32]> = [&targets].into_iter().chain(&inputs).map(Vec::as_slice).collect();
    let shape = images.shape();
    match format {
        FileFormat::Picture => save_whole_picture(&arguments.output, &sets, shape, arguments.versions + 1)?,
        FileFormat::Numbers => {
            let several = inputs.is_some().then_some(2);
            let each = [images.len(), 1 + versions, shape.height, shape.width, shape.channels];
            let dimensions: Vec<usize> = several.into_iter().chain(each).collect();
            save_npy(&arguments.output, &dimensions, sets.into_iter().flatten().copied())?;
        }
    }
    line(arguments.output.display())
}

/// That of the preset, the file or the run, under the arguments.
fn configuration(arguments: &Arguments) -> Result<Config, Error> {
    let named = Path::new(&arguments.configuration);
    let is_preset = PRESETS.iter().any(|preset| preset.name == arguments.configuration);
    let of_run = (named.is_dir() && !is_preset).then(|| named.join("config.toml").to_string_lossy().into_owned());
    let mut config = Config::load(&of_run.unwrap_or_else(|| arguments.configuration.clone()), &arguments.assignments)?;
    if let Some(source) = &arguments.data {
        config.data.source.clone_from(source);
    }
    config.validate()?;
    Ok(config)
}
