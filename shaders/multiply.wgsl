// Multiplies a matrix by another one, element by element.

#import diabolo::grid::linear_index

struct Parameters {
    count: u32,      // elements
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> factors: array<f32>;             // [rows, columns]
@group(0) @binding(2) var<storage, read_write> product: array<f32>;       // [rows, columns]

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
    product[i] *= factors[i];
}
