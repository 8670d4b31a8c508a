//! The loop: images loaded and steps run in submissions, epochs, evaluation, and the run directory that keeps what came of it.

mod evaluator;
mod loader;
mod pace;
mod reconstructor;
mod run;
mod run_directory;
mod steps;
mod submissions;
mod trainer;

pub use evaluator::{Errors, Evaluator};
pub use loader::Loader;
pub use reconstructor::{Reconstructions, Reconstructor};
pub use run::run;
pub use run_directory::{Destination, RunDirectory, TrainedModel};
pub use steps::Batches;
pub use submissions::{Results, Submissions};
pub use trainer::{Advance, Trainer};
