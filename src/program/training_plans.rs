//! Which plans a training has. One whose gradient is clipped needs all of it before the first parameter changes: it is not fused, since a
//! fused step updates by each part of the gradient as soon as that is there.

use super::Plan;
use crate::gpu::Gpu;
use crate::model::Network;
use crate::reference::Optimizer;

impl Plan {
    /// The one that suits an adapter, a network and its optimizer.
    pub fn of_training(gpu: &Gpu, network: &Network, optimizer: &Optimizer) -> Self {
        let plan = Self::of(gpu, network);
        Self { fused: plan.fused.filter(|_| !optimizer.clips()), ..plan }
    }

    /// All that an adapter can run of a network's training by an optimizer.
    pub fn available_for(gpu: &Gpu, network: &Network, batch_size: usize, optimizer: &Optimizer) -> Vec<Self> {
        let mut plans = Self::available(gpu, network, batch_size);
        plans.retain(|plan| plan.fused.is_none() || !optimizer.clips());
        plans
    }
}
