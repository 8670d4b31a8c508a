// What follows the normalization in a layer: activation(normalized * scale + shift).
//
// DERIVATIVE: the activation's derivative is kept as well.

#import diabolo::activation::activate_as
#import diabolo::grid::linear_index

struct Parameters {
    count: u32,
    columns: u32,
    activation: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> normalized: array<f32>;          // [rows, columns]
@group(0) @binding(2) var<storage, read> scale: array<f32>;               // [columns]
@group(0) @binding(3) var<storage, read> shift: array<f32>;               // [columns]
@group(0) @binding(4) var<storage, read_write> output: array<f32>;        // [rows, columns]
#ifdef DERIVATIVE
@group(0) @binding(5) var<storage, read_write> derivative: array<f32>;    // [rows, columns]
#endif

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
    let result = activate_as(parameters.activation, normalized[i] * scale[column] + shift[column]);
    output[i] = result.x;
#ifdef DERIVATIVE
    derivative[i] = result.y;
#endif
}
