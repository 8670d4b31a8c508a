//! `diabolo classify`: a classifier on a trained model's codes, beside the same on pixels and on principal components.

use super::output::{counted_classes, line};
use super::refusals::{check_output_directory, refuse_unused};
use super::{GpuArguments, MemoryArguments};
use crate::data::{ClassLimit, Dataset};
use crate::error::Error;
use crate::reference::Balancing;
use crate::report::confusion::Confusion;
use crate::report::files::{create_folders, write_atomically};
use crate::report::label_curve::label_curve;
use crate::report::table::{Align, TextTable, thousands};
use crate::report::{ReportError, files};
use crate::tasks::classify::{
    Classification, FILE, Mean, Method, Outcome, Settings, Summary, Trial, curves, summaries,
};
use crate::train::RunDirectory;
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Train a classifier on a model's codes and measure it, beside the same on pixels and on principal components (PCA)
#[derive(Args)]
pub struct Arguments {
    /// The run directory of the model
    run: PathBuf,
    /// probe: a softmax layer on the codes. finetune: the same, and then with the encoder trained too, held against the same network from
    /// random weights as well. knn: the class of most of the nearest codes
    #[arg(long, value_name = "probe|finetune|knn", default_value = "probe")]
    method: Method,
    /// Labeled images; what the run was trained on if left out
    #[arg(long)]
    data: Option<String>,
    /// How often to take every labeled image; as often as 1,000 steps take, and ten times at least, if left out
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// Images in a step; 256 if left out
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,
    /// The learning rate at the start, of Adam, which falls by half a cosine; 0.01 for probe and 0.001 for finetune if left out
    #[arg(long)]
    learning_rate: Option<f64>,
    /// What the learning rate of the model's encoder is times --learning-rate, for finetune; a network from random weights learns at that
    /// itself. At 0 the encoder's weights stay as they are, but not the running statistics of batch normalization. 1 if left out
    #[arg(long, value_name = "FACTOR")]
    encoder_rate: Option<f64>,
    /// Initial weights, the order of the images and their division follow from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Repeat everything with so many seeds, from --seed on, and tell the mean
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    /// The share of the labeled training images that is held back to choose the best epoch by; none are where labels are few
    #[arg(long, default_value_t = 0.1)]
    validation: f64,
    /// Use so many labeled images of each class only; of several numbers, as 1,3,10,30,100, a curve is drawn
    #[arg(long, value_name = "COUNT", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    labels: Vec<u32>,
    /// Use so many training images of a class at most, for example 8=58
    #[arg(long = "limit", value_name = "CLASS=COUNT")]
    limits: Vec<ClassLimit>,
    /// What to do about rare classes: weights (a sample's loss counts as much as its class is rare), or sampling (samples are drawn class
    /// by class); none if left out
    #[arg(long, value_name = "none|weights|sampling")]
    balance: Option<Balancing>,
    /// How many neighbors vote, for knn; 5 if left out
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    neighbors: Option<u32>,
    /// The directory for the classifier and all that is told of it, which must be new or empty; METHOD in the run directory if left out
    #[arg(short, long = "output", value_name = "DIRECTORY")]
    output: Option<PathBuf>,
    /// Replace a value of the run's data table, for example data.test_share=0.2, or of its augmentation table, for example
    /// augmentation.shift=0.1: what the images are that the classifier is trained on, but not measured on
    #[arg(long = "set", value_name = "KEY=VALUE")]
    assignments: Vec<String>,
    #[command(flatten)]
    memory: MemoryArguments,
    #[command(flatten)]
    gpu: GpuArguments,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let settings = settings(arguments)?;
    let output = arguments.output.clone().unwrap_or_else(|| arguments.run.join(arguments.method.name()));
    refuse_used(&output)?;
    let mut model = RunDirectory::open(&arguments.run)?.load_model()?;
    if let Some(source) = &arguments.data {
        model.config.data = model.config.data.of_source(&crate::data::absolute_source(source));
    }
    model.config = model.config.with_data_and_augmentation(&arguments.assignments)?;
    model.config.validate()?;
    check_output_directory(&output, &model.config.data)?;
    let settings = Settings { augmentation: model.config.augmentation, ..settings };
    let gpu = arguments.gpu.open()?;
    let dataset = arguments.memory.load(&model.config.data)?;
    let classification = Classification::new(&gpu, &model, &dataset)?;
    let counts: Vec<Option<u32>> = match arguments.labels[..] {
        [] => vec![None],
        ref counts => counts.iter().copied().map(Some).collect(),
    };
    let seeds = || (0..u64::from(arguments.repeats)).map(|repeat| settings.seed.wrapping_add(repeat));
    let of_trials: Vec<_> = counts.iter().flat_map(|&labels| seeds().map(move |seed| (labels, seed))).collect();
    let of_trial = |labels: Option<u32>, seed| {
        let labels_per_class = labels.map(|labels| labels as usize);
        Settings { seed, labels_per_class, ..settings.clone() }
    };
    for &count in &arguments.labels {
        let fewer = classification.classes_below(count as usize);
        if fewer > 0 {
            tracing::info!(
                "--labels {count}: all images of {} are taken, as there are no more",
                counted_classes(fewer)
            );
        }
    }
    // What cannot be is told before anything is trained.
    let images = of_trials.iter().map(|&(labels, seed)| classification.check(&of_trial(labels, seed)));
    let images = images.collect::<Result<BTreeSet<usize>, _>>()?;
    for images in images.iter().filter(|&&images| settings.method == Method::Neighbors && settings.neighbors > images) {
        tracing::info!("{images} neighbors vote, as there are no more labeled images");
    }
    let mut trials = Vec::new();
    for (labels, seed) in of_trials {
        let outcomes = classification.run(&of_trial(labels, seed))?;
        trials.push(Trial { labels, seed, outcomes });
    }
    let names = classification.class_names();
    let truth: Vec<String> =
        dataset.test().labels().unwrap_or_default().iter().map(|&label| names[label as usize].clone()).collect();
    // Everything is there: only now is something written.
    create_folders(&output).map_err(|cause| ReportError::Write { path: output.clone(), cause })?;
    let shown = &trials[(counts.len() - 1) * arguments.repeats as usize];
    write(arguments, &output, names, &truth, &dataset, &trials, shown)?;
    tell(&output, names, dataset.name(), &summaries(&trials), shown)
}

