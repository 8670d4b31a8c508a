//! The command line: parse, run, exit code. One file for each subcommand.

mod adapters;
mod bench;
mod classify;
mod compress;
mod decode;
mod decompress;
mod denoise;
mod detect;
mod encode;
mod evaluate;
mod interpolate;
mod noise;
mod output;
mod plot;
mod predict;
mod presets;
mod preview;
mod reconstruct;
mod sample;
mod train;
mod tune;
mod verify;

use crate::config::DataConfig;
use crate::data::{DEFAULT_MAX_MEMORY, Dataset, ImageShape, Split};
use crate::error::Error;
use crate::gpu::{Gpu, Selection, available_adapters, select_adapter};
use crate::tasks::decode::image_shape;
use crate::tasks::evaluate::refuse_other_sizes;
use crate::train::{RunDirectory, TrainedModel};
use bytesize::ByteSize;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use output::{Input, check_outputs, complaint};
use std::error::Error as _;
use std::num::{IntErrorKind, ParseFloatError, ParseIntError};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Train autoencoders for images entirely on the GPU you have.
#[derive(Parser)]
#[command(version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 a check failed, 2 usage or configuration, 3 the training diverged, 4 no adapter, adapter lost or out of memory, \
5 data, run or file missing or bad, 130 train was interrupted, after saving if it had begun to train.
Environment: DIABOLO_ADAPTER (as --adapter), DIABOLO_DATA (a folder of data sets), DIABOLO_MIRROR (where to fetch them), \
WGPU_BACKEND (for example vulkan), DIABOLO_LOG (for example wgpu=info).";

/// The exit code of a mistake in usage or configuration.
const USAGE: u8 = 2;

#[derive(Subcommand)]
enum Command {
    Adapters(adapters::Arguments),
    Verify(verify::Arguments),
    Bench(bench::Arguments),
    Presets(presets::Arguments),
    Preview(preview::Arguments),
    Train(train::Arguments),
    Tune(tune::Arguments),
    Evaluate(evaluate::Arguments),
    Reconstruct(reconstruct::Arguments),
    Encode(encode::Arguments),
    Decode(decode::Arguments),
    Plot(plot::Arguments),
    Classify(classify::Arguments),
    Predict(predict::Arguments),
    Compress(compress::Arguments),
    Decompress(decompress::Arguments),
    Denoise(denoise::Arguments),
    Detect(detect::Arguments),
    Sample(sample::Arguments),
    Interpolate(interpolate::Arguments),
}

/// Which adapter to work on.
#[derive(Args)]
struct AdapterArguments {
    /// Index, backend or part of the name of an adapter, as 'diabolo adapters' lists them: a number of one or two digits is an index. The
    /// first one if left out or empty
    #[arg(long, value_name = "ADAPTER", env = "DIABOLO_ADAPTER")]
    adapter: Option<String>,
}

impl AdapterArguments {
    fn select(&self) -> Result<Selection, Error> {
        Ok(select_adapter(self.adapter.as_deref())?)
    }
}

/// The adapter to work on, and how much of its memory data may take.
#[derive(Args)]
struct GpuArguments {
    #[command(flatten)]
    adapter: AdapterArguments,
    /// The most GPU memory for a set of images, training and test images each, for example 512MB or 2GiB: larger sets are streamed. As
    /// much as the adapter binds at once if left out
    #[arg(long, value_name = "SIZE", value_parser = size)]
    gpu_memory: Option<ByteSize>,
}

impl GpuArguments {
    fn open(&self) -> Result<Gpu, Error> {
        let gpu = Gpu::open(&self.adapter.select()?)?;
        Ok(match self.gpu_memory {
            Some(memory) => gpu.with_data_memory(memory.as_u64()),
            None => gpu,
        })
    }
}

fn size(text: &str) -> Result<ByteSize, &'static str> {
    text.parse().map_err(|_| "a size is a number of bytes or of units, as in 512MB or 2GiB")
}

/// One adapter or all of them.
#[derive(Args)]
struct AdapterChoice {
    #[command(flatten)]
    one: AdapterArguments,
    /// Take every adapter of this machine, whatever --adapter says
    #[arg(long)]
    all: bool,
}

