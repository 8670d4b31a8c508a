// Of each row the largest numbers stay, with what equals the smallest of them. The others become 0, and so do their derivatives.
//
// MASK: there are no derivatives yet; those of what stays are 1.

#import diabolo::reduce::{workgroup_sum, REDUCE_LANES}

struct Parameters {
    columns: u32,
    kept: u32,      // how many stay
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;        // [rows, columns]
@group(0) @binding(2) var<storage, read_write> derivative: array<f32>;    // [rows, columns]

// A number's bits, so changed that they are in order as integers; both zeros are one, which only their bits tell apart for sure.
fn key(value: f32) -> u32 {
    let given = bitcast<u32>(value);
    let bits = select(given, 0u, given << 1u == 0u);
    return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

// A workgroup takes one row.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let first = workgroup.x * parameters.columns;
    // The largest key that as many numbers reach as are to stay, from its highest bit on.
    var threshold = 0u;
    for (var place = 0u; place < 32u; place++) {
        let candidate = threshold | (0x80000000u >> place);
        var count = 0.0;
        for (var column = lane; column < parameters.columns; column += REDUCE_LANES) {
            count += select(0.0, 1.0, key(values[first + column]) >= candidate);
        }
        if workgroup_sum(count, lane) >= f32(parameters.kept) {
            threshold = candidate;
        }
    }
    for (var column = lane; column < parameters.columns; column += REDUCE_LANES) {
        let i = first + column;
        let stays = key(values[i]) >= threshold;
        if !stays {
            values[i] = 0.0;
        }
#ifdef MASK
        derivative[i] = select(0.0, 1.0, stays);
#else
        if !stays {
            derivative[i] = 0.0;
        }
#endif
    }
}