fn settings(arguments: &Arguments) -> Result<Settings, Error> {
    let twice = |(place, count): (usize, &u32)| arguments.labels[..place].contains(count).then_some(*count);
    if let Some(count) = arguments.labels.iter().enumerate().find_map(twice) {
        return Err(Error::Usage(format!("--labels has {count} twice: give each number once")));
    }
    if !(0.0..1.0).contains(&arguments.validation) {
        return Err(Error::Usage("--validation must be a share from 0 to below 1".to_owned()));
    }
    if arguments.learning_rate.is_some_and(|rate| !(rate > 0.0 && rate.is_finite())) {
        return Err(Error::Usage("--learning-rate must be above 0".to_owned()));
    }
    if arguments.encoder_rate.is_some_and(|rate| !(rate >= 0.0 && (rate as f32).is_finite())) {
        return Err(Error::Usage("--encoder-rate must be at least 0, and finite".to_owned()));
    }
    refuse_unused_by(arguments)?;
    let usual = Settings::new(arguments.method);
    Ok(Settings {
        epochs: arguments.epochs,
        batch_size: arguments.batch.map_or(usual.batch_size, |batch| batch as usize),
        learning_rate: arguments.learning_rate,
        encoder_rate: arguments.encoder_rate.unwrap_or(usual.encoder_rate),
        seed: arguments.seed,
        validation_share: arguments.validation,
        limits: arguments.limits.clone(),
        balancing: arguments.balance.unwrap_or(usual.balancing),
        neighbors: arguments.neighbors.map_or(usual.neighbors, |neighbors| neighbors as usize),
        ..usual
    })
}

/// Refuses options that the method does not go by.
fn refuse_unused_by(arguments: &Arguments) -> Result<(), Error> {
    let is_of_augmentation = |assignment: &String| assignment.trim_start().starts_with("augmentation");
    if arguments.method == Method::Neighbors {
        let of_training = [
            ("--epochs", arguments.epochs.is_some()),
            ("--batch", arguments.batch.is_some()),
            ("--learning-rate", arguments.learning_rate.is_some()),
            ("--balance", arguments.balance.is_some()),
            ("--set augmentation…", arguments.assignments.iter().any(is_of_augmentation)),
        ];
        refuse_unused("neighbors are not trained", of_training)?;
    } else {
        let neighbors = ("--neighbors", arguments.neighbors.is_some());
        refuse_unused("neighbors are looked for by --method knn alone", [neighbors])?;
    }
    if arguments.method == Method::Finetune {
        return Ok(());
    }
    refuse_unused(
        "the encoder is trained by --method finetune alone",
        [("--encoder-rate", arguments.encoder_rate.is_some())],
    )
}

