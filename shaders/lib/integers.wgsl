#define_import_path diabolo::integers

// Four floats as two 64-bit integers: Mesa's CPU driver loads integer by integer, whatever their width.

fn floats(bits: vec2<u64>) -> vec4<f32> {
    return bitcast<vec4<f32>>(vec4<u32>(u32(bits.x), u32(bits.x >> 32u), u32(bits.y), u32(bits.y >> 32u)));
}

fn integers(values: vec4<f32>) -> vec2<u64> {
    let words = vec4<u64>(bitcast<vec4<u32>>(values));
    return vec2<u64>(words.x | (words.y << 32u), words.z | (words.w << 32u));
}
