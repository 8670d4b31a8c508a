//! `diabolo plot`: pictures of runs and of what they learned.

use super::RunArguments;
use super::image_files::save_pictures;
use super::output::line;
use super::refusals::{Input, check_outputs, refuse_other_ending, refuse_unused};
use crate::error::Error;
use crate::report::plot::loss_plot;
use crate::report::scatter::{Scatter, scatter_plot};
use crate::tasks::encode::encode;
use crate::tasks::plane::Plane;
use crate::tasks::plot::{features, losses};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Draw the losses of runs, the features of a first layer, or codes in the plane
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    run: RunArguments,
    /// More runs, whose losses come into the same picture
    #[arg(value_name = "MORE RUNS")]
    more: Vec<PathBuf>,
    /// What to draw
    #[arg(long, value_enum, default_value_t = What::Losses)]
    what: What,
    /// How many units of the first layer, from the first on, or how many images' codes, from all parts of the split; 2000 if left out
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// Features side by side; 16 if left out
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    columns: Option<u32>,
    /// The file, a picture (….png)
    #[arg(short, long, default_value = "plot.png", value_name = "FILE")]
    output: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// The loss of each run over its epochs
    Losses,
    /// The weights of the first layer, a picture for each of its units: gray is 0
    Features,
    /// A point for each image: the two numbers of its code, or the first two principal components of codes that have more
    Codes,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let Arguments { run, more, what, output, .. } = arguments;
    refuse_other_ending(output, "png")?;
    if *what != What::Losses && !more.is_empty() {
        return Err(Error::Usage("several runs have a picture of their losses only: give one run".to_owned()));
    }
    refuse_unused_by(arguments)?;
    match what {
        What::Losses => {
            let runs: Vec<PathBuf> = [&run.run].into_iter().chain(more).cloned().collect();
            check_outputs([output.as_path()], &[])?;
            let losses = losses(&runs)?;
            check_outputs([output.as_path()], &losses.data.iter().map(Input::Data).collect::<Vec<_>>())?;
            loss_plot(output, &losses.series, &losses.description)?;
        }
        What::Features => draw_features(arguments)?,
        What::Codes => draw_codes(arguments)?,
    }
    line(output.display())
}

/// Refuses options that what is drawn does not go by.
fn refuse_unused_by(Arguments { run, what, count, columns, .. }: &Arguments) -> Result<(), Error> {
    let (split, columns) = (("--split", run.split.is_some()), ("--columns", columns.is_some()));
    match what {
        What::Losses => {
            let (data, set) = (("--data", run.data.is_some()), ("--set", !run.assignments.is_empty()));
            refuse_unused("losses are of whole runs", [data, split, set, ("--count", count.is_some()), columns])
        }
        What::Features => refuse_unused("features are of the model alone", [split]),
        What::Codes => refuse_unused("codes are no images side by side", [columns]),
    }
}

const DEFAULT_COUNT: u32 = 2000;
const DEFAULT_COLUMNS: u32 = 16;

/// Classes without names are in the legend up to this many: it has no room for more.
const MOST_NUMBERED: usize = 100;

fn draw_features(arguments: &Arguments) -> Result<(), Error> {
    let model = arguments.run.model(&[&arguments.output])?;
    let shape = arguments.run.shape(&model)?;
    let mut features = features(&model);
    features.truncate(arguments.count.unwrap_or(DEFAULT_COUNT) as usize * shape.pixels());
    save_pictures(&arguments.output, &[&features], shape, arguments.columns.unwrap_or(DEFAULT_COLUMNS))
}

fn draw_codes(arguments: &Arguments) -> Result<(), Error> {
    let (model, gpu, dataset) = arguments.run.load(&[&arguments.output])?;
    let images = dataset.split(arguments.run.split())?.spread(arguments.count.unwrap_or(DEFAULT_COUNT) as usize);
    let codes = encode(&gpu, &model, &images, dataset.class_names())?;
    let plane = Plane::of(&codes)?;
    let numbered = || {
        let most = codes.labels.iter().flatten().max();
        most.map_or_else(Vec::new, |&most| (0..=most).take(MOST_NUMBERED).map(|label| label.to_string()).collect())
    };
    let class_names = codes.class_names.clone().unwrap_or_else(numbered);
    let run = arguments.run.run.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let scatter = Scatter {
        title: &format!("Codes of {} images by {run}", codes.len()),
        descriptions: plane.descriptions.each_ref().map(String::as_str),
        points: &plane.points,
        labels: codes.labels.as_deref(),
        class_names: &class_names,
    };
    Ok(scatter_plot(&arguments.output, &scatter)?)
}
