//! The pure description of a model: its layers, its parameters, how they start and how they are stored. Host types only.

mod additions;
mod checkpoint;
mod file;
mod initialize;
mod network;
mod parameters;
mod shapes;
mod state;

pub use additions::Additions;
pub use checkpoint::{CheckpointError, CheckpointHeader, write_checkpoint};
pub use file::{ModelFile, ModelFileError, parameters_of, to_safetensors};
pub use initialize::{Initialization, glorot_uniform, initial_parameters};
pub use network::{Dense, Layer, Network};
pub use parameters::{ParameterTensor, Parameters};
pub use shapes::{ParameterKind, ParameterShape};
pub use state::TrainingState;
