// The loss of each sample, and its gradient with respect to the logits.
//
// VECTOR: rows are whole vec4s. WEIGHTED: samples count differently.

#import diabolo::activation::activate_as
#import diabolo::loss::loss_and_derivative
#import diabolo::reduce::{workgroup_sum, REDUCE_LANES}
#import diabolo::step::Step

#ifdef VECTOR
alias Elements = vec4<f32>;
#else
alias Elements = f32;
#endif

struct Parameters {
    columns: u32,       // of Elements
    loss: u32,
    activation: u32,    // of the output
    huber_delta: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> logits: array<Elements>;         // [batch_size, columns]
@group(0) @binding(3) var<storage, read> targets: array<Elements>;        // [batch_size, columns], in [0, 1]
@group(0) @binding(4) var<storage, read_write> gradient: array<Elements>; // [batch_size, columns]
@group(0) @binding(5) var<storage, read_write> sample_losses: array<f32>; // [steps of a submission, batch_size], parts of the mean loss
#ifdef WEIGHTED
@group(0) @binding(6) var<storage, read> weights: array<f32>;             // [batch_size]
#endif

// An element's loss and its derivative with respect to the logit.
fn element(z: f32, t: f32) -> vec2<f32> {
    return loss_and_derivative(parameters.loss, parameters.huber_delta, z, activate_as(parameters.activation, z), t);
}

// A workgroup takes one sample. Rows past the batch's end get no loss and no gradient.
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup.x;
    var weight = select(0.0, step.inverse_element_count, row < step.rows);
#ifdef WEIGHTED
    weight *= weights[row];
#endif
    var sum = 0.0;
    for (var column = lane; column < parameters.columns; column += REDUCE_LANES) {
        let i = row * parameters.columns + column;
        let z = logits[i];
        let t = targets[i];
#ifdef VECTOR
        let first = element(z.x, t.x);
        let second = element(z.y, t.y);
        let third = element(z.z, t.z);
        let fourth = element(z.w, t.w);
        sum += (first.x + second.x) + (third.x + fourth.x);
        gradient[i] = vec4<f32>(first.y, second.y, third.y, fourth.y) * weight;
#else
        let one = element(z, t);
        sum += one.x;
        gradient[i] = one.y * weight;
#endif
    }
    let total = workgroup_sum(sum, lane);
    if lane == 0u {
        sample_losses[step.loss_slot * workgroups.x + row] = total * weight;
    }
}