/// Refuses a directory that holds something already, before the work that is to fill it.
fn refuse_used(directory: &Path) -> Result<(), Error> {
    let is_used = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(cause) => return Err(ReportError::Read { path: directory.to_owned(), cause }.into()),
        Ok(entries) => entries.flatten().any(|entry| !files::is_temporary(&entry.file_name())),
    };
    match is_used {
        true => {
            Err(Error::Usage(format!("{} is not empty: give another directory with --output", directory.display())))
        }
        false => Ok(()),
    }
}

fn write(
    arguments: &Arguments,
    output: &Path,
    names: &[String],
    truth: &[String],
    dataset: &Dataset,
    trials: &[Trial],
    shown: &Trial,
) -> Result<(), Error> {
    let outcome = &shown.outcomes[0];
    outcome.classifier.save(&output.join(FILE))?;
    outcome.predictions.save(&output.join("predictions.csv"), names, dataset.test().names(), Some(truth))?;
    let title =
        format!("{} on {}: {:.2} % right", arguments.method.name(), outcome.encoder, 100.0 * outcome.test.accuracy());
    outcome.test.save_picture(&output.join("confusion.png"), &title, names)?;
    if arguments.labels.len() > 1 {
        let title = format!("{} with few labels", arguments.method.name());
        label_curve(&output.join("labels.png"), &title, &curves(&summaries(trials)))?;
    }
    let path = output.join("metrics.json");
    let metrics = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "run": arguments.run.display().to_string(),
        "data": dataset.name(),
        "method": arguments.method.name(),
        "trials": trials.iter().map(|trial| json_of(trial, names)).collect::<Vec<_>>(),
    });
    Ok(write_atomically(&path, format!("{metrics:#}\n").as_bytes())?)
}

fn json_of(trial: &Trial, names: &[String]) -> Value {
    let outcome = |outcome: &Outcome| {
        json!({
            "encoder": outcome.encoder,
            "training_images": outcome.training_images,
            "seconds": outcome.seconds,
            "validation_accuracy": outcome.validation.as_ref().map(Confusion::accuracy),
            "test": outcome.test.json(names),
        })
    };
    json!({ "labels_per_class": trial.labels, "seed": trial.seed, "outcomes": trial.outcomes.iter().map(outcome).collect::<Vec<_>>() })
}

fn tell(output: &Path, names: &[String], data: &str, summaries: &[Summary], shown: &Trial) -> Result<(), Error> {
    let outcome = &shown.outcomes[0];
    line(format_args!("{} test images of {data}\n", thousands(outcome.test.images())))?;
    let mut table = TextTable::new([
        ("labels a class", Align::Right),
        ("classified by", Align::Left),
        ("accuracy", Align::Right),
        ("macro F1", Align::Right),
        ("validation", Align::Right),
        ("seconds", Align::Right),
    ]);
    for Summary { labels, encoder, accuracy, macro_f1, validation, seconds } in summaries {
        let percent = |Mean { mean, deviation }: &Mean| match deviation {
            Some(deviation) => format!("{:.2} ± {:.2} %", 100.0 * mean, 100.0 * deviation),
            None => format!("{:.2} %", 100.0 * mean),
        };
        table.push([
            labels.map_or("all".to_owned(), |labels| labels.to_string()),
            encoder.clone(),
            percent(accuracy),
            percent(macro_f1),
            validation.as_ref().map(percent).unwrap_or_default(),
            format!("{:.1}", seconds.mean),
        ]);
    }
    line(table)?;
    line(format_args!(
        "\nby {}{}, seed {}\n",
        outcome.encoder,
        shown.labels.map_or(String::new(), |labels| format!(", {labels} labels a class")),
        shown.seed
    ))?;
    line(outcome.test.table(names))?;
    if names.len() <= 20 {
        line(format_args!("\n{}", outcome.test.matrix(names)))?;
    }
    line(format_args!("\nclassifier   {}", output.join(FILE).display()))?;
    line(format_args!("confusion    {}", output.join("confusion.png").display()))?;
    line(format_args!("predictions  {}", output.join("predictions.csv").display()))
}
