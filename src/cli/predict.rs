//! `diabolo predict`: the classes of images, by a classifier that `diabolo classify` has trained.

use super::output::line;
use super::refusals::{Input, check_outputs, refuse_other_ending};
use super::{GpuArguments, MemoryArguments};
use crate::data::{Dataset, Images, Split};
use crate::error::Error;
use crate::tasks::classify::Classifier;
use clap::Args;
use std::path::PathBuf;

/// Classify images and write a row for each to a table
#[derive(Args)]
pub struct Arguments {
    /// The classifier's file, or the directory that 'diabolo classify' has filled
    classifier: PathBuf,
    /// Where the images come from: all of them where the source has no split of its own; what it was trained on if left out
    #[arg(long)]
    data: Option<String>,
    /// Their split: train or test
    #[arg(long, default_value = "test")]
    split: Split,
    /// Replace a value of the classifier's data table, for example data.resize=crop
    #[arg(long = "set", value_name = "KEY=VALUE")]
    assignments: Vec<String>,
    /// A table: the index of each image, its file if it is from a folder, its class if known, the class that is predicted, the share of
    /// that, and the share of each class (….csv)
    #[arg(short, long, default_value = "predictions.csv", value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    memory: MemoryArguments,
    #[command(flatten)]
    gpu: GpuArguments,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let path = &arguments.output;
    refuse_other_ending(path, "csv")?;
    let classifier = Classifier::load(&arguments.classifier)?;
    let mut config = classifier.config.clone();
    if let Some(source) = &arguments.data {
        config.data = config.data.of_source(source);
        config.data.test_share = 1.0;
    }
    let config = config.with_data(&arguments.assignments)?;
    config.validate()?;
    let [trained_on, data] = [&classifier.config.data, &config.data].map(Input::Data);
    check_outputs([path.as_path()], &[trained_on, data, Input::File(&arguments.classifier)])?;
    let gpu = arguments.gpu.open()?;
    let dataset = arguments.memory.load(&config.data)?;
    let images = dataset.split(arguments.split)?;
    let predictions = classifier.predict(&gpu, images)?;
    let names = &classifier.class_names;
    let truth = true_names(&dataset, images);
    predictions.save(path, names, images.names(), truth.as_deref())?;
    line(format_args!("{}: {} images", path.display(), images.len()))?;
    let Some(truth) = truth.filter(|truth| truth.iter().any(|name| names.contains(name))) else { return Ok(()) };
    let predicted = predictions.classes.iter().map(|&class| &names[class as usize]);
    let right = predicted.zip(&truth).filter(|(predicted, name)| predicted == name).count();
    line(format_args!("{:.2} % of them as they are labeled", 100.0 * right as f64 / images.len() as f64))
}

/// The name of each image's class, if there are classes. By names they are compared: other data may have fewer classes, in another order.
fn true_names(dataset: &Dataset, images: &Images) -> Option<Vec<String>> {
    let names = dataset.class_names();
    let name = |&label: &u32| names.map_or_else(|| label.to_string(), |names| names[label as usize].clone());
    Some(images.labels()?.iter().map(name).collect())
}
