// The sum of each column of a matrix, or of its squares, as what is asked of a code needs them.

#import diabolo::columns::{column_sum, COLUMNS, SLICES}
#import diabolo::grid::linear_index
#import diabolo::step::Step

// What is summed, by its number in `kernels`.
const MEAN_OF_BATCH: u32 = 0u;       // of the batch's rows, divided by their number
const SQUARES: u32 = 1u;             // the squares of all rows
const SQUARES_OF_BATCH: u32 = 2u;    // those of the batch's rows, times a factor and the weight of an element in the mean loss

struct Parameters {
    rows: u32,
    columns: u32,
    first: u32,     // where the sums begin
    sum: u32,
    factor: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> matrix: array<f32>;              // [rows, columns]
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;          // [columns] of it

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let column = linear_index(workgroup, workgroups, lane % COLUMNS, COLUMNS);
    // Rows past the batch's end hold what the layer makes of nothing.
    let rows = select(min(parameters.rows, step.rows), parameters.rows, parameters.sum == SQUARES);
    var sum = 0.0;
    if column < parameters.columns {
        for (var row = lane / COLUMNS; row < rows; row += SLICES) {
            let element = matrix[row * parameters.columns + column];
            sum += select(element * element, element, parameters.sum == MEAN_OF_BATCH);
        }
    }
    let total = column_sum(sum, lane);
    if lane < COLUMNS && column < parameters.columns {
        var scaled = total;
        if parameters.sum == MEAN_OF_BATCH {
            scaled /= f32(step.rows);
        } else if parameters.sum == SQUARES_OF_BATCH {
            scaled *= parameters.factor * step.inverse_element_count;
        }
        sums[parameters.first + column] = scaled;
    }
}
