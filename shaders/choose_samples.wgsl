// The samples of a batch and their classes.
//
// BALANCED: all classes are as likely as each other, each sample of a class as the others of it. Else in the order of the epoch, which takes
// every sample once.

#import diabolo::grid::linear_index
#import diabolo::step::Step
#ifdef BALANCED
#import diabolo::philox::{multiply_high, random_words, STREAM_BALANCE}
#else
#import diabolo::shuffle::sample_at
#endif

struct Parameters {
    batch_size: u32,
    sample_count: u32,   // samples in the data set
    class_count: u32,    // classes that have samples
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> labels: array<u32>;              // [sample_count]
#ifdef BALANCED
@group(0) @binding(3) var<storage, read> members: array<u32>;             // [class_count + 1 + sample_count]: where each class begins behind them, and its samples
#endif
@group(0) @binding(4) var<storage, read_write> chosen: array<u32>;        // [batch_size]
@group(0) @binding(5) var<storage, read_write> batch_labels: array<u32>;  // [batch_size]

// An invocation takes one row. Rows past the batch's end have sample 0 and class 0, which count for nothing.
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
    var sample = 0u;
    var label = 0u;
    let position = step.first_position + row;
    if row < step.rows && position < parameters.sample_count {
        let seed = vec2<u32>(step.seed_low, step.seed_high);
#ifdef BALANCED
        let words = random_words(seed, STREAM_BALANCE, step.epoch, position, 0u);
        let class_index = multiply_high(words.x, parameters.class_count);
        let start = members[class_index];
        let member = start + multiply_high(words.y, members[class_index + 1u] - start);
        sample = members[parameters.class_count + 1u + member];
#else
        sample = sample_at(position, parameters.sample_count, seed, step.epoch);
#endif
        label = labels[sample];
    }
    chosen[row] = sample;
    batch_labels[row] = label;
}
