// Multiply-adds in registers, x · factor + addend over and over: what an adapter's peak rate is measured with.

#import diabolo::grid::linear_index

struct Parameters {
    quads: u32,         // groups of four elements
    iterations: u32,    // of four multiply-adds each
    factor: f32,
    addend: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read_write> values: array<vec4<f32>>;  // [quads]

// Four at once, so that the loop itself costs little.
fn four_multiply_adds(x: vec4<f32>, factor: vec4<f32>, addend: vec4<f32>) -> vec4<f32> {
    return fma(fma(fma(fma(x, factor, addend), factor, addend), factor, addend), factor, addend);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = linear_index(workgroup, workgroups, lane, 64u);
    if i >= parameters.quads {
        return;
    }
    let factor = vec4<f32>(parameters.factor);
    let addend = vec4<f32>(parameters.addend);
    // Chains that do not wait for each other, enough to keep every unit at work.
    var a = values[i];
    var b = a + 1.0;
    var c = a + 2.0;
    var d = a + 3.0;
    for (var iteration = 0u; iteration < parameters.iterations; iteration++) {
        a = four_multiply_adds(a, factor, addend);
        b = four_multiply_adds(b, factor, addend);
        c = four_multiply_adds(c, factor, addend);
        d = four_multiply_adds(d, factor, addend);
    }
    values[i] = a + b + c + d;
}
