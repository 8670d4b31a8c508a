// The gradient of what layer normalization takes, in the place of what it gave: `reference::normalization`.

#import diabolo::reduce::{workgroup_sum, REDUCE_LANES}

struct Parameters {
    columns: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;            // [rows, columns], of what the activation takes
@group(0) @binding(2) var<storage, read> scale: array<f32>;               // [columns]
@group(0) @binding(3) var<storage, read> inverse_deviations: array<f32>;  // [rows]
@group(0) @binding(4) var<storage, read_write> values: array<f32>;        // [rows, columns], normalized

// A workgroup takes one row.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = workgroup.x;
    let first = row * parameters.columns;
    let count = f32(parameters.columns);
    var sum = 0.0;
    var sum_along = 0.0;
    for (var column = lane; column < parameters.columns; column += REDUCE_LANES) {
        let scaled = gradient[first + column] * scale[column];
        sum += scaled;
        sum_along += scaled * values[first + column];
    }
    let mean = workgroup_sum(sum, lane) / count;
    let mean_along = workgroup_sum(sum_along, lane) / count;
    for (var column = lane; column < parameters.columns; column += REDUCE_LANES) {
        let scaled = gradient[first + column] * scale[column];
        values[first + column] = (scaled - mean - values[first + column] * mean_along) * inverse_deviations[row];
    }
}