impl AdapterChoice {
    /// Does the work on each adapter that is chosen. Of several, one that fails does not hinder the others: what hindered it is the
    /// second result, the last of several such, all others having been told.
    fn each<T>(&self, work: impl Fn(&Selection) -> Result<T, Error>) -> Result<(Vec<T>, Result<(), Error>), Error> {
        let selections = if self.all { available_adapters()? } else { vec![self.one.select()?] };
        let mut done = Vec::new();
        let mut hindered = Ok(());
        for selection in &selections {
            match work(selection) {
                Ok(result) => done.push(result),
                Err(error) => {
                    if let Err(earlier) = std::mem::replace(&mut hindered, Err(error)) {
                        complaint(&earlier);
                    }
                }
            }
        }
        Ok((done, hindered))
    }
}

/// How much memory the images may take.
#[derive(Args)]
struct MemoryArguments {
    /// The most memory that the images may take on the host, as 500MB or 16GiB
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize::b(DEFAULT_MAX_MEMORY), value_parser = size)]
    max_memory: ByteSize,
}

impl MemoryArguments {
    fn load(&self, data: &DataConfig) -> Result<Dataset, Error> {
        Ok(data.load(self.max_memory.as_u64())?)
    }

    /// The same with the weights of the images to train on, if they have some.
    fn load_to_train(&self, data: &DataConfig) -> Result<Dataset, Error> {
        Ok(data.load_to_train(self.max_memory.as_u64())?)
    }
}

