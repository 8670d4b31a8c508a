// A batch out of the data set: one row of f32 in [0, 1] for each sample, from its 8-bit pixels.
//
// SHUFFLE: in the order of the epoch. CHOSEN: as another tensor lists them. CORRUPT: a second matrix gets them with noise. VECTOR: rows
// are whole vec4s, one for each word.

#import diabolo::step::Step
#ifdef CORRUPT
#import diabolo::corruption::corrupted
#endif
#ifdef SHUFFLE
#import diabolo::shuffle::sample_at
#endif

struct Parameters {
    sample_count: u32,        // samples in the data set
    pixels: u32,              // 8-bit values of a sample
    words_per_sample: u32,    // pixels / 4, rounded up: samples start at whole words
    noise: u32,
    amount: f32,              // of the noise
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> samples: array<u32>;             // [sample_count, words_per_sample]
#ifdef VECTOR
@group(0) @binding(3) var<storage, read_write> batch: array<vec4<f32>>;   // [batch_size, words_per_sample]
#else
@group(0) @binding(3) var<storage, read_write> batch: array<f32>;         // [batch_size, pixels]
#endif
#ifdef CORRUPT
#ifdef VECTOR
@group(0) @binding(4) var<storage, read_write> corrupted_batch: array<vec4<f32>>; // [batch_size, words_per_sample]
#else
@group(0) @binding(4) var<storage, read_write> corrupted_batch: array<f32>; // [batch_size, pixels]
#endif
#endif

#ifdef CHOSEN
@group(0) @binding(5) var<storage, read> chosen: array<u32>;              // [batch_size]
#endif

const LANES: u32 = 64u;

// A workgroup makes one row, so that its lanes share one walk through the permutation.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = workgroup.x;
#ifdef CHOSEN
    let in_batch = row < step.rows;
#else
    let in_batch = row < step.rows && step.first_sample + row < parameters.sample_count;
#endif
    var sample = 0u;
    if in_batch {
#ifdef CHOSEN
        sample = chosen[row];
#else
        sample = step.first_sample + row;
#endif
#ifdef SHUFFLE
        sample = sample_at(sample, parameters.sample_count, vec2<u32>(step.seed_low, step.seed_high), step.epoch);
#endif
    }
    for (var word = lane; word < parameters.words_per_sample; word += LANES) {
        let bytes = select(0u, samples[sample * parameters.words_per_sample + word], in_batch);
        let pixels = vec4<f32>((vec4<u32>(bytes) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(0xffu)) * (1.0 / 255.0);
#ifdef CORRUPT
        let seed = vec2<u32>(step.seed_low, step.seed_high);
        let position = step.first_position + row;
        let with_noise = corrupted(parameters.noise, parameters.amount, seed, step.epoch, position, word, pixels);
        let noisy = select(vec4<f32>(), with_noise, in_batch);
#endif
#ifdef VECTOR
        batch[row * parameters.words_per_sample + word] = pixels;
#ifdef CORRUPT
        corrupted_batch[row * parameters.words_per_sample + word] = noisy;
#endif
#else
        let first = 4u * word;
        for (var i = 0u; i < 4u; i++) {
            if first + i < parameters.pixels {
                batch[row * parameters.pixels + first + i] = pixels[i];
#ifdef CORRUPT
                corrupted_batch[row * parameters.pixels + first + i] = noisy[i];
#endif
            }
        }
#endif
    }
}
