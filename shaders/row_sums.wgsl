// The sum of each row of a matrix: the loss of each step of a submission, from its samples' parts.

#import diabolo::reduce::{workgroup_sum, REDUCE_LANES}

struct Parameters {
    columns: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> matrix: array<f32>;              // [rows, columns]
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;          // [rows]

// A workgroup takes one row.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = workgroup.x;
    var sum = 0.0;
    for (var column = lane; column < parameters.columns; column += REDUCE_LANES) {
        sum += matrix[row * parameters.columns + column];
    }
    let total = workgroup_sum(sum, lane);
    if lane == 0u {
        sums[row] = total;
    }
}
