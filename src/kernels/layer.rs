//! Where a layer's parameters and values stand, as `shaders/lib/layer.wgsl` declares it.

use super::shader_struct;
use crate::gpu::BindingKind;

/// The most layers of a network that is trained in two dispatches a step.
pub const MAXIMUM_LAYERS: usize = 16;

/// What the shaders bind as `layers`.
pub(super) const LAYERS: BindingKind = BindingKind::Structures(&Layer::LAYOUT, MAXIMUM_LAYERS);

shader_struct! {
    /// A dense layer of a network whose parameters stand in one tensor, and whose values for a batch stand in another.
    ///
    /// Widths are whole vec4s. A batch's matrix [batch_size, width] is stored in quads of four rows, [batch_size / 4, width] of them.
    #[derive(PartialEq)]
    pub struct Layer {
        /// Columns of the layer's input.
        inputs: u32,
        /// Columns of what it gives.
        outputs: u32,
        /// The first vec4 of the weight [inputs, outputs / 4].
        weight: u32,
        /// The first vec4 of the bias [outputs / 4].
        bias: u32,
        /// The first quad of the layer's input [batch_size / 4, inputs].
        input: u32,
        /// The first quad of the gradient of its result before the activation [batch_size / 4, outputs].
        gradient: u32,
        /// As `activation_number` has it.
        activation: u32,
        /// Of the tiles that the weights are updated by.
        first_tile: u32,
        /// What the layer's learning rate is times that of the step.
        rate_factor: f32,
        // An element of a uniform array is a whole number of vec4s.
        /// 0.
        unused_a: u32,
        /// 0.
        unused_b: u32,
        /// 0.
        unused_c: u32,
    }
}
