// One update of one parameter tensor. VECTOR: four elements at a time. CLIP: by the gradient times a number that is in a tensor.
// FIRST_MOMENT, SECOND_MOMENT: as in lib/optimizer.wgsl.

#import diabolo::grid::linear_index
#import diabolo::optimizer::{State, optimized}
#import diabolo::step::Step

#ifdef VECTOR
alias Elements = vec4<f32>;
#else
alias Elements = f32;
#endif

struct Parameters {
    count: u32,          // of Elements
    decay: f32,          // 1 of weights, 0 of biases
    rate_factor: f32,    // of the learning rate
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> gradient: array<Elements>;
@group(0) @binding(3) var<storage, read_write> values: array<Elements>;
#ifdef FIRST_MOMENT
@group(0) @binding(4) var<storage, read_write> first_moment: array<Elements>;
#endif
#ifdef SECOND_MOMENT
@group(0) @binding(5) var<storage, read_write> second_moment: array<Elements>;
#endif
#ifdef CLIP
@group(0) @binding(6) var<storage, read> clip_scale: array<f32>;    // [1]
#endif

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = linear_index(workgroup, workgroups, lane, 64u);
    if i >= parameters.count {
        return;
    }
    let value = vec4<f32>(values[i]);
    var first: vec4<f32>;
    var second: vec4<f32>;
#ifdef FIRST_MOMENT
    first = vec4<f32>(first_moment[i]);
#endif
#ifdef SECOND_MOMENT
    second = vec4<f32>(second_moment[i]);
#endif
    var g = vec4<f32>(gradient[i]);
#ifdef CLIP
    g *= clip_scale[0];
#endif
    let after = optimized(step, parameters.decay, parameters.rate_factor, State(value, first, second), g);
#ifdef VECTOR
    values[i] = after.value;
#ifdef FIRST_MOMENT
    first_moment[i] = after.first_moment;
#endif
#ifdef SECOND_MOMENT
    second_moment[i] = after.second_moment;
#endif
#else
    values[i] = after.value.x;
#ifdef FIRST_MOMENT
    first_moment[i] = after.first_moment.x;
#endif
#ifdef SECOND_MOMENT
    second_moment[i] = after.second_moment.x;
#endif
#endif
}
