//! From a network to a recorded program: lowered once to operations over named tensors, placed in buffers, bound to kernels.
//!
//! [`lower`] knows the mathematics, [`Memory`] the buffers, [`Program`] the kernels; `train/` only replays the result.

mod graph;
pub mod lower;
mod memory;
mod record;

pub use graph::{Graph, Operation, TensorId, TensorShape};
pub use memory::Memory;
pub use record::Program;
