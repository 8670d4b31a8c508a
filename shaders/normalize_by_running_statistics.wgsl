// Batch normalization outside of training, by the statistics that were collected in it, in place: `reference::normalization`.

#import diabolo::grid::linear_index

struct Parameters {
    count: u32,
    columns: u32,
    epsilon: f32,    // added to the variance
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> means: array<f32>;               // [columns]
@group(0) @binding(2) var<storage, read> variances: array<f32>;           // [columns]
@group(0) @binding(3) var<storage, read_write> values: array<f32>;        // [rows, columns]

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
    let column = i % parameters.columns;
    values[i] = (values[i] - means[column]) / sqrt(variances[column] + parameters.epsilon);
}
