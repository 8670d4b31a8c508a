#define_import_path diabolo::corruption
#import diabolo::philox::{random_words, STREAM_CORRUPTION}

// The noise of `reference::corruption`, by its numbers in `kernels`.
const NO_NOISE: u32 = 0u;
const GAUSSIAN: u32 = 1u;
const MASKING: u32 = 2u;
const SALT_AND_PEPPER: u32 = 3u;

// The upper 24 bits of a word as an odd multiple of 2^-24 in (-1, 1).
fn symmetric(word: u32) -> f32 {
    return f32(2 * i32(word >> 8u) + 1 - 16777216) * 0x1p-24;
}

// sqrt(2) * erfinv(x) for a uniform x in (-1, 1), by Giles's polynomials.
fn normal(word: u32) -> f32 {
    let x = symmetric(word);
    let w = -log((1.0 - x) * (1.0 + x));
    let near = w - 2.5;
    let far = sqrt(max(w, 0.0)) - 3.0;
    let is_central = w < 5.0;
    let at = select(far, near, is_central);
    var p = select(-0.000200214257, 2.81022636e-08, is_central);
    p = p * at + select(0.000100950558, 3.43273939e-07, is_central);
    p = p * at + select(0.00134934322, -3.5233877e-06, is_central);
    p = p * at + select(-0.00367342844, -4.39150654e-06, is_central);
    p = p * at + select(0.00573950773, 0.00021858087, is_central);
    p = p * at + select(-0.0076224613, -0.00125372503, is_central);
    p = p * at + select(0.00943887047, -0.00417768164, is_central);
    p = p * at + select(1.00167406, 0.246640727, is_central);
    p = p * at + select(2.83297682, 1.50140941, is_central);
    return 1.4142135623730951 * (p * x);
}

// Four neighboring values of the image at `position` of the epoch; `block` counts such fours.
fn corrupted(
    noise: u32,
    amount: f32,
    seed: vec2<u32>,
    epoch: u32,
    position: u32,
    block: u32,
    values: vec4<f32>,
) -> vec4<f32> {
    let words = random_words(seed, STREAM_CORRUPTION, epoch, position, block);
    let drawn = vec4<f32>(words >> vec4<u32>(8u)) * 0x1p-24;
    let is_hit = drawn < vec4<f32>(amount);
    switch noise {
        case GAUSSIAN: {
            return values + amount * vec4<f32>(normal(words.x), normal(words.y), normal(words.z), normal(words.w));
        }
        case MASKING: {
            return select(values, vec4<f32>(), is_hit);
        }
        case SALT_AND_PEPPER: {
            return select(values, select(vec4<f32>(1.0), vec4<f32>(), drawn < vec4<f32>(0.5 * amount)), is_hit);
        }
        default: {
            return values;
        }
    }
}
