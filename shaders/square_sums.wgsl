// The squares of a gradient's elements, each as a multiple of the norm that all gradients together may have: a sum for each workgroup.

#import diabolo::reduce::{workgroup_sum, REDUCE_LANES}

struct Parameters {
    count: u32,           // elements of the tensor
    first: u32,           // where its sums begin
    largest: f32,         // larger elements count as this, so that no sum is infinite
    inverse_norm: f32,    // 1 / the norm
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;           // [count]
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;         // one for each workgroup

// Stretches of 64 elements go to the workgroups in turn.
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    var sum = 0.0;
    for (var i = workgroup.x * REDUCE_LANES + lane; i < parameters.count; i += workgroups.x * REDUCE_LANES) {
        let multiple = min(abs(gradient[i]), parameters.largest) * parameters.inverse_norm;
        sum += multiple * multiple;
    }
    let total = workgroup_sum(sum, lane);
    if lane == 0u {
        sums[parameters.first + workgroup.x] = total;
    }
}
