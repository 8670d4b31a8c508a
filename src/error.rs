//! What may end a command, and the exit code that says so.

use crate::config::ConfigError;
use crate::data::DataError;
use crate::gpu::GpuError;
use crate::report::ReportError;

/// A command's failure: one plain line, and an exit code.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A wish that cannot be met.
    #[error("{0}")]
    Usage(String),
    #[error(
        "the loss is {loss} at step {step} (epoch {epoch}) with learning rate {learning_rate}: try a smaller --set optimizer.learning_rate=…"
    )]
    Diverged { loss: f32, step: u64, epoch: u32, learning_rate: f64 },
    #[error(transparent)]
    Gpu(#[from] GpuError),
    #[error(transparent)]
    Data(#[from] DataError),
    /// A run directory that is missing, incomplete or damaged.
    #[error("{0}")]
    Run(String),
    #[error(transparent)]
    Report(#[from] ReportError),
}

impl Error {
    /// 2 usage or configuration, 3 diverged, 4 adapter, 5 data, run or files.
    pub fn exit_code(&self) -> u8 {
        match self {
            // An adapter that is not there is a fault of the machine; a wrong name for one is a fault of the command.
            Self::Gpu(GpuError::UnknownAdapter { .. } | GpuError::AmbiguousAdapter { .. }) => 2,
            Self::Data(
                DataError::UnexpectedOption { .. } | DataError::GlyphsSeed { .. } | DataError::UnknownSplit { .. },
            ) => 2,
            Self::Config(_) | Self::Usage(_) => 2,
            Self::Diverged { .. } => 3,
            Self::Gpu(_) => 4,
            Self::Data(_) | Self::Run(_) | Self::Report(_) => 5,
        }
    }
}
