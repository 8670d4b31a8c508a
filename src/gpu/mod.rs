//! The adapter and what it runs: devices, buffers, shaders, pipelines and dispatches. Knows no machine learning, only
//! which files shaders import.
//!
//! This is the only code that waits for the GPU.

mod adapter;
mod backends;
mod buffer;
pub mod completion;
mod device;
mod dispatch;
mod error;
mod feature;
mod first_run;
mod pipeline;
mod readback;
mod room;
pub mod shader;
mod tensor;
mod upload;

pub use adapter::{
    AdapterSummary, REQUIRED_INVOCATIONS, REQUIRED_STORAGE_BUFFERS, REQUIRED_WORKGROUP_STORAGE, Selection,
    available_adapters, select_adapter,
};
pub use device::Gpu;
pub use dispatch::{Commands, Dispatch, DispatchDescriptor, FinishedCommands, MAXIMUM_WORKGROUPS_PER_AXIS, Table};
pub use error::GpuError;
pub use feature::Feature;
pub use pipeline::{Binding, BindingKind, Field, Interface, Needs, Pipeline, Scalar, ShaderScalar, StructLayout};
pub use readback::{PendingReadback, PendingSnapshot, Snapshot, Staging};
pub use shader::Variant;
pub use tensor::{Element, GuardedElements, PART_ALIGNMENT, Tensor};
pub use upload::UploadBuffer;
