//! The loop: steps in submissions, epochs, evaluation, and the run directory that keeps what came of it.

mod evaluator;
mod pace;
mod reconstructor;
mod run;
mod run_directory;
mod steps;
mod trainer;
mod upload;

pub use evaluator::{Errors, Evaluator};
pub use reconstructor::{Reconstructions, Reconstructor};
pub use run::run;
pub use run_directory::{Destination, RunDirectory, TrainedModel};
pub use steps::Batches;
pub use trainer::{Advance, Trainer};
pub use upload::upload_images;
