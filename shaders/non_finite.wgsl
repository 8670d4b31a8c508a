// Where a tensor holds a number that is not finite, if anywhere, by its bits: WGSL promises nothing about arithmetic with such numbers.

const LANES: u32 = 64u;
const NONE: u32 = 0xffffffffu;
const EXPONENT: u32 = 0x7f800000u;    // of infinities and NaNs, and of no other number

struct Parameters {
    count: u32,      // elements of the tensor
    first: u32,      // where its findings begin
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> words: array<u32>;               // [count], the bits of f32
@group(0) @binding(2) var<storage, read_write> found: array<u32>;         // one for each workgroup: a place from 1, or 0

var<workgroup> firsts: array<u32, 64>;

// Stretches of 64 elements go to the workgroups in turn.
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    var first = NONE;
    for (var i = workgroup.x * LANES + lane; i < parameters.count; i += workgroups.x * LANES) {
        first = min(first, select(NONE, i, (words[i] & EXPONENT) == EXPONENT));
    }
    firsts[lane] = first;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            firsts[lane] = min(firsts[lane], firsts[lane + half]);
        }
    }
    if lane == 0u {
        // NONE and 1 make 0.
        found[parameters.first + workgroup.x] = firsts[0] + 1u;
    }
}
