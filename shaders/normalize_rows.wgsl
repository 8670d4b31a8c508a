// Layer normalization of what a layer's product gives, in place: `reference::normalization`.

#import diabolo::reduce::{workgroup_sum, REDUCE_LANES}

struct Parameters {
    columns: u32,
    epsilon: f32,    // added to the variance
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;        // [rows, columns]
@group(0) @binding(2) var<storage, read_write> inverse_deviations: array<f32>; // [rows]

// A workgroup takes one row. The mean is subtracted before anything is squared, so that no digits are lost where it is large.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = workgroup.x;
    let first = row * parameters.columns;
    let count = f32(parameters.columns);
    var sum = 0.0;
    for (var column = lane; column < parameters.columns; column += REDUCE_LANES) {
        sum += values[first + column];
    }
    let mean = workgroup_sum(sum, lane) / count;
    var squares = 0.0;
    for (var column = lane; column < parameters.columns; column += REDUCE_LANES) {
        let centered = values[first + column] - mean;
        squares += centered * centered;
    }
    let variance = workgroup_sum(squares, lane) / count;
    let inverse_deviation = 1.0 / sqrt(variance + parameters.epsilon);
    for (var column = lane; column < parameters.columns; column += REDUCE_LANES) {
        values[first + column] = (values[first + column] - mean) * inverse_deviation;
    }
    if lane == 0u {
        inverse_deviations[row] = inverse_deviation;
    }
}
