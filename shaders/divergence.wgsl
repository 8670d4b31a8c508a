// How far each sample's distribution of codes diverges from the standard normal one, added to its loss: `reference::variational`.
//
// GRADIENT: also the gradient with respect to means and log variances, the way of the code's own gradient through its draw included.

#import diabolo::reduce::{workgroup_sum, REDUCE_LANES}
#import diabolo::step::Step
#import diabolo::variational::{code_noise, log_variance, LOG_VARIANCE_LIMIT}

struct Parameters {
    units: u32,
    weight: f32,    // of the divergence beside the error of an image
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> distribution: array<f32>;        // [batch_size, 2 * units]: means, then log variances
@group(0) @binding(3) var<storage, read_write> sample_losses: array<f32>; // [steps of a submission, batch_size], parts of the mean loss
#ifdef GRADIENT
@group(0) @binding(4) var<storage, read> code_gradient: array<f32>;       // [batch_size, units]
@group(0) @binding(5) var<storage, read_write> distribution_gradient: array<f32>; // [batch_size, 2 * units]
#endif

// A workgroup takes one sample. Rows past the batch's end get no loss and no gradient.
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup.x;
    let units = parameters.units;
    let weight = parameters.weight * select(0.0, step.inverse_element_count, row < step.rows);
    var sum = 0.0;
    for (var block = lane; 4u * block < units; block += REDUCE_LANES) {
#ifdef GRADIENT
        let seed = vec2<u32>(step.seed_low, step.seed_high);
        let noise = code_noise(seed, step.epoch, step.first_position + row, block);
#endif
        for (var i = 0u; i < 4u; i++) {
            let unit = 4u * block + i;
            if unit < units {
                let of_mean = 2u * row * units + unit;
                let of_log_variance = of_mean + units;
                let mean = distribution[of_mean];
                let given = distribution[of_log_variance];
                let logarithm = log_variance(given);
                let variance = exp(logarithm);
                sum += 0.5 * (mean * mean + variance - 1.0 - logarithm);
#ifdef GRADIENT
                let of_code = code_gradient[row * units + unit];
                let by_draw = of_code * exp(0.5 * logarithm) * noise[i];
                let by_logarithm = 0.5 * (by_draw + weight * (variance - 1.0));
                distribution_gradient[of_mean] = of_code + weight * mean;
                distribution_gradient[of_log_variance] = select(0.0, by_logarithm, abs(given) <= LOG_VARIANCE_LIMIT);
#endif
            }
        }
    }
    let total = workgroup_sum(sum, lane);
    if lane == 0u {
        sample_losses[step.loss_slot * workgroups.x + row] += total * weight;
    }
}
