#define_import_path diabolo::shuffle
#import diabolo::philox::{random_words, STREAM_SHUFFLE}

// A permutation of 0..length that needs no memory, bit for bit the twin of `reference::shuffle`.

// MurmurHash3's 32-bit finalizer.
fn mix(word: u32) -> u32 {
    var h = word;
    h = (h ^ (h >> 16u)) * 0x85ebca6bu;
    h = (h ^ (h >> 13u)) * 0xc2b2ae35u;
    return h ^ (h >> 16u);
}

// One pass of a Feistel network over 2 * half_bits bits.
fn permute(value: u32, half_bits: u32, round_keys: vec4<u32>) -> u32 {
    let mask = 0xffffffffu >> (32u - half_bits);
    var left = value >> half_bits;
    var right = value & mask;
    for (var round = 0u; round < 4u; round++) {
        let mixed = left ^ (mix(right ^ round_keys[round]) & mask);
        left = right;
        right = mixed;
    }
    return (left << half_bits) | right;
}

// The sample that stands at `position` in an epoch's order; position < length, or the walk may not end.
fn sample_at(position: u32, length: u32, seed: vec2<u32>, epoch: u32) -> u32 {
    let round_keys = random_words(seed, STREAM_SHUFFLE, epoch, 0u, 0u);
    let bits = 32u - countLeadingZeros(length - 1u);
    let half_bits = max((bits + 1u) / 2u, 1u);
    var value = permute(position, half_bits, round_keys);
    while (value >= length) {
        value = permute(value, half_bits, round_keys);
    }
    return value;
}
