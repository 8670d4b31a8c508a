// Four random words for each counter and key: the generator by itself, for a test of it.

#import diabolo::philox::random_words

@group(0) @binding(0) var<storage, read> counters: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> keys: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read_write> words: array<vec4<u32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) place: vec3<u32>) {
    if place.x < arrayLength(&counters) {
        let counter = counters[place.x];    // block, index, step, stream
        words[place.x] = random_words(keys[place.x], counter.w, counter.z, counter.y, counter.x);
    }
}
