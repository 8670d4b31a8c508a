#define_import_path diabolo::philox

// Philox4x32-10 (Salmon et al., SC 2011), bit for bit the twin of `reference::philox`.

const MULTIPLIER_X: u32 = 0xD2511F53u;
const MULTIPLIER_Z: u32 = 0xCD9E8D57u;
const KEY_INCREMENT: vec2<u32> = vec2<u32>(0x9E3779B9u, 0xBB67AE85u);

// What a random number is for, as in `reference::philox::Stream`.
const STREAM_SHUFFLE: u32 = 0u;
const STREAM_CORRUPTION: u32 = 5u;
const STREAM_CODE: u32 = 6u;
const STREAM_BALANCE: u32 = 9u;
const STREAM_DROPOUT: u32 = 13u;
const STREAM_AUGMENTATION: u32 = 14u;

// The high half of a 32 x 32 -> 64 bit product, which WGSL lacks, from 16-bit halves.
fn multiply_high(a: u32, b: u32) -> u32 {
    let a_low = a & 0xffffu;
    let a_high = a >> 16u;
    let b_low = b & 0xffffu;
    let b_high = b >> 16u;
    let middle = a_high * b_low + ((a_low * b_low) >> 16u);
    let carry = a_low * b_high + (middle & 0xffffu);
    return a_high * b_high + (middle >> 16u) + (carry >> 16u);
}

fn philox4x32_10(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    var state = counter;
    var round_key = key;
    for (var round = 0u; round < 10u; round++) {
        state = vec4<u32>(
            multiply_high(MULTIPLIER_Z, state.z) ^ state.y ^ round_key.x,
            MULTIPLIER_Z * state.z,
            multiply_high(MULTIPLIER_X, state.x) ^ state.w ^ round_key.y,
            MULTIPLIER_X * state.x,
        );
        round_key += KEY_INCREMENT;
    }
    return state;
}

// Four random words for one place in a stream; `block` counts the draws at the same (step, index).
fn random_words(seed: vec2<u32>, stream: u32, step: u32, index: u32, block: u32) -> vec4<u32> {
    return philox4x32_10(vec4<u32>(block, index, step, stream), seed);
}
