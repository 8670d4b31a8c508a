#define_import_path diabolo::variational
#import diabolo::corruption::normal
#import diabolo::philox::{random_words, STREAM_CODE}

// A log variance is kept so far from 0, so that its exponential stays finite.
const LOG_VARIANCE_LIMIT: f32 = 20.0;

fn log_variance(given: f32) -> f32 {
    return clamp(given, -LOG_VARIANCE_LIMIT, LOG_VARIANCE_LIMIT);
}

// Numbers of mean 0 and variance 1 for four neighboring units of the code at `position` of the epoch; `block` counts such fours.
fn code_noise(seed: vec2<u32>, epoch: u32, position: u32, block: u32) -> vec4<f32> {
    let words = random_words(seed, STREAM_CODE, epoch, position, block);
    return vec4<f32>(normal(words.x), normal(words.y), normal(words.z), normal(words.w));
}
