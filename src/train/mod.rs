//! The loop: images loaded and steps run in submissions, epochs, evaluation, checkpoints, and the run directory that keeps what came of it.

mod bound;
mod checkpoint;
mod checkpoints;
mod choice;
mod classifier;
mod evaluator;
pub mod history;
mod inference;
mod keeper;
mod loader;
mod pace;
mod pass;
mod reconstructor;
mod run;
mod run_directory;
mod session;
mod stage;
mod start;
mod steps;
mod submissions;
mod trainer;

pub use bound::negative_bound;
pub use checkpoint::{Best, Checkpoint, Position, Standing};
pub use checkpoints::{Checkpoints, Saver};
pub use classifier::{ClassifierSettings, ClassifierTrainer, batch_size_of, labels_below, refuse_small_batches};
pub use evaluator::{Errors, Evaluator};
pub use inference::{Alteration, Inference};
pub use loader::Loader;
pub use pass::Companion;
pub use reconstructor::{Reconstructions, Reconstructor};
pub use run::{Manner, OnDivergence, run};
pub use run_directory::{Destination, RunDirectory, TrainedModel};
pub use stage::Stage;
pub use steps::Batches;
pub use submissions::{Attendant, Results, Submissions};
pub use trainer::{Advance, Trainer};
