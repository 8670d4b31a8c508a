//! The command line: parse, run, exit code. A file for each subcommand, and some for what they share.

mod adapters;
mod arguments;
mod bench;
mod classify;
mod compress;
mod decode;
mod decompress;
mod denoise;
mod detect;
mod encode;
mod evaluate;
mod events;
mod found;
mod image_files;
mod interpolate;
mod noise;
mod output;
mod plot;
mod predict;
mod presets;
mod preview;
mod reconstruct;
mod refusals;
mod run_arguments;
mod sample;
mod train;
mod tune;
mod usage;
mod verify;

use crate::error::Error;
use arguments::{AdapterChoice, GpuArguments, MemoryArguments};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use output::complaint;
use run_arguments::RunArguments;
use std::process::ExitCode;

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
        Err(error) => return usage::explain(&error),
    };
    match events::show_events(cli.command.is_quiet()).and_then(|()| run(&cli.command)) {
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
