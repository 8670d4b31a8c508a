// A variational code out of what its layer gives, means and log variances: `reference::variational`.

#import diabolo::step::Step
#import diabolo::variational::{code_noise, log_variance}

struct Parameters {
    units: u32,
    draws: u32,    // 1: numbers are drawn; 0: the code is their means
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> distribution: array<f32>;        // [batch_size, 2 * units]: means, then log variances
@group(0) @binding(3) var<storage, read_write> code: array<f32>;          // [batch_size, units]

const LANES: u32 = 64u;

// A workgroup makes one row.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = workgroup.x;
    let units = parameters.units;
    for (var block = lane; 4u * block < units; block += LANES) {
        var noise = vec4<f32>();
        if parameters.draws == 1u {
            noise = code_noise(vec2<u32>(step.seed_low, step.seed_high), step.epoch, step.first_position + row, block);
        }
        for (var i = 0u; i < 4u; i++) {
            let unit = 4u * block + i;
            if unit < units {
                let mean = distribution[2u * row * units + unit];
                let deviation = exp(0.5 * log_variance(distribution[(2u * row + 1u) * units + unit]));
                code[row * units + unit] = mean + deviation * noise[i];
            }
        }
    }
}
