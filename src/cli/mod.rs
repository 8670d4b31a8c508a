//! The command line: parse, run, exit code. One file for each subcommand.

mod adapters;
mod evaluate;
mod output;
mod reconstruct;
mod train;

use crate::error::Error;
use crate::gpu::{Gpu, select_adapter};
use clap::{Args, Parser, Subcommand};
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
5 data, run or file missing or bad.
Environment: DIABOLO_ADAPTER (as --adapter), DIABOLO_DATA (a folder of data sets), DIABOLO_MIRROR (where to fetch them), \
WGPU_BACKEND (for example vulkan), DIABOLO_LOG (for example wgpu=info).";

#[derive(Subcommand)]
enum Command {
    Adapters(adapters::Arguments),
    Train(train::Arguments),
    Evaluate(evaluate::Arguments),
    Reconstruct(reconstruct::Arguments),
}

/// Which adapter to work on.
#[derive(Args)]
struct AdapterArguments {
    /// Index, backend or part of the name of an adapter, as 'diabolo adapters' lists them
    #[arg(long, value_name = "ADAPTER", env = "DIABOLO_ADAPTER")]
    adapter: Option<String>,
}

impl AdapterArguments {
    fn open(&self) -> Result<Gpu, Error> {
        Ok(Gpu::open(&select_adapter(self.adapter.as_deref())?)?)
    }
}

/// Runs the command that the arguments ask for.
pub fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("DIABOLO_LOG").unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let result = match Cli::parse().command {
        Command::Adapters(arguments) => adapters::run(&arguments),
        Command::Train(arguments) => train::run(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Reconstruct(arguments) => reconstruct::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("diabolo: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
