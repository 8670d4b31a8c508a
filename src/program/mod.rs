//! From a network to a recorded program: lowered once to operations over named tensors, placed in buffers, bound to kernels.
//!
//! [`lower`] knows the mathematics, [`Memory`] the buffers, [`Program`] the kernels; `train/` only replays the result.

mod fused;
mod graph;
pub mod lower;
mod memory;
mod plan;
mod record;
mod room;

pub use fused::FusedLayout;
pub use graph::{DrawGradients, Graph, MomentTensors, Operation, Part, TensorId, TensorShape};
pub use memory::Memory;
pub use plan::Plan;
pub use record::Program;
pub use room::refuse_too_large;
