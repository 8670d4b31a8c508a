//! Where everything stands when a step is two operations: all parameters in one tensor, and everything of a batch in another.

use crate::gpu::PART_ALIGNMENT;
use crate::kernels::activation_number;
use crate::kernels::layer::{Layer, MAXIMUM_LAYERS};
use crate::kernels::propagate::Tile;
use crate::kernels::update;
use crate::model::Network;

/// The places of a network's parameters and of a batch's values.
#[derive(Clone, Debug, PartialEq)]
pub struct FusedLayout {
    /// Which rows of a batch a workgroup takes.
    pub tile: Tile,
    /// Where each layer's parameters and values stand.
    pub layers: Vec<Layer>,
    /// The first quad of the targets in the batch's tensor.
    pub targets: u32,
    /// Rows of the batch: the batch size, made a whole number of tiles.
    pub rows: usize,
    /// Elements of the batch's tensor for each row.
    pub row: usize,
    /// Elements of the tensor of all parameters.
    pub values: usize,
    /// The first element of each parameter tensor in it.
    pub offsets: Vec<usize>,
}

impl FusedLayout {
    /// The layout of a network's training; none if it has too many layers, one that is normalized or residual, or a width that is no whole
    /// number of vec4s or too large for the tile.
    pub fn new(network: &Network, tile: Tile, batch_size: usize) -> Option<Self> {
        let layers = network.layers();
        let is_whole = |width: usize| width > 0 && width <= tile.widest() && width.is_multiple_of(4);
        if layers.is_empty()
            || layers.len() > MAXIMUM_LAYERS
            || network.is_normalized()
            || network.is_residual()
            || !layers.iter().all(|layer| is_whole(layer.inputs) && is_whole(layer.outputs))
        {
            return None;
        }
        let rows = batch_size.next_multiple_of(tile.rows());
        let (mut values, mut row, mut first_tile) = (0, 0, 0);
        let take = |total: &mut usize, elements: usize| {
            let place = *total;
            *total += elements;
            place
        };
        let (mut offsets, mut placed) = (Vec::new(), Vec::new());
        for layer in layers {
            let weight = take(&mut values, (layer.inputs * layer.outputs).next_multiple_of(PART_ALIGNMENT));
            let bias = take(&mut values, layer.outputs.next_multiple_of(PART_ALIGNMENT));
            offsets.extend([weight, bias]);
            // A column of a batch is a quad for each four rows.
            let input = take(&mut row, layer.inputs) * rows / 4;
            let gradient = take(&mut row, layer.outputs) * rows / 4;
            let tile = take(&mut first_tile, update::tiles(layer.inputs, layer.outputs));
            placed.push(Layer {
                inputs: layer.inputs as u32,
                outputs: layer.outputs as u32,
                weight: (weight / 4) as u32,
                bias: (bias / 4) as u32,
                input: input as u32,
                gradient: gradient as u32,
                activation: activation_number(layer.activation),
                first_tile: tile as u32,
                rate_factor: layer.learning_rate_factor as f32,
                ..Layer::default()
            });
        }
        let targets = placed[0].input;
        Some(Self { tile, layers: placed, targets, rows, row, values, offsets })
    }

    /// The same with room for targets that are not the first layer's input.
    pub fn with_targets_apart(mut self) -> Self {
        self.targets = (self.row * self.rows / 4) as u32;
        self.row += self.layers[0].inputs as usize;
        self
    }

    /// The bytes of its largest tensor.
    pub fn largest_bytes(&self) -> u64 {
        4 * (self.rows as u64 * self.row as u64).max(self.values as u64)
    }
}