/// The model of a run and the SHA-256 of its file, for a command that reads these inputs too and writes these outputs.
///
/// # Errors
/// The run has no model, or an output would replace an input, a part of the run, or of what it was trained on.
fn open_model(run: &Path, inputs: &[Input<'_>], outputs: &[&Path]) -> Result<(TrainedModel, String), Error> {
    check_outputs(outputs.iter().copied(), &[&[Input::Run(run)], inputs].concat())?;
    let (model, digest) = RunDirectory::open(run)?.load_model_and_digest()?;
    check_outputs(outputs.iter().copied(), &[Input::Data(&model.config.data)])?;
    Ok((model, digest))
}

/// A trained model and the images to put through it.
#[derive(Args)]
struct RunArguments {
    /// The run directory
    run: PathBuf,
    /// Where the images come from, of all classes; what the run was trained on if left out
    #[arg(long)]
    data: Option<String>,
    /// Their split: train or test
    #[arg(long, default_value = "test")]
    split: Split,
    /// Replace a value of the run's [data], for example data.test_share=1 to take all images
    #[arg(long = "set", value_name = "KEY=VALUE")]
    assignments: Vec<String>,
    #[command(flatten)]
    memory: MemoryArguments,
    #[command(flatten)]
    gpu: GpuArguments,
}

impl RunArguments {
    /// The model, the GPU and the images, for a command that writes these files.
    fn load(&self, outputs: &[&Path]) -> Result<(TrainedModel, Gpu, Dataset), Error> {
        let model = self.model(outputs)?;
        let gpu = self.gpu.open()?;
        let dataset = self.memory.load(&model.config.data)?;
        Ok((model, gpu, dataset))
    }

    /// The shape of the model's images, for what needs no more of them: where nothing else is asked for than what the run was trained on, that
    /// need not be there any more, if the model tells its shape.
    ///
    /// # Errors
    /// The images have another size than the model's, or are not there and the model does not tell.
    fn shape(&self, model: &TrainedModel) -> Result<ImageShape, Error> {
        let size = model.config.data.load_options(0).preparation.size;
        let by_model = || image_shape(model, size);
        if self.data.is_none() && !model.config.data.size.is_empty() {
            return by_model();
        }
        match self.memory.load(&model.config.data) {
            Ok(dataset) => {
                refuse_other_sizes(model, dataset.train())?;
                Ok(dataset.shape())
            }
            Err(error) if self.data.is_some() => Err(error),
            Err(error) => {
                let Ok(shape) = by_model() else { return Err(error) };
                tracing::info!("{error}; without it, the images are taken to be {shape}");
                Ok(shape)
            }
        }
    }

    /// The model, its configuration telling the images to put through it. None of the files that a command writes may be a part of these,
    /// either.
    fn model(&self, outputs: &[&Path]) -> Result<TrainedModel, Error> {
        Ok(self.model_and_digest(outputs)?.0)
    }

    /// The same with the SHA-256 of the model's file.
    fn model_and_digest(&self, outputs: &[&Path]) -> Result<(TrainedModel, String), Error> {
        let (mut model, digest) = open_model(&self.run, &[], outputs)?;
        if let Some(source) = &self.data {
            model.config.data = model.config.data.of_source(source);
        }
        model.config = model.config.with_data(&self.assignments)?;
        model.config.validate()?;
        check_outputs(outputs.iter().copied(), &[Input::Data(&model.config.data)])?;
        Ok((model, digest))
    }

    /// What the run was trained on.
    fn trained_on(&self) -> Result<DataConfig, Error> {
        Ok(RunDirectory::open(&self.run)?.load_model()?.config.data)
    }
}

impl Command {
    fn is_quiet(&self) -> bool {
        matches!(self, Self::Train(arguments) if arguments.quiet)
    }
}

/// Runs the command that the arguments ask for.
pub fn main() -> ExitCode {
    // A number below 0 is a value, which the option can refuse, and no option of its own.
    let command = Cli::command().mut_subcommands(|command| {
        command.mut_args(|argument| {
            let takes_negative = argument.get_action().takes_values() && !argument.is_positional();
            argument.allow_negative_numbers(takes_negative)
        })
    });
    let parsed = command.try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    match show_events(cli.command.is_quiet()).and_then(|()| run(&cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complaint(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(command: &Command) -> Result<(), Error> {
    match command {
        Command::Adapters(arguments) => adapters::run(arguments),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Bench(arguments) => bench::run(arguments),
        Command::Presets(arguments) => presets::run(arguments),
        Command::Preview(arguments) => preview::run(arguments),
        Command::Train(arguments) => train::run(arguments),
        Command::Tune(arguments) => tune::run(arguments),
        Command::Evaluate(arguments) => evaluate::run(arguments),
        Command::Reconstruct(arguments) => reconstruct::run(arguments),
        Command::Encode(arguments) => encode::run(arguments),
        Command::Decode(arguments) => decode::run(arguments),
        Command::Plot(arguments) => plot::run(arguments),
        Command::Classify(arguments) => classify::run(arguments),
        Command::Predict(arguments) => predict::run(arguments),
        Command::Compress(arguments) => compress::run(arguments),
        Command::Decompress(arguments) => decompress::run(arguments),
        Command::Denoise(arguments) => denoise::run(arguments),
        Command::Detect(arguments) => detect::run(arguments),
        Command::Sample(arguments) => sample::run(arguments),
        Command::Interpolate(arguments) => interpolate::run(arguments),
    }
}

/// Help and version as they are; a mistake as one line with its remedy.
fn explain(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // A reader that has gone away is no error.
        let _ = error.print();
        return ExitCode::from(error.exit_code() as u8);
    }
    let rendered = error.render().to_string();
    let words = rendered.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("Usage:"));
    let message = words.collect::<Vec<_>>().join(" ").replace("For more information, try '--help'.", "(see --help)");
    let message = in_plain_words(error, message);
    complaint(message.strip_prefix("error: ").unwrap_or(&message));
    ExitCode::from(USAGE)
}

/// The message with what the standard library says of a number put so that it tells what to give.
fn in_plain_words(error: &clap::Error, message: String) -> String {
    let Some(cause) = error.source() else { return message };
    let plain = if let Some(cause) = cause.downcast_ref::<ParseIntError>() {
        match cause.kind() {
            IntErrorKind::PosOverflow => "it is larger than can be",
            IntErrorKind::NegOverflow => "it is smaller than can be",
            _ => "it must be a whole number without sign, as in 10",
        }
    } else if cause.is::<ParseFloatError>() {
        "it must be a number, as in 0.1"
    } else {
        return message;
    };
    message.replace(&cause.to_string(), plain)
}

/// What the library has to say while it works, such as that it fetches data, goes to the standard error stream.
fn show_events(quiet: bool) -> Result<(), Error> {
    let filter = match std::env::var("DIABOLO_LOG") {
        Ok(wanted) => EnvFilter::try_new(&wanted)
            .map_err(|error| Error::Usage(format!("DIABOLO_LOG={wanted} is no filter: {error}")))?,
        Err(_) => EnvFilter::new(if quiet { "off" } else { "diabolo=info" }),
    };
    let events = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    events.without_time().with_level(false).with_target(false).init();
    Ok(())
}
