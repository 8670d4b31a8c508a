//! What changes from one step to the next, as `shaders/lib/step.wgsl` declares it.

use super::shader_struct;

shader_struct! {
    /// A row of the table that the host fills for a whole submission.
    pub struct Step {
        /// Position of the batch's first sample in the epoch's order.
        first_sample: u32,
        /// Samples in the batch; further rows of its matrices are zero and count for nothing.
        rows: u32,
        /// Chooses the order.
        epoch: u32,
        /// Where the step's loss is kept.
        loss_slot: u32,
        seed_low: u32,
        seed_high: u32,
        learning_rate: f32,
        /// 1 / (1 − β₁ᵗ)
        first_moment_scale: f32,
        /// 1 / √(1 − β₂ᵗ)
        second_moment_scale: f32,
        /// 1 / (rows · columns of the output)
        inverse_element_count: f32,
    }
}
