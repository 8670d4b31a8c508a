//! What may end a command, and the exit code that says so.

use crate::config::ConfigError;
use crate::data::DataError;
use crate::gpu::GpuError;
use crate::report::ReportError;

/// The exit code of a process that a signal ends.
pub const INTERRUPTED: u8 = 130;

/// A command's failure: one plain line, and an exit code.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A wish that cannot be met.
    #[error("{0}")]
    Usage(String),
    #[error("the training diverged: {what} at step {step} (epoch {epoch}) with learning rate {learning_rate}{advice}")]
    Diverged {
        what: String,
        step: u64,
        epoch: u32,
        learning_rate: f64,
        /// What whoever has ended the training by it can do; nothing where it goes on.
        advice: &'static str,
    },
    #[error(
        "the classifier's training diverged: {what} at step {step} (epoch {epoch}) with learning rate {learning_rate}; try a smaller one"
    )]
    ClassifierDiverged { what: String, step: u64, epoch: u32, learning_rate: f64 },
    /// The user or the system wants the training to stop. What it had is saved.
    #[error(
        "interrupted after step {step} (epoch {epoch}), which is saved: go on with diabolo train --resume --out {run}"
    )]
    Interrupted { run: String, step: u64, epoch: u32 },
    #[error("{}{}", .0, advice(.0))]
    Gpu(#[from] GpuError),
    #[error(transparent)]
    Data(#[from] DataError),
    /// A run directory that is missing, incomplete or damaged.
    #[error("{0}")]
    Run(String),
    #[error(transparent)]
    Report(#[from] ReportError),
    /// An adapter does not compute what it should.
    #[error("{adapters} failed; the same inputs again: --seed {seed}")]
    Verification { adapters: String, seed: u64 },
}

/// What helps against a fault, where the caller can do something.
fn advice(error: &GpuError) -> &'static str {
    match error {
        GpuError::TooLarge { .. } | GpuError::NoRoom { .. } => {
            ": use smaller images, smaller layers, or a smaller --batch"
        }
        GpuError::OutOfMemory { .. } | GpuError::MemoryExhausted { .. } => {
            ": use a smaller --gpu-memory, smaller layers, or a smaller --batch"
        }
        GpuError::TooManyWorkgroups { .. } => ": use smaller images or smaller layers",
        GpuError::Timeout { .. } => ": use a smaller --batch or another --adapter",
        _ => "",
    }
}

impl Error {
    /// 1 a check failed, 2 usage or configuration, 3 diverged, 4 adapter, 5 data, run or files, 130 a training was
    /// interrupted, after saving if it had begun.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Verification { .. } => 1,
            // An adapter that is not there is a fault of the machine; a wrong name for one, or for a backend, is a fault of the command.
            Self::Gpu(
                GpuError::UnknownAdapter { .. } | GpuError::AmbiguousAdapter { .. } | GpuError::UnknownBackend { .. },
            ) => 2,
            Self::Data(
                DataError::UnexpectedOption { .. }
                | DataError::GlyphsSeed { .. }
                | DataError::UnknownSplit { .. }
                | DataError::UnknownClass { .. }
                | DataError::LimitedTwice { .. },
            ) => 2,
            Self::Config(_) | Self::Usage(_) => 2,
            Self::Diverged { .. } | Self::ClassifierDiverged { .. } => 3,
            Self::Interrupted { .. } => INTERRUPTED,
            Self::Gpu(_) => 4,
            Self::Data(_) | Self::Run(_) | Self::Report(_) => 5,
        }
    }
}
