//! How a network is trained on an adapter.

use super::FusedLayout;
use crate::gpu::Gpu;
use crate::kernels::matmul::Schedule;
use crate::kernels::propagate::Tile;
use crate::model::Network;

/// The most parameters of a network that is fused without having been measured: each tile of a batch reads them all.
const MOST_FUSED_PARAMETERS: usize = 1 << 19;

/// What a step is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// For the matrix products of what is not fused.
    pub products: Schedule,
    /// Two dispatches a step, a workgroup taking such a tile of the batch through the whole network; otherwise several for each layer.
    pub fused: Option<Tile>,
}

impl Plan {
    /// The one that suits an adapter and a network.
    pub fn of(gpu: &Gpu, network: &Network) -> Self {
        let products = Schedule::of(gpu);
        let tile = match products {
            Schedule::Tiled => Some(Tile::Workgroup),
            Schedule::Subgroup => Some(Tile::Subgroup),
            Schedule::Direct => None,
        };
        Self { products, fused: tile.filter(|_| network.parameter_count() <= MOST_FUSED_PARAMETERS) }
    }

    /// All that an adapter can run of a network's training.
    pub fn available(gpu: &Gpu, network: &Network, batch_size: usize) -> Vec<Self> {
        let layered = Schedule::available(gpu).map(|products| Self { products, fused: None });
        let fused = Tile::available(gpu).map(|tile| Self { products: Schedule::of(gpu), fused: Some(tile) });
        layered.chain(fused.filter(|plan| plan.layout(gpu, network, batch_size).is_some())).collect()
    }

    /// For people.
    pub fn name(self) -> String {
        match self.fused {
            Some(tile) => format!("fused, {}", tile.name()),
            None => format!("layered, {} products", self.products.name()),
        }
    }

    /// Where everything of a fused step stands; none where each layer has operations of its own, as where the network is none that can be
    /// fused, or the adapter has no room for all of a batch in one tensor.
    pub fn layout(self, gpu: &Gpu, network: &Network, batch_size: usize) -> Option<FusedLayout> {
        let layout = FusedLayout::new(network, self.fused?, batch_size)?;
        (layout.largest_bytes() <= gpu.largest_tensor()).then_some(layout)
    }
}
