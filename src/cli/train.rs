//! `diabolo train`: a run from its configuration to its pictures.

use super::output::line;
use super::{GpuArguments, MemoryArguments};
use crate::config::Config;
use crate::data;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::report::progress::Verbosity;
use crate::report::table::{Align, TextTable, thousands};
use crate::train::{self, Destination};
use clap::Args;
use std::path::{Path, PathBuf};

/// Train an autoencoder and keep the model, its errors and its pictures in a run directory
#[derive(Args)]
pub struct Arguments {
    /// A preset, as 'diabolo presets' lists them, or a file of your own in the same language (….toml)
    #[arg(default_value = "dense", value_name = "PRESET|FILE.toml")]
    preset: String,
    /// Data to learn from: glyphs (drawn by the program), mnist, fashion-mnist, a folder of images (one folder for each class, or
    /// none) or of IDX files, an .npy or a .csv file
    #[arg(long)]
    data: Option<String>,
    /// How often to take every training image
    #[arg(long)]
    epochs: Option<u32>,
    /// Images in a step
    #[arg(long)]
    batch: Option<usize>,
    /// Initial weights and the order of the images follow from it
    #[arg(long)]
    seed: Option<u64>,
    /// The run directory, which must be new or empty; runs/PRESET-DATA-NUMBER if left out
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,
    /// Replace any value of the configuration, for example optimizer.learning_rate=0.003
    #[arg(long = "set", value_name = "KEY=VALUE")]
    assignments: Vec<String>,
    /// Print nothing but errors
    #[arg(long)]
    pub(super) quiet: bool,
    #[command(flatten)]
    memory: MemoryArguments,
    #[command(flatten)]
    gpu: GpuArguments,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let config = configuration(arguments)?;
    let destination = match &arguments.out {
        Some(path) => Destination::Named(path.clone()),
        None => Destination::Numbered(run_name(&arguments.preset, &config.data.source)),
    };
    destination.check()?;
    let gpu = arguments.gpu.open()?;
    let dataset = arguments.memory.load(&config.data)?;
    if arguments.quiet {
        train::run(&gpu, &config, &dataset, &destination, Verbosity::Quiet)?;
        return Ok(());
    }
    introduce(&gpu, &config, &dataset)?;
    let directory = train::run(&gpu, &config, &dataset, &destination, Verbosity::Normal)?;
    line(format_args!("\nmodel            {}", directory.model().display()))?;
    line(format_args!("reconstructions  {}", directory.reconstructions().display()))?;
    line(format_args!("losses           {}", directory.loss_plot().display()))
}

/// The preset or file under the arguments; its own flags win over `--set`.
fn configuration(arguments: &Arguments) -> Result<Config, Error> {
    let mut config = Config::load(&arguments.preset, &arguments.assignments)?;
    if let Some(source) = &arguments.data {
        config.data.source.clone_from(source);
    }
    // A run must find its data again, wherever it is looked at from.
    config.data.source = data::absolute_source(&config.data.source);
    config.training.epochs = arguments.epochs.unwrap_or(config.training.epochs);
    config.training.batch_size = arguments.batch.unwrap_or(config.training.batch_size);
    config.training.seed = arguments.seed.unwrap_or(config.training.seed);
    config.validate()?;
    Ok(config)
}

/// `dense-mnist` for the preset dense on mnist; of paths only the last part counts.
fn run_name(preset: &str, source: &str) -> String {
    let last_part =
        |text: &str| Path::new(text).file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into());
    format!("{}-{}", last_part(preset), last_part(source).replace(':', "-"))
}

fn counted_classes(count: usize) -> String {
    if count == 1 { "one class".to_owned() } else { format!("{} classes", thousands(count as u64)) }
}

fn introduce(gpu: &Gpu, config: &Config, dataset: &data::Dataset) -> Result<(), Error> {
    let network = config.network(dataset.shape().pixels());
    line(format_args!("adapter  {}", gpu.adapter().described()))?;
    line(format_args!(
        "data     {}: {} training and {} test images of {}{}",
        dataset.name(),
        thousands(dataset.train().len() as u64),
        thousands(dataset.test().len() as u64),
        dataset.shape(),
        dataset.class_names().map(|names| format!(" in {}", counted_classes(names.len()))).unwrap_or_default(),
    ))?;
    line(format_args!(
        "loss     {}, batches of {}, {} epochs, seed {}\n",
        config.loss, config.training.batch_size, config.training.epochs, config.training.seed,
    ))?;
    let mut table = TextTable::new([
        ("layer", Align::Left),
        ("shape", Align::Left),
        ("activation", Align::Left),
        ("parameters", Align::Right),
    ]);
    for layer in network.layers() {
        table.push([
            layer.name.clone(),
            format!("{} → {}", layer.inputs, layer.outputs),
            layer.activation.name().to_owned(),
            thousands(layer.parameter_count() as u64),
        ]);
    }
    table.push(["total".into(), String::new(), String::new(), thousands(network.parameter_count() as u64)]);
    line(format_args!("{table}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_for_its_preset_and_data() {
        assert_eq!(run_name("dense", "mnist"), "dense-mnist");
        assert_eq!(run_name("my/own.toml", "/some/pictures/"), "own-pictures");
        assert_eq!(run_name("dense", "glyphs:7"), "dense-glyphs-7");
    }
}
