//! Whether a network's training fits, before anything is allocated for it.

use crate::gpu::{Gpu, GpuError};
use crate::model::{Network, ParameterShape, TrainingState};
use crate::reference::Moments;

/// Refuses a network of which a tensor is too large for the adapter, or all that a training has of it for the memory.
///
/// # Errors
/// Names what does not fit, the bytes that it needs, and those that there are.
pub fn refuse_too_large(gpu: &Gpu, network: &Network, moments: Moments) -> Result<(), GpuError> {
    let bytes = |shape: &ParameterShape| 4 * shape.rows as u64 * shape.columns as u64;
    let shapes = network.parameter_shapes();
    for shape in &shapes {
        gpu.refuse_too_large(&shape.name, bytes(shape))?;
    }
    let names = TrainingState::names(network, moments);
    let state = names.iter().map(|(_, shape)| bytes(shape)).fold(0, u64::saturating_add);
    let gradients = shapes.iter().filter(|shape| shape.kind.is_learned()).map(bytes).fold(0, u64::saturating_add);
    // The host begins with the whole state, and the device adds the gradients.
    gpu.refuse_without_room("the network with its gradients and moments", state, state.saturating_add(gradients))
}
