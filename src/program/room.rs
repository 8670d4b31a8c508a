//! Whether a network's training fits, before anything is allocated for it.

use crate::gpu::{Gpu, GpuError};
use crate::model::Network;
use crate::reference::Moments;

/// Refuses a network of which a tensor is too large for the adapter, or all that a training has of it for the memory.
///
/// # Errors
/// Names what does not fit, the bytes that it needs, and those that there are.
pub fn refuse_too_large(gpu: &Gpu, network: &Network, moments: Moments) -> Result<(), GpuError> {
    for shape in network.parameter_shapes() {
        gpu.refuse_too_large(&shape.name, 4 * shape.rows as u64 * shape.columns as u64)?;
    }
    let elements = network.parameter_shapes().into_iter().map(|shape| shape.rows as u64 * shape.columns as u64);
    let parameters = 4 * elements.sum::<u64>();
    let state = parameters.saturating_mul(1 + u64::from(moments.first) + u64::from(moments.second));
    // The host begins with the whole state, and the device adds the gradients.
    gpu.refuse_without_room("the network with its gradients and moments", state, state.saturating_add(parameters))
}
