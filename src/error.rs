//! What may end a command, what helps against it, and the exit code that says so.

use crate::config::ConfigError;
use crate::data::DataError;
use crate::gpu::GpuError;
use crate::report::ReportError;
use std::fmt::Display;
use std::path::Path;

/// The exit code of a process that a signal ends.
pub const INTERRUPTED: u8 = 130;

/// A command's failure: one plain line, and an exit code.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message describes its variant and fields")]
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
        "interrupted after step {step} (epoch {epoch}), which is saved: go on with diabolo train --resume --output {run}"
    )]
    Interrupted { run: String, step: u64, epoch: u32 },
    /// A run was ended by what may be over the next time, and it has a checkpoint.
    #[error(
        "{}; go on from the newest checkpoint with diabolo train --resume --output {run}{}",
        without_advice(.cause),
        advice_to_resume(.cause)
    )]
    Unfinished { cause: Box<Self>, run: String },
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

/// What helps against a fault, where its own words do not say so.
fn advice(error: &GpuError) -> &'static str {
    match error {
        GpuError::NoAdapter { .. }
        | GpuError::UnknownBackend { .. }
        | GpuError::UnknownAdapter { .. }
        | GpuError::AmbiguousAdapter { .. } => "",
        GpuError::NoDevice { .. } => "; try another one with --adapter (see 'diabolo adapters')",
        GpuError::TooLarge { .. } | GpuError::NoRoom { .. } => {
            ": use smaller images, smaller layers, or a smaller --batch"
        }
        GpuError::OutOfMemory { .. } | GpuError::MemoryExhausted { .. } => {
            ": use a smaller --gpu-memory, smaller layers, or a smaller --batch"
        }
        GpuError::TooManyWorkgroups { .. } => ": use smaller images or smaller layers",
        GpuError::Timeout { .. } => ": use a smaller --batch or another --adapter",
        GpuError::Lost { .. } | GpuError::Refused { .. } => ": use another --adapter, or a newer driver for this one",
        GpuError::NotPlaced { .. } | GpuError::Shader { .. } => {
            ": this is a mistake of diabolo's; report it with this line"
        }
    }
}

/// The words of what ended a run. What else helps against it would make it another run.
fn without_advice(cause: &Error) -> String {
    match cause {
        Error::Gpu(fault) => fault.to_string(),
        other => other.to_string(),
    }
}

/// What may be otherwise when a run goes on.
fn advice_to_resume(cause: &Error) -> &'static str {
    match cause {
        Error::Gpu(GpuError::OutOfMemory { .. } | GpuError::MemoryExhausted { .. }) => {
            ", and with a smaller --gpu-memory or another --adapter"
        }
        Error::Gpu(_) => ", if it happens again with another --adapter",
        _ => "",
    }
}

impl Error {
    /// A file of a model or a classifier cannot be used, for a reason that is told of it.
    pub(crate) fn of_model_file(path: &Path, reason: impl Display) -> Self {
        Self::Run(format!("{} {reason}: put the whole file back, or train anew", path.display()))
    }

    /// What ended the run in a directory, with how to go on if it has a checkpoint and going on may help.
    pub(crate) fn of_run(self, run: &Path, has_checkpoint: bool) -> Self {
        let may_be_over = match &self {
            Self::Gpu(fault) => {
                let is_out_of_memory = matches!(fault, GpuError::OutOfMemory { .. } | GpuError::MemoryExhausted { .. });
                fault.ends_the_device() || is_out_of_memory || matches!(fault, GpuError::NoDevice { .. })
            }
            Self::Report(ReportError::Write { .. } | ReportError::Remove { .. }) => true,
            _ => false,
        };
        if has_checkpoint && may_be_over {
            Self::Unfinished { cause: Box::new(self), run: run.display().to_string() }
        } else {
            self
        }
    }

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
            Self::Unfinished { cause, .. } => cause.exit_code(),
            Self::Gpu(_) => 4,
            Self::Data(_) | Self::Run(_) | Self::Report(_) => 5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, ErrorKind};

    fn lost() -> Error {
        GpuError::Lost { adapter: "GPU".into(), reason: "gone".into() }.into()
    }

    fn exhausted() -> Error {
        GpuError::MemoryExhausted { adapter: "GPU".into(), reason: "full".into() }.into()
    }

    fn missing() -> Error {
        GpuError::NoDevice { adapter: "GPU".into(), reason: "gone".into() }.into()
    }

    fn refused() -> Error {
        GpuError::Refused { label: "a shader".into(), adapter: "GPU".into(), reason: "too long".into() }.into()
    }

    fn disk_full() -> Error {
        ReportError::Write { path: "best".into(), cause: io::Error::new(ErrorKind::StorageFull, "full") }.into()
    }

    #[test]
    fn what_an_adapter_does_is_told_with_what_to_do() {
        let shader = GpuError::Shader { shader: "copy".into(), reason: "no".into() };
        for (error, told) in [
            (lost(), "GPU was lost: gone: use another --adapter, or a newer driver for this one"),
            (
                refused(),
                "the driver of GPU refused a shader: too long: use another --adapter, or a newer driver for this one",
            ),
            (shader.into(), "shader copy is not valid: no: this is a mistake of diabolo's; report it with this line"),
        ] {
            assert_eq!((error.to_string().as_str(), error.exit_code()), (told, 4));
        }
    }

    #[test]
    fn a_run_with_a_checkpoint_is_told_to_go_on_where_that_may_help() {
        let of_run = |error: Error, has_checkpoint| error.of_run(Path::new("runs/1"), has_checkpoint);
        let go_on = "; go on from the newest checkpoint with diabolo train --resume --output runs/1";
        for (error, code, told) in [
            (
                lost as fn() -> Error,
                4,
                format!("GPU was lost: gone{go_on}, if it happens again with another --adapter"),
            ),
            (
                exhausted,
                4,
                format!("GPU ran out of memory: full{go_on}, and with a smaller --gpu-memory or another --adapter"),
            ),
            (
                missing,
                4,
                format!("adapter GPU gave no device: gone{go_on}, if it happens again with another --adapter"),
            ),
            (disk_full, 5, format!("cannot write best: full; make room there{go_on}")),
        ] {
            let unfinished = of_run(error(), true);
            assert_eq!((unfinished.to_string(), unfinished.exit_code()), (told, code));
            assert_eq!(of_run(error(), false).to_string(), error().to_string());
        }
        // What would come again.
        for error in [
            refused as fn() -> Error,
            || Error::Run("the newest checkpoint is damaged".into()),
            || Error::Usage("no".into()),
            || Error::Diverged { what: "x".into(), step: 1, epoch: 1, learning_rate: 1.0, advice: "" },
        ] {
            assert_eq!(of_run(error(), true).to_string(), error().to_string());
        }
    }
}
