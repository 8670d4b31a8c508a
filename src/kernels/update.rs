//! The gradient of every weight and bias of a network, and Adam's update by it, in one dispatch.

use super::layer::{LAYERS, Layer};
use super::propagate::Tile;
use super::step::Step;
use super::{Call, Kernel, bindings, linear_grid, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, TableRow, Write};
use crate::gpu::{Feature, Interface, Needs, Variant};
use crate::reference::Adam;

shader_struct! {
    struct Parameters {
        beta1: f32,
        beta2: f32,
        one_minus_beta1: f32,
        one_minus_beta2: f32,
        epsilon: f32,
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
        5 first_moments: Write;
        6 second_moments: Write;
    },
};

/// Through workgroup memory, for GPUs.
pub static WORKGROUP: Kernel = Kernel {
    interface: INTERFACE,
    needs: Needs { invocations: 64, workgroup_bytes: 8192, features: &[] },
    variants: || vec![variant(Tile::Workgroup)],
};

/// For software adapters with subgroups of eight, as Mesa's has them.
pub static SUBGROUP: Kernel = Kernel {
    interface: INTERFACE,
    needs: Needs { invocations: 8, workgroup_bytes: 0, features: &[Feature::Subgroups { size: 8 }, Feature::Int64] },
    variants: || vec![variant(Tile::Subgroup)],
};

fn variant(tile: Tile) -> Variant {
    Variant::new("update", include_str!("../../shaders/update.wgsl")).flag("SUBGROUP", tile == Tile::Subgroup)
}

/// How many tiles a weight [inputs, outputs] is updated by.
pub fn tiles(inputs: usize, outputs: usize) -> usize {
    const SIDE: usize = 32;
    inputs.div_ceil(SIDE) * outputs.div_ceil(SIDE)
}

/// Binds what [`propagate`](super::propagate) has left in `batch`, of `rows` rows, and the `values`, `first_moments` and `second_moments`
/// of all parameters.
pub fn call(tile: Tile, layers: &[Layer], rows: usize, settings: Adam) -> Call {
    let Adam { beta1, beta2, epsilon, .. } = settings;
    let parameters = Parameters {
        beta1: beta1 as f32,
        beta2: beta2 as f32,
        one_minus_beta1: (1.0 - beta1) as f32,
        one_minus_beta2: (1.0 - beta2) as f32,
        epsilon: epsilon as f32,
        layer_count: layers.len() as u32,
        groups: (rows / 4) as u32,
    };
    let tiles: usize = layers.iter().map(|layer| tiles(layer.inputs as usize, layer.outputs as usize)).sum();
    Call {
        kernel: match tile {
            Tile::Subgroup => &SUBGROUP,
            Tile::Workgroup => &WORKGROUP,
        },
        variant: variant(tile),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: bytemuck::cast_slice(layers).to_vec(),
        workgroups: linear_grid(tiles, 1),
    }
}
