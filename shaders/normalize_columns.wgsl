// Batch normalization of what a layer's product gives, in place, and the statistics that stay of it: `reference::normalization`.

#import diabolo::columns::{column_sum, COLUMNS, SLICES}
#import diabolo::grid::linear_index
#import diabolo::step::Step

struct Parameters {
    rows: u32,
    columns: u32,
    epsilon: f32,          // added to the variance
    running_share: f32,    // what of the running statistics stays
    batch_share: f32,      // what of the batch's is added to that
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read_write> values: array<f32>;        // [rows, columns]
@group(0) @binding(3) var<storage, read_write> inverse_deviations: array<f32>; // [columns]
@group(0) @binding(4) var<storage, read_write> running_means: array<f32>; // [columns]
@group(0) @binding(5) var<storage, read_write> running_variances: array<f32>; // [columns]

// The mean is subtracted before anything is squared, so that no digits are lost where it is large.
@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let column = linear_index(workgroup, workgroups, lane % COLUMNS, COLUMNS);
    let rows = min(parameters.rows, step.rows);
    let count = f32(rows);
    let is_inside = column < parameters.columns;
    let slice = lane / COLUMNS;
    var sum = 0.0;
    if is_inside {
        for (var row = slice; row < rows; row += SLICES) {
            sum += values[row * parameters.columns + column];
        }
    }
    let mean = column_sum(sum, lane) / count;
    var squares = 0.0;
    if is_inside {
        for (var row = slice; row < rows; row += SLICES) {
            let centered = values[row * parameters.columns + column] - mean;
            squares += centered * centered;
        }
    }
    let sum_of_squares = column_sum(squares, lane);
    let inverse_deviation = 1.0 / sqrt(sum_of_squares / count + parameters.epsilon);
    if is_inside {
        for (var row = slice; row < parameters.rows; row += SLICES) {
            let place = row * parameters.columns + column;
            // Rows past the batch's end hold what the layer makes of nothing.
            values[place] = select(0.0, (values[place] - mean) * inverse_deviation, row < rows);
        }
    }
    if lane < COLUMNS && is_inside {
        inverse_deviations[column] = inverse_deviation;
        // One image tells nothing of how much images differ.
        if rows > 1u {
            let variance = sum_of_squares / f32(rows - 1u);
            running_means[column] = parameters.running_share * running_means[column] + parameters.batch_share * mean;
            running_variances[column] =
                parameters.running_share * running_variances[column] + parameters.batch_share * variance;
        }
    }
}
