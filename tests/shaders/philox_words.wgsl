// Four random words for each counter and key: the generator by itself, for a test of it.

#import diabolo::philox::philox4x32_10

@group(0) @binding(0) var<storage, read> counters: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> keys: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read_write> words: array<vec4<u32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) place: vec3<u32>) {
    if place.x < arrayLength(&counters) {
        words[place.x] = philox4x32_10(counters[place.x], keys[place.x]);
    }
}
