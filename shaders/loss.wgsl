// The loss of each sample, and its gradient with respect to the logits.
//
// LOSS 0: binary cross-entropy, from the logits of a sigmoid output.
// LOSS 1: squared error of activation(logits).
// VECTOR: rows are whole vec4s.

#import diabolo::activation::{activate, activation_derivative, sigmoid}
#import diabolo::reduce::{workgroup_sum, REDUCE_LANES}
#import diabolo::step::Step

#ifdef VECTOR
alias Elements = vec4<f32>;
#else
alias Elements = f32;
#endif

struct Parameters {
    columns: u32,    // of Elements
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> logits: array<Elements>;         // [batch_size, columns]
@group(0) @binding(3) var<storage, read> targets: array<Elements>;        // [batch_size, columns], in [0, 1]
@group(0) @binding(4) var<storage, read_write> gradient: array<Elements>; // [batch_size, columns]
@group(0) @binding(5) var<storage, read_write> sample_losses: array<f32>; // [batch_size], summed over the columns

// One element's loss, and its derivative with respect to the logit.
fn loss_and_derivative(z: f32, t: f32) -> vec2<f32> {
#if LOSS == 0
    return vec2<f32>(max(z, 0.0) - z * t + log(1.0 + exp(-abs(z))), sigmoid(z) - t);
#else
    let y = activate(z);
    let difference = y - t;
    return vec2<f32>(difference * difference, 2.0 * difference * activation_derivative(y));
#endif
}

// A workgroup takes one sample. Rows past the batch's end get no loss and no gradient.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = workgroup.x;
    let weight = select(0.0, step.inverse_element_count, row < step.rows);
    var sum = 0.0;
    for (var column = lane; column < parameters.columns; column += REDUCE_LANES) {
        let i = row * parameters.columns + column;
        let z = logits[i];
        let t = targets[i];
#ifdef VECTOR
        let first = loss_and_derivative(z.x, t.x);
        let second = loss_and_derivative(z.y, t.y);
        let third = loss_and_derivative(z.z, t.z);
        let fourth = loss_and_derivative(z.w, t.w);
        sum += (first.x + second.x) + (third.x + fourth.x);
        gradient[i] = vec4<f32>(first.y, second.y, third.y, fourth.y) * weight;
#else
        let element = loss_and_derivative(z, t);
        sum += element.x;
        gradient[i] = element.y * weight;
#endif
    }
    let total = workgroup_sum(sum, lane);
    if lane == 0u {
        sample_losses[row] = select(0.0, total, row < step.rows);
    }
}
