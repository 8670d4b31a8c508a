// The gradient of what batch normalization takes, in the place of what it gave: `reference::normalization`.

#import diabolo::columns::{column_sum, COLUMNS, SLICES}
#import diabolo::grid::linear_index
#import diabolo::step::Step

struct Parameters {
    rows: u32,
    columns: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;            // [rows, columns], of what the activation takes
@group(0) @binding(3) var<storage, read> scale: array<f32>;               // [columns]
@group(0) @binding(4) var<storage, read> inverse_deviations: array<f32>;  // [columns]
@group(0) @binding(5) var<storage, read_write> values: array<f32>;        // [rows, columns], normalized

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
    var sum_along = 0.0;
    if is_inside {
        for (var row = slice; row < rows; row += SLICES) {
            let place = row * parameters.columns + column;
            sum += gradient[place];
            sum_along += gradient[place] * values[place];
        }
    }
    let mean = column_sum(sum, lane) / count;
    let mean_along = column_sum(sum_along, lane) / count;
    if is_inside {
        let factor = scale[column] * inverse_deviations[column];
        for (var row = slice; row < parameters.rows; row += SLICES) {
            let place = row * parameters.columns + column;
            // Rows past the batch's end have no gradient.
            values[place] = select(0.0, (gradient[place] - mean - values[place] * mean_along) * factor, row < rows);
        }
    }
}
