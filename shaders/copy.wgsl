// A copy of a tensor: what an adapter's bandwidth is measured with.

#import diabolo::grid::linear_index

struct Parameters {
    quads: u32,    // groups of four elements
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> original: array<vec4<f32>>;      // [quads]
@group(0) @binding(2) var<storage, read_write> copied: array<vec4<f32>>;  // [quads]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = linear_index(workgroup, workgroups, lane, 64u);
    if i < parameters.quads {
        copied[i] = original[i];
    }
}
