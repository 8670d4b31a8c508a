//! How the work of a product is laid out, and which layout suits an adapter and a shape.

use super::{DIRECT, SUBGROUP, TILED};
use crate::gpu::Gpu;
use crate::kernels::Kernel;

/// How the work is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// A workgroup makes a tile of C of this size out of tiles of A and B that it shares.
    Tiled(TileSize),
    /// Each invocation reads A and B by itself, without barriers.
    Direct,
    /// A subgroup of eight makes a tile of C, without barriers: for software adapters.
    Subgroup,
}

/// How many elements of a row are loaded at once, where all rows are whole numbers of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// One.
    Single,
    /// Two.
    Pair,
    /// Four.
    Quad,
}

impl Load {
    /// How many these are.
    pub fn elements(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Pair => 2,
            Self::Quad => 4,
        }
    }
}

/// Rows and columns of a tile of C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileSize {
    /// 64: the most products for each number that is loaded.
    Large,
    /// 32: the most workgroups.
    Small,
}

impl TileSize {
    /// Every size.
    pub const ALL: [Self; 2] = [Self::Large, Self::Small];

    /// Rows, and columns, of such a tile.
    pub fn side(self) -> usize {
        match self {
            Self::Large => 64,
            Self::Small => 32,
        }
    }
}

impl Schedule {
    /// Every schedule.
    pub const ALL: [Self; 4] =
        [Self::Tiled(TileSize::Large), Self::Tiled(TileSize::Small), Self::Direct, Self::Subgroup];

    /// Those that run on an adapter.
    pub fn available(gpu: &Gpu) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|schedule| schedule.runs_on(gpu))
    }

    fn runs_on(self, gpu: &Gpu) -> bool {
        gpu.supports(&self.kernel().needs)
    }

    pub(super) fn kernel(self) -> &'static Kernel {
        match self {
            Self::Tiled(_) => &TILED,
            Self::Direct => &DIRECT,
            Self::Subgroup => &SUBGROUP,
        }
    }

    /// Those that it has variants for, the smallest first.
    pub fn loads(self) -> &'static [Load] {
        match self {
            Self::Tiled(_) | Self::Direct => &[Load::Single, Load::Quad],
            Self::Subgroup => &[Load::Single, Load::Pair, Load::Quad],
        }
    }

    /// The largest that rows of such lengths allow.
    pub fn load(self, rows: &[usize]) -> Load {
        let fits = |load: &Load| rows.iter().all(|row| row.is_multiple_of(load.elements()));
        self.loads().iter().copied().rfind(fits).unwrap_or(Load::Single)
    }

    /// Rows and columns of C that a workgroup makes.
    pub(super) fn tile(self) -> [usize; 2] {
        match self {
            Self::Tiled(size) => [size.side(), size.side()],
            Self::Direct => [8, 32],
            Self::Subgroup => [32, 32],
        }
    }
}

/// Which schedule each product takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Products {
    /// Large tiles where there are at least so many, as many as keep a GPU busy, or else small ones.
    Tiled {
        /// Tiles of C.
        at_least: usize,
    },
    /// [`Schedule::Direct`] for all.
    Direct,
    /// [`Schedule::Subgroup`] for all.
    Subgroup,
}

impl Products {
    /// What a small, a middling and a large GPU may want.
    const TILES_AT_LEAST: [usize; 3] = [32, 128, 512];

    /// Every choice that a tuner may try.
    pub const ALL: [Self; 5] = [
        Self::Tiled { at_least: Self::TILES_AT_LEAST[0] },
        Self::Tiled { at_least: Self::TILES_AT_LEAST[1] },
        Self::Tiled { at_least: Self::TILES_AT_LEAST[2] },
        Self::Direct,
        Self::Subgroup,
    ];

    /// The schedule for a product C [rows, columns].
    pub fn schedule(self, rows: usize, columns: usize) -> Schedule {
        match self {
            Self::Tiled { at_least } => {
                let side = TileSize::Large.side();
                let tiles = rows.div_ceil(side) * columns.div_ceil(side);
                Schedule::Tiled(if tiles >= at_least { TileSize::Large } else { TileSize::Small })
            }
            Self::Direct => Schedule::Direct,
            Self::Subgroup => Schedule::Subgroup,
        }
    }

    /// The tile of the product that a layer [inputs, outputs] is updated by on the way out; none where an update has a dispatch of its own.
    pub fn update_tile(self, inputs: usize, outputs: usize) -> Option<TileSize> {
        match self.schedule(inputs, outputs) {
            Schedule::Tiled(size) => Some(size),
            Schedule::Direct | Schedule::Subgroup => None,
        }
    }

    /// Whether the products of weights' gradients update the weights.
    pub fn fuse_updates(self) -> bool {
        self.update_tile(1, 1).is_some()
    }

    /// For people.
    pub fn name(self) -> String {
        match self {
            Self::Tiled { at_least } => format!("tiled products, {at_least} tiles"),
            Self::Direct => "direct products".to_owned(),
            Self::Subgroup => "subgroup products".to_owned(),
        }
    }

    /// Those that run on an adapter.
    pub fn available(gpu: &Gpu) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|products| products.schedule(1, 1).runs_on(gpu))
    }

    /// The ones that suit an adapter, unmeasured.
    pub fn of(gpu: &Gpu) -> Self {
        let [_, middling, _] = Self::TILES_AT_LEAST;
        match (gpu.is_software() || !gpu.supports(&TILED.needs), Schedule::Subgroup.runs_on(gpu)) {
            (false, _) => Self::Tiled { at_least: middling },
            (true, false) => Self::Direct,
            (true, true) => Self::Subgroup,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_large_where_there_are_enough_of_them() {
        let size = |at_least, rows, columns| Products::Tiled { at_least }.schedule(rows, columns);
        assert_eq!(size(128, 1024, 1024), Schedule::Tiled(TileSize::Large));
        assert_eq!(size(512, 1024, 1024), Schedule::Tiled(TileSize::Small));
        assert_eq!(size(128, 784, 1000), Schedule::Tiled(TileSize::Large));
        assert_eq!(size(128, 256, 1000), Schedule::Tiled(TileSize::Small));
        assert_eq!(size(32, 256, 1000), Schedule::Tiled(TileSize::Large));
        assert_eq!(size(32, 256, 30), Schedule::Tiled(TileSize::Small));
    }

    #[test]
    fn rows_are_loaded_by_as_much_as_all_of_them_are_whole_numbers_of() {
        let load = |rows: &[usize]| Schedule::ALL.map(|schedule| schedule.load(rows));
        let [single, pair, quad] = [Load::Single, Load::Pair, Load::Quad];
        assert_eq!(load(&[1000, 500, 784]), [quad; 4]);
        assert_eq!(load(&[500, 250, 30]), [single, single, single, pair]);
        assert_eq!(load(&[500, 250, 31]), [single; 4]);
    }

    #[test]
    fn only_tiled_products_update_what_they_are_the_gradient_of() {
        let tile = |at_least| Products::Tiled { at_least }.update_tile(784, 1000);
        assert_eq!((tile(128), tile(512)), (Some(TileSize::Large), Some(TileSize::Small)));
        for products in Products::ALL {
            assert_eq!(products.fuse_updates(), matches!(products, Products::Tiled { .. }), "{products:?}");
        }
    }
}
