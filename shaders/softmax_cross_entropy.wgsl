// The cross-entropy of each sample's class with the softmax of its logits, times the class's weight, and its gradient with respect to the
// logits.

#import diabolo::grid::linear_index
#import diabolo::step::Step

struct Parameters {
    batch_size: u32,
    classes: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> logits: array<f32>;              // [batch_size, classes]
@group(0) @binding(3) var<storage, read> labels: array<u32>;              // [batch_size], below classes
@group(0) @binding(4) var<storage, read> class_weights: array<f32>;       // [classes]
@group(0) @binding(5) var<storage, read_write> gradient: array<f32>;      // [batch_size, classes]
@group(0) @binding(6) var<storage, read_write> sample_losses: array<f32>; // [steps of a submission, batch_size], parts of the mean loss

// An invocation takes one sample: there are few classes. Rows past the batch's end get no loss and no gradient.
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = linear_index(workgroup, workgroups, lane, 64u);
    if row >= parameters.batch_size {
        return;
    }
    let first = row * parameters.classes;
    let label = labels[row];
    let weight = select(0.0, class_weights[label] * step.inverse_element_count, row < step.rows);
    var largest = logits[first];
    for (var column = 1u; column < parameters.classes; column++) {
        largest = max(largest, logits[first + column]);
    }
    // Exponentials of numbers up to 0 only, one of which is 0: the sum is at least 1.
    var sum = 0.0;
    for (var column = 0u; column < parameters.classes; column++) {
        sum += exp(logits[first + column] - largest);
    }
    for (var column = 0u; column < parameters.classes; column++) {
        let share = exp(logits[first + column] - largest) / sum;
        gradient[first + column] = (share - select(0.0, 1.0, column == label)) * weight;
    }
    sample_losses[step.loss_slot * parameters.batch_size + row] = (log(sum) - (logits[first + label] - largest)) * weight;
}
