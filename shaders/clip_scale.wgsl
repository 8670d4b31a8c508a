// What every gradient is multiplied by, so that all of them together are no longer than they may be.

#import diabolo::reduce::{workgroup_sum, REDUCE_LANES}

struct Parameters {
    count: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> sums: array<f32>;                // [count], as square_sums.wgsl leaves them
@group(0) @binding(2) var<storage, read_write> scale: array<f32>;         // [1]

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
    var sum = 0.0;
    for (var i = lane; i < parameters.count; i += REDUCE_LANES) {
        sum += sums[i];
    }
    let square = workgroup_sum(sum, lane);
    if lane == 0u {
        // Exactly 1 where nothing is to be clipped: a root of 1 need not be.
        scale[0] = select(1.0, 1.0 / sqrt(max(square, 1.0)), square > 1.0);
    }
}
