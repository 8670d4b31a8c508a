//! What changes from one step to the next, as `shaders/lib/step.wgsl` declares it.

use super::shader_struct;
use crate::reference::Coefficients;

shader_struct! {
    /// A row of the table that the host fills for a whole submission.
    pub struct Step {
        /// Position of the batch's first sample in the epoch's order, or in what of it is loaded.
        first_sample: u32,
        /// Position of the batch's first sample in the epoch's order.
        first_position: u32,
        /// Samples in the batch; further rows of its matrices are zero and count for nothing.
        rows: u32,
        /// Chooses the order.
        epoch: u32,
        /// Where the step's loss is kept.
        loss_slot: u32,
        /// The low half of the seed.
        seed_low: u32,
        /// The high half of the seed.
        seed_high: u32,
        /// What the schedule has left of the optimizer's.
        learning_rate: f32,
        /// [`Coefficients::first_decay`].
        first_decay: f32,
        /// [`Coefficients::first_share`].
        first_share: f32,
        /// [`Coefficients::first_scale`].
        first_moment_scale: f32,
        /// [`Coefficients::look_ahead`].
        look_ahead: f32,
        /// [`Coefficients::second_decay`].
        second_decay: f32,
        /// [`Coefficients::second_share`].
        second_share: f32,
        /// [`Coefficients::second_scale`].
        second_moment_scale: f32,
        /// [`Coefficients::epsilon`].
        epsilon: f32,
        /// [`Coefficients::weight_decay`].
        weight_decay: f32,
        /// [`Coefficients::decoupled_decay`].
        decoupled_decay: f32,
        /// 1 / (rows · columns of the output)
        inverse_element_count: f32,
    }
}

impl Step {
    /// The same step with an optimizer's update at this learning rate.
    pub fn updating(self, learning_rate: f64, coefficients: &Coefficients) -> Self {
        let Coefficients {
            first_decay,
            first_share,
            first_scale,
            look_ahead,
            second_decay,
            second_share,
            second_scale,
            epsilon,
            weight_decay,
            decoupled_decay,
        } = *coefficients;
        Self {
            learning_rate: learning_rate as f32,
            first_decay: first_decay as f32,
            first_share: first_share as f32,
            first_moment_scale: first_scale as f32,
            look_ahead: look_ahead as f32,
            second_decay: second_decay as f32,
            second_share: second_share as f32,
            second_moment_scale: second_scale as f32,
            epsilon: epsilon as f32,
            weight_decay: weight_decay as f32,
            decoupled_decay: decoupled_decay as f32,
            ..self
        }
    }
}
