//! `diabolo tune`: the fastest way for an adapter to train a network.

use super::output::line;
use super::refusals::{Input, check_outputs};
use super::{GpuArguments, MemoryArguments};
use crate::config::Config;
use crate::data::Split;
use crate::error::Error;
use crate::report::checklist::Checklist;
use crate::report::files::write_atomically;
use crate::report::table::{Align, TextTable, thousands};
use crate::tune::{Cache, Finding, Tuner, Tuning};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Find the fastest plan for a training on an adapter, anew, and keep it for the trainings to come
#[derive(Args)]
pub struct Arguments {
    /// A preset, as 'diabolo presets' lists them, or a file of your own in the same language (….toml)
    #[arg(default_value = "dense", value_name = "PRESET|FILE.toml")]
    preset: String,
    /// Images of the size to train on, as 'diabolo train' takes them
    #[arg(long)]
    data: Option<String>,
    /// Images in a step, or all training images where there are fewer
    #[arg(long)]
    batch: Option<usize>,
    /// Replace any value of the configuration
    #[arg(long = "set", value_name = "KEY=VALUE")]
    assignments: Vec<String>,
    /// Write what was found to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    memory: MemoryArguments,
    #[command(flatten)]
    gpu: GpuArguments,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let config = configuration(arguments)?;
    let inputs = [Input::File(Path::new(&arguments.preset)), Input::Data(&config.data)];
    check_outputs(arguments.json.as_deref(), &inputs)?;
    let gpu = arguments.gpu.open()?;
    let dataset = arguments.memory.load_to_train(&config.data)?;
    let config = config.fitted_to(dataset.split(Split::Train)?.len(), None)?;
    line(format_args!("adapter  {}", gpu.adapter().described()))?;
    line(format_args!(
        "network  {}, batches of {}\n",
        config.network(dataset.shape().pixels()),
        config.training.batch_size
    ))?;
    let tuner = Tuner::new(&gpu, &config, dataset.split(Split::Train)?)?;
    let checklist = Checklist::new();
    let tuning = tuner.measure(&Cache::of_user(), |done, of, next| checklist.advance(done, of, next))?;
    checklist.finish();
    line(table(&tuning, config.training.batch_size))?;
    if let Some(path) = &arguments.json {
        let found = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "adapter": gpu.adapter(),
            "batch_size": config.training.batch_size,
            "plan": tuning.plan.name(),
            "candidates": tuning.candidates,
        });
        write_atomically(path, format!("{found:#}\n").as_bytes())?;
    }
    Ok(())
}

fn configuration(arguments: &Arguments) -> Result<Config, Error> {
    let mut config = Config::load(&arguments.preset, &arguments.assignments)?;
    if let Some(source) = &arguments.data {
        config.data.source.clone_from(source);
    }
    config.training.batch_size = arguments.batch.unwrap_or(config.training.batch_size);
    config.validate()?;
    Ok(config)
}

fn table(tuning: &Tuning, batch_size: usize) -> TextTable<4> {
    let mut table = TextTable::new([
        ("plan", Align::Left),
        ("µs a step", Align::Right),
        ("images/s", Align::Right),
        ("", Align::Left),
    ]);
    for candidate in &tuning.candidates {
        let is_chosen = candidate.plan == tuning.plan.name();
        let (time, rate, words) = match &candidate.finding {
            Finding::StepSeconds(seconds) => (
                format!("{:.0}", seconds * 1e6),
                thousands((batch_size as f64 / seconds) as u64),
                if is_chosen { "chosen".to_owned() } else { String::new() },
            ),
            Finding::Unfit(words) => (String::new(), String::new(), format!("unfit here: {words}")),
            Finding::Untried => (String::new(), String::new(), "no time was left to try it".to_owned()),
        };
        table.push([candidate.plan.clone(), time, rate, words]);
    }
    table
}
