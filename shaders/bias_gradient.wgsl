// The gradient of a bias: the sum of each column of the layer's gradient.
//
// SCALE: that of a scale, each number of the gradient times what the layer has normalized.
// VECTOR: four columns at a time.

#import diabolo::columns::{column_sum, COLUMNS, SLICES}
#import diabolo::grid::linear_index

#ifdef VECTOR
alias Elements = vec4<f32>;
#else
alias Elements = f32;
#endif

struct Parameters {
    rows: u32,
    columns: u32,    // of Elements
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> gradient: array<Elements>;       // [rows, columns]
@group(0) @binding(2) var<storage, read_write> bias_gradient: array<Elements>; // [columns]
#ifdef SCALE
@group(0) @binding(3) var<storage, read> normalized: array<Elements>;     // [rows, columns]
#endif

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let column = linear_index(workgroup, workgroups, lane % COLUMNS, COLUMNS);
    var sum = Elements();
    if column < parameters.columns {
        for (var row = lane / COLUMNS; row < parameters.rows; row += SLICES) {
            let place = row * parameters.columns + column;
#ifdef SCALE
            sum += gradient[place] * normalized[place];
#else
            sum += gradient[place];
#endif
        }
    }
    let total = column_sum(sum, lane);
    if lane < COLUMNS && column < parameters.columns {
        bias_gradient[column] = total;
    }
}
