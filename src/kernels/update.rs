//! The gradient of every weight and bias of a network, and the optimizer's update by it, in one dispatch.

use super::layer::{LAYERS, Layer};
use super::optimizer::remembering;
use super::propagate::Tile;
use super::step::Step;
use super::{Call, Kernel, bindings, linear_grid, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, TableRow, Write};
use crate::gpu::{Feature, Interface, Needs, Variant};
use crate::reference::Moments;

shader_struct! {
    struct Parameters {
        layer_count: u32,
        groups: u32,
    }
}

const INTERFACE: Interface = Interface {
    name: "update",
    bindings: bindings! {
        0 parameters: Uniform(&Parameters::LAYOUT);
        1 step: TableRow(&Step::LAYOUT);
        2 layers: LAYERS;
        3 batch: Read;
        4 values: Write;
        5 first_moments: Write, if "FIRST_MOMENT";
        6 second_moments: Write, if "SECOND_MOMENT";
    },
};

/// Through workgroup memory, for GPUs.
pub static WORKGROUP: Kernel = Kernel {
    interface: INTERFACE,
    needs: Needs { invocations: 256, workgroup_bytes: 16384, features: &[] },
    variants: || Moments::ALL.map(|moments| variant(Tile::Workgroup, moments)).into(),
};

/// For software adapters with subgroups of eight, as Mesa's has them.
pub static SUBGROUP: Kernel = Kernel {
    interface: INTERFACE,
    needs: Needs { invocations: 8, workgroup_bytes: 0, features: &[Feature::Subgroups { size: 8 }, Feature::Int64] },
    variants: || Moments::ALL.map(|moments| variant(Tile::Subgroup, moments)).into(),
};

fn variant(tile: Tile, moments: Moments) -> Variant {
    remembering(Variant::new("update", include_str!("../../shaders/update.wgsl")), moments)
        .flag("SUBGROUP", tile == Tile::Subgroup)
        .trusted(tile == Tile::Workgroup)
}

/// How many tiles a weight [inputs, outputs] is updated by.
pub fn tiles(inputs: usize, outputs: usize) -> usize {
    const SIDE: usize = 32;
    inputs.div_ceil(SIDE) * outputs.div_ceil(SIDE)
}

/// Binds what [`propagate`](super::propagate) has left in `batch`, of `rows` rows, and the `values` and the `first_moments` and
/// `second_moments` that the algorithm keeps, of all parameters.
pub fn call(tile: Tile, layers: &[Layer], rows: usize, moments: Moments) -> Call {
    let parameters = Parameters { layer_count: layers.len() as u32, groups: (rows / 4) as u32 };
    let tiles: usize = layers.iter().map(|layer| tiles(layer.inputs as usize, layer.outputs as usize)).sum();
    Call {
        kernel: match tile {
            Tile::Subgroup => &SUBGROUP,
            Tile::Workgroup => &WORKGROUP,
        },
        variant: variant(tile, moments),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: bytemuck::cast_slice(layers).to_vec(),
        workgroups: linear_grid(tiles, 1),
    }
}
