//! A batch through a whole network and back: samples, outputs, losses and gradients of every layer's result, in one dispatch.

use super::layer::{LAYERS, Layer};
use super::step::Step;
use super::{Call, Kernel, bindings, loss_number_and_delta, noise_number, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, TableRow, Write};
use crate::gpu::{Binding, Feature, Gpu, Interface, Needs, Variant};
use crate::kernels::gather::Order;
use crate::reference::{Corruption, Loss};

shader_struct! {
    struct Parameters {
        layer_count: u32,
        sample_count: u32,
        groups: u32,
        is_shuffled: u32,
        loss: u32,
        huber_delta: f32,
        targets: u32,
        noise: u32,
        amount: f32,
    }
}

const BINDINGS: &[Binding] = bindings! {
    0 parameters: Uniform(&Parameters::LAYOUT);
    1 step: TableRow(&Step::LAYOUT);
    2 layers: LAYERS;
    3 samples: Read;
    4 values: Read;
    5 batch: Write;
    6 sample_losses: Write;
};

/// Through workgroup memory, for GPUs.
pub static WORKGROUP: Kernel = Kernel {
    interface: Interface { name: "propagate", bindings: BINDINGS },
    needs: Needs { invocations: 256, workgroup_bytes: 32656, features: &[] },
    variants: || vec![variant(Tile::Workgroup)],
};

/// For software adapters with subgroups of eight, as Mesa's has them.
pub static SUBGROUP: Kernel = Kernel {
    interface: Interface { name: "propagate_subgroup", bindings: BINDINGS },
    needs: Needs { invocations: 8, workgroup_bytes: 4224, features: &[Feature::Subgroups { size: 8 }, Feature::Int64] },
    variants: || vec![variant(Tile::Subgroup)],
};

/// What a workgroup takes of a batch, and how it shares the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tile {
    /// Thirty-two rows, by one subgroup.
    Subgroup,
    /// Four rows, by the lanes of a workgroup.
    Workgroup,
}

impl Tile {
    /// Every tile.
    pub const ALL: [Self; 2] = [Self::Subgroup, Self::Workgroup];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Subgroup => "subgroup",
            Self::Workgroup => "workgroup",
        }
    }

    /// Those that run on an adapter.
    pub fn available(gpu: &Gpu) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|tile| tile.runs_on(gpu))
    }

    /// Whether an adapter has what it takes.
    pub fn runs_on(self, gpu: &Gpu) -> bool {
        gpu.supports(&self.kernel().needs)
    }

    /// Rows of a batch that a workgroup takes.
    pub fn rows(self) -> usize {
        match self {
            Self::Subgroup => 32,
            Self::Workgroup => 4,
        }
    }

    /// The most columns of a layer's input and output.
    pub fn widest(self) -> usize {
        match self {
            Self::Subgroup => usize::MAX,
            Self::Workgroup => WIDEST,
        }
    }

    fn kernel(self) -> &'static Kernel {
        match self {
            Self::Subgroup => &SUBGROUP,
            Self::Workgroup => &WORKGROUP,
        }
    }
}

/// What a workgroup of [`Tile::Workgroup`] has room for in 32 KiB, beside the parts of its lanes' sums.
const WIDEST: usize = 1016;

fn variant(tile: Tile) -> Variant {
    match tile {
        Tile::Subgroup => Variant::new("propagate_subgroup", include_str!("../../shaders/propagate_subgroup.wgsl")),
        Tile::Workgroup => Variant::new("propagate", include_str!("../../shaders/propagate.wgsl"))
            .number("WIDEST", WIDEST as u32)
            .trusted(true),
    }
}

/// What becomes of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// How outputs are held against targets.
    pub loss: Loss,
    /// In which order samples are taken.
    pub order: Order,
    /// The noise on the network's input.
    pub corruption: Corruption,
    /// The first quad of the samples without noise; without a corruption that is the first layer's input.
    pub targets: u32,
}

/// A batch of `rows` rows, a multiple of the tile's, out of `sample_count` samples.
///
/// Binds `samples` [sample_count, pixels / 4], `values` of all parameters, `batch` with the place of every input and gradient, and
/// `sample_losses` [steps of a submission, rows], each sample's part of the mean loss.
pub fn call(tile: Tile, work: Work, layers: &[Layer], rows: usize, sample_count: usize) -> Call {
    let Work { loss, order, corruption, targets } = work;
    let (loss, huber_delta) = loss_number_and_delta(loss);
    let parameters = Parameters {
        layer_count: layers.len() as u32,
        sample_count: sample_count as u32,
        groups: (rows / 4) as u32,
        is_shuffled: u32::from(order == Order::Shuffled),
        loss,
        huber_delta,
        targets,
        noise: noise_number(corruption.noise),
        amount: corruption.amount as f32,
    };
    Call {
        kernel: tile.kernel(),
        variant: variant(tile),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: bytemuck::cast_slice(layers).to_vec(),
        workgroups: [rows.div_ceil(tile.rows()) as u32, 1, 1],
    }
}
