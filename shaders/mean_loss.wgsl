// The loss of a step: the mean over the batch's samples and columns, kept in the step's slot.

#import diabolo::reduce::{workgroup_sum, REDUCE_LANES}
#import diabolo::step::Step

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> sample_losses: array<f32>;       // [batch_size]
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;        // [steps of a submission]

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
    var sum = 0.0;
    for (var row = lane; row < step.rows; row += REDUCE_LANES) {
        sum += sample_losses[row];
    }
    let total = workgroup_sum(sum, lane);
    if lane == 0u {
        losses[step.loss_slot] = total * step.inverse_element_count;
    }
}
