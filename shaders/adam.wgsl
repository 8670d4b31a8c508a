// Adam (Kingma & Ba 2015, algorithm 1) on one parameter tensor.

#import diabolo::grid::linear_index
#import diabolo::step::Step

// VECTOR: four elements at a time.
#ifdef VECTOR
alias Elements = vec4<f32>;
#else
alias Elements = f32;
#endif

struct Parameters {
    count: u32,    // of Elements
    beta1: f32,
    beta2: f32,
    // From the host: 1 - beta loses digits here, and some drivers make an inexact interpolation of beta * m + (1 - beta) * g.
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
    let g = gradient[i];
    let m = parameters.beta1 * first_moment[i] + parameters.one_minus_beta1 * g;
    let v = parameters.beta2 * second_moment[i] + parameters.one_minus_beta2 * g * g;
    first_moment[i] = m;
    second_moment[i] = v;
    // The corrections for the moments' start at zero come from the host: pow(beta, t) is too inexact here.
    let corrected = sqrt(v) * step.second_moment_scale + parameters.epsilon;
    values[i] -= step.learning_rate * (m * step.first_moment_scale) / corrected;
}
