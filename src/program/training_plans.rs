//! Which plans a training has: what a step does beside the gradient of its outputs' loss and the optimizer's update cannot be fused.

use super::Plan;
use crate::gpu::Gpu;
use crate::model::{Additions, Network};

impl Plan {
    /// The one that suits an adapter, a network and what is added to its training.
    pub fn of_training(gpu: &Gpu, network: &Network, additions: &Additions) -> Self {
        let plan = Self::of(gpu, network);
        Self { fused: plan.fused.filter(|_| additions.is_none()), ..plan }
    }

    /// All that an adapter can run of a network's training with these additions.
    pub fn available_for(gpu: &Gpu, network: &Network, batch_size: usize, additions: &Additions) -> Vec<Self> {
        let mut plans = Self::available(gpu, network, batch_size);
        plans.retain(|plan| plan.fused.is_none() || additions.is_none());
        plans
    }
}
