// Drops a share of a layer's outputs in training and multiplies the others, and the derivatives alike: `reference::dropout`.
//
// MASK: there are no derivatives yet; those of what stays are `scale`.

#import diabolo::philox::{random_words, STREAM_DROPOUT}
#import diabolo::step::Step

struct Parameters {
    columns: u32,
    first_block: u32,    // of four neighboring outputs of the layer
    share: f32,          // that is dropped
    scale: f32,          // 1 / (1 - share)
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read_write> values: array<f32>;        // [batch_size, columns]
@group(0) @binding(3) var<storage, read_write> derivative: array<f32>;    // [batch_size, columns]

const LANES: u32 = 64u;

// A workgroup takes one row, each lane four neighbors at a time, which share their random words.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = workgroup.x;
    let seed = vec2<u32>(step.seed_low, step.seed_high);
    for (var block = lane; 4u * block < parameters.columns; block += LANES) {
        let place = parameters.first_block + block;
        let words = random_words(seed, STREAM_DROPOUT, step.epoch, step.first_position + row, place);
        let stays = vec4<f32>(words >> vec4<u32>(8u)) * 0x1p-24 >= vec4<f32>(parameters.share);
        let factors = select(vec4<f32>(), vec4<f32>(parameters.scale), stays);
        for (var i = 0u; i < 4u; i++) {
            let column = 4u * block + i;
            if column < parameters.columns {
                values[row * parameters.columns + column] *= factors[i];
#ifdef MASK
                derivative[row * parameters.columns + column] = factors[i];
#else
                derivative[row * parameters.columns + column] *= factors[i];
#endif
            }
        }
    }
}
