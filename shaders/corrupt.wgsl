// A batch with noise, as a layer in pre-training sees what the layers before it give. Rows past the end of the batch become zero.

#import diabolo::corruption::corrupted
#import diabolo::step::Step

struct Parameters {
    columns: u32,
    noise: u32,
    amount: f32,    // of the noise
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> batch: array<f32>;                  // [batch_size, columns]
@group(0) @binding(3) var<storage, read_write> corrupted_batch: array<f32>;  // [batch_size, columns]

const LANES: u32 = 64u;

// A workgroup makes one row, each lane four neighbors at a time, which share their random words.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = workgroup.x;
    let seed = vec2<u32>(step.seed_low, step.seed_high);
    for (var first = 4u * lane; first < parameters.columns; first += 4u * LANES) {
        let place = row * parameters.columns + first;
        var values = vec4<f32>();
        for (var i = 0u; i < 4u; i++) {
            if first + i < parameters.columns {
                // Not values[i]: Microsoft's older compiler refuses to store at an index that is not constant.
                values = select(values, vec4<f32>(batch[place + i]), vec4<u32>(i) == vec4<u32>(0u, 1u, 2u, 3u));
            }
        }
        let position = step.first_position + row;
        let noisy = corrupted(parameters.noise, parameters.amount, seed, step.epoch, position, first / 4u, values);
        for (var i = 0u; i < 4u; i++) {
            if first + i < parameters.columns {
                corrupted_batch[place + i] = select(0.0, noisy[i], row < step.rows);
            }
        }
    }
}
