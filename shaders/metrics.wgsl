// How well each sample is reconstructed: its binary cross-entropy and its squared error, both summed over the columns.

#import diabolo::activation::{activate_as, SIGMOID}
#import diabolo::reduce::{workgroup_sum, REDUCE_LANES}
#import diabolo::step::Step

struct Parameters {
    columns: u32,
    activation: u32,    // of the output
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> logits: array<f32>;              // [batch_size, columns]
@group(0) @binding(3) var<storage, read> targets: array<f32>;             // [batch_size, columns], in [0, 1]
@group(0) @binding(4) var<storage, read_write> metrics: array<vec2<f32>>; // [samples]: cross-entropy, squared error

// Outputs that no sigmoid keeps inside (0, 1) are clamped to where their logarithms are finite: to 2^-23, which f32 holds exactly
// on both sides, and which is close to Keras's 1e-7.
const EPSILON: f32 = 0x1p-23;

// A workgroup takes one sample.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = workgroup.x;
    var cross_entropy = 0.0;
    var squared_error = 0.0;
    for (var column = lane; column < parameters.columns; column += REDUCE_LANES) {
        let i = row * parameters.columns + column;
        let z = logits[i];
        let t = targets[i];
        let y = activate_as(parameters.activation, z).x;
        squared_error += (y - t) * (y - t);
        if parameters.activation == SIGMOID {
            cross_entropy += max(z, 0.0) - z * t + log(1.0 + exp(-abs(z)));
        } else {
            let p = clamp(y, EPSILON, 1.0 - EPSILON);
            cross_entropy -= t * log(p) + (1.0 - t) * log(1.0 - p);
        }
    }
    let total_cross_entropy = workgroup_sum(cross_entropy, lane);
    let total_squared_error = workgroup_sum(squared_error, lane);
    if lane == 0u && row < step.rows {
        metrics[step.first_sample + row] = vec2<f32>(total_cross_entropy, total_squared_error);
    }
}
