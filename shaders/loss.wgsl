// The loss of each sample, and its gradient with respect to the logits.
//
// VECTOR: rows are whole vec4s.

#import diabolo::loss::loss_and_derivative
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
@group(0) @binding(5) var<storage, read_write> sample_losses: array<f32>; // [steps of a submission, batch_size], parts of the mean loss

// A workgroup takes one sample. Rows past the batch's end get no loss and no gradient.
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
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
        sample_losses[step.loss_slot * workgroups.x + row] = total * weight;
    }
}
