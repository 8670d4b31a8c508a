//! How a network is trained on an adapter.

use super::FusedLayout;
use crate::gpu::Gpu;
use crate::kernels::matmul::{Products, Schedule};
use crate::kernels::propagate::Tile;
use crate::model::{Additions, Dense, Network};

/// The most parameters of a network that is fused without having been measured: each tile of a batch reads them all.
const MOST_FUSED_PARAMETERS: usize = 1 << 19;

/// What a step is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// For the matrix products of what is not fused.
    pub products: Products,
    /// Two dispatches a step, a workgroup taking such a tile of the batch through the whole network; otherwise several for each layer.
    pub fused: Option<Tile>,
}

impl Plan {
    /// The one that suits an adapter, and a network's training with these additions.
    pub fn usual(gpu: &Gpu, network: &Network, batch_size: usize, additions: &Additions) -> Self {
        let products = Products::of(gpu);
        let tile = match products {
            Products::Tiled { .. } => Tile::Workgroup,
            Products::Subgroup => Tile::Subgroup,
            Products::Direct => return Self { products, fused: None },
        };
        let fused = Self { products, fused: Some(tile) };
        let is_fused = network.parameter_count() <= MOST_FUSED_PARAMETERS
            && tile.runs_on(gpu)
            && fused.can_train(gpu, network, batch_size, additions);
        if is_fused { fused } else { Self { fused: None, ..fused } }
    }

    /// All that an adapter can run of a network's training with these additions.
    pub fn available(gpu: &Gpu, network: &Network, batch_size: usize, additions: &Additions) -> Vec<Self> {
        // The usual ones first, so that they are among the distinct ones under their own name.
        let products = std::iter::once(Products::of(gpu)).chain(Products::available(gpu));
        let layered =
            distinct(products, network, batch_size).into_iter().map(|products| Self { products, fused: None });
        let fused = Tile::available(gpu).map(|tile| Self { products: Products::of(gpu), fused: Some(tile) });
        layered.chain(fused.filter(|plan| plan.can_train(gpu, network, batch_size, additions))).collect()
    }

    /// Whether a step of a network's training can be what this fused plan makes of it.
    fn can_train(self, gpu: &Gpu, network: &Network, batch_size: usize, additions: &Additions) -> bool {
        additions.is_none() && self.layout(gpu, network, batch_size).is_some()
    }

    /// Whether it goes through workgroup memory with barriers, which software adapters are slow at.
    pub fn is_for_gpus(self) -> bool {
        match self.fused {
            Some(tile) => tile == Tile::Workgroup,
            None => matches!(self.products, Products::Tiled { .. }),
        }
    }

    /// For people.
    pub fn name(self) -> String {
        match self.fused {
            Some(tile) => format!("fused, {}", tile.name()),
            None => format!("layered, {}", self.products.name()),
        }
    }

    /// Where everything of a fused step stands; none where each layer has operations of its own, as where the network is none that can be
    /// fused, or the adapter has no room for all of a batch in one tensor, targets apart from inputs included.
    pub fn layout(self, gpu: &Gpu, network: &Network, batch_size: usize) -> Option<FusedLayout> {
        let layout = FusedLayout::new(network, self.fused?, batch_size)?;
        (layout.clone().with_targets_apart().largest_bytes() <= gpu.largest_tensor()).then_some(layout)
    }
}

/// Those that lay out the products of a network's training otherwise than all before them.
fn distinct(all: impl Iterator<Item = Products>, network: &Network, batch_size: usize) -> Vec<Products> {
    let schedules = |products| schedules(products, network, batch_size);
    all.fold(Vec::new(), |mut distinct, products| {
        if distinct.iter().all(|&other| schedules(other) != schedules(products)) {
            distinct.push(products);
        }
        distinct
    })
}

/// How each product of a step is laid out: of every layer its output, the gradient of its weight, and that of its input.
fn schedules(products: Products, network: &Network, batch_size: usize) -> Vec<Schedule> {
    let of_layer =
        |&Dense { inputs, outputs, .. }: &Dense| [[batch_size, outputs], [inputs, outputs], [batch_size, inputs]];
    let shapes = network.layers().iter().flat_map(of_layer);
    shapes.map(|[rows, columns]| products.schedule(rows, columns)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Layer;
    use crate::reference::Activation;

    #[test]
    fn of_products_that_are_laid_out_alike_the_first_stay() {
        let network = Network::autoencoder(16, &[Layer::new(8, Activation::Relu)], &[], Activation::Sigmoid);
        let [few, many] = [32, 128].map(|at_least| Products::Tiled { at_least });
        for usual in [few, many] {
            let all = [usual, few, many, Products::Direct, few];
            assert_eq!(distinct(all.into_iter(), &network, 64), [usual, Products::Direct]);
        }
    }

    #[test]
    fn no_plan_is_named_fused_that_has_no_layout() {
        let gpu = Gpu::of_tests();
        let none = Additions::default();
        let clipped = Additions { clip_norm: Some(1.0), ..none };
        for (units, can_be_fused) in [(32, true), (30, false)] {
            let network = Network::autoencoder(16, &[Layer::new(units, Activation::Relu)], &[], Activation::Sigmoid);
            let has_fused = |additions| {
                let plans = Plan::available(&gpu, &network, 64, additions);
                let usual = Plan::usual(&gpu, &network, 64, additions);
                assert!(plans.contains(&usual), "{} is not among {plans:?}", usual.name());
                plans.iter().any(|plan| plan.fused.is_some())
            };
            assert_eq!(has_fused(&none), can_be_fused && Tile::available(&gpu).next().is_some(), "{units} units");
            assert!(!has_fused(&clipped), "{units} units");
        }
    }
}
