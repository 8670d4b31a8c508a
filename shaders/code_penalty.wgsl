// What is added to the loss for each sample's code, and its gradient with respect to what the code's activation takes:
// `reference::code`.
//
// DERIVATIVE: the activation has a derivative other than 1.

#import diabolo::activation::{SIGMOID, TANH}
#import diabolo::reduce::{workgroup_sum, REDUCE_LANES}
#import diabolo::step::Step

struct Parameters {
    columns: u32,
    activation: u32,          // of the code
    l1: f32,
    kl: f32,
    target_activity: f32,
    negative_entropy: f32,    // r * ln(r) + (1 - r) * ln(1 - r) of that target
    contractive: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> code: array<f32>;                // [batch_size, columns]
@group(0) @binding(3) var<storage, read> statistics: array<f32>;          // [2, columns]: mean activity, squared norm of the weights
@group(0) @binding(4) var<storage, read_write> penalty_gradient: array<f32>; // [batch_size, columns]
@group(0) @binding(5) var<storage, read_write> sample_losses: array<f32>; // [steps of a submission, batch_size], parts of the mean loss
#ifdef DERIVATIVE
@group(0) @binding(6) var<storage, read> derivative: array<f32>;          // [batch_size, columns]
#endif

// A mean activity is kept so far from 0 and 1.
const EPSILON: f32 = 0x1p-23;

// The second derivative of an activation of this value as a multiple of the first.
fn bend(value: f32) -> f32 {
    switch parameters.activation {
        case SIGMOID: {
            return 1.0 - 2.0 * value;
        }
        case TANH: {
            return -2.0 * value;
        }
        default: {
            return 0.0;
        }
    }
}

// A workgroup takes one sample. Rows past the batch's end get no penalty and no gradient.
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup.x;
    let weight = select(0.0, step.inverse_element_count, row < step.rows);
    let wanted = parameters.target_activity;
    var sum = 0.0;
    for (var column = lane; column < parameters.columns; column += REDUCE_LANES) {
        let i = row * parameters.columns + column;
        let h = code[i];
#ifdef DERIVATIVE
        let d = derivative[i];
#else
        let d = 1.0;
#endif
        let mean = clamp(statistics[column], EPSILON, 1.0 - EPSILON);
        let norm = statistics[parameters.columns + column];
        let divergence = parameters.negative_entropy - wanted * log(mean) - (1.0 - wanted) * log(1.0 - mean);
        let slope = (1.0 - wanted) / (1.0 - mean) - wanted / mean;
        let contraction = parameters.contractive * d * norm;
        sum += parameters.l1 * abs(h) + parameters.kl * divergence + contraction * d;
        let of_code = parameters.l1 * sign(h) + parameters.kl * slope + 2.0 * contraction * bend(h);
        penalty_gradient[i] = of_code * d * weight;
    }
    let total = workgroup_sum(sum, lane);
    if lane == 0u {
        sample_losses[step.loss_slot * workgroups.x + row] += total * weight;
    }
}
