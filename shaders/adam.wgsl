// Adam on one parameter tensor. VECTOR: four elements at a time.

#import diabolo::adam::{Adam, State, adam}
#import diabolo::grid::linear_index
#import diabolo::step::Step

#ifdef VECTOR
alias Elements = vec4<f32>;
#else
alias Elements = f32;
#endif

struct Parameters {
    count: u32,    // of Elements
    beta1: f32,
    beta2: f32,
    one_minus_beta1: f32,
    one_minus_beta2: f32,
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> gradient: array<Elements>;
@group(0) @binding(3) var<storage, read_write> values: array<Elements>;
@group(0) @binding(4) var<storage, read_write> first_moment: array<Elements>;
@group(0) @binding(5) var<storage, read_write> second_moment: array<Elements>;

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
    let settings = Adam(
        parameters.beta1,
        parameters.beta2,
        parameters.one_minus_beta1,
        parameters.one_minus_beta2,
        parameters.epsilon,
    );
    let before = State(vec4<f32>(values[i]), vec4<f32>(first_moment[i]), vec4<f32>(second_moment[i]));
    let after = adam(settings, step, before, vec4<f32>(gradient[i]));
#ifdef VECTOR
    first_moment[i] = after.first_moment;
    second_moment[i] = after.second_moment;
    values[i] = after.value;
#else
    first_moment[i] = after.first_moment.x;
    second_moment[i] = after.second_moment.x;
    values[i] = after.value.x;
#endif
}
