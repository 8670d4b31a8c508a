// A tile of a batch through a whole network and back, in one dispatch, for software adapters: as propagate.wgsl, but a workgroup is one
// subgroup of eight lanes and takes 32 rows; see matmul_subgroup.wgsl for why it loads as it does.

#import diabolo::activation::activated
#import diabolo::corruption::{corrupted, NO_NOISE}
#import diabolo::integers::{floats, integers}
#import diabolo::layer::{Layer, MAXIMUM_LAYERS}
#import diabolo::propagation::{Parameters, Way, first_quad, losses_of, steps_of, way_back, way_forward, with_products}
#import diabolo::shuffle::sample_at
#import diabolo::step::Step

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<uniform> layers: array<Layer, MAXIMUM_LAYERS>;
@group(0) @binding(3) var<storage, read> samples: array<u32>;                  // [sample_count, pixels / 4], four pixels in a word
@group(0) @binding(4) var<storage, read> values: array<vec2<u64>>;             // every weight and bias
@group(0) @binding(5) var<storage, read_write> batch: array<vec2<u64>>;        // every input and gradient
@group(0) @binding(6) var<storage, read_write> sample_losses: array<f32>;      // [steps of a submission, 4 * groups]

// Groups of four rows that a workgroup takes.
const GROUPS: u32 = 8u;
const LANES: u32 = 8u;
const ROWS: u32 = 4u * GROUPS;
const NO_SAMPLE: u32 = 0xffffffffu;
// Quads that each lane loads of four columns of an input.
const SHARES: u32 = ROWS / LANES;

var<workgroup> sample_of_row: array<u32, ROWS>;
// [GROUPS, columns of a quad, LANES]
var<workgroup> partial_sums: array<vec2<u64>, GROUPS * 4u * LANES>;

fn batch_quad(place: u32) -> vec4<f32> {
    return floats(batch[place]);
}

fn store_batch_quad(place: u32, quad: vec4<f32>) {
    batch[place] = integers(quad);
}

// The weights of one step of the sum for each of four columns, for four steps.
fn weights(layer: Layer, k: u32, column_quad: u32, is_forward: bool) -> mat4x4<f32> {
    let first = first_quad(layer, k, column_quad, is_forward);
    let apart = layer.outputs / 4u;
    let stored = mat4x4<f32>(
        floats(values[first]),
        floats(values[first + apart]),
        floats(values[first + 2u * apart]),
        floats(values[first + 3u * apart]),
    );
    return steps_of(stored, is_forward);
}

// One of the quads that the lanes have loaded; `place` is a literal once loops are unrolled.
fn shared_quad(shares: ptr<function, array<vec4<f32>, SHARES>>, place: u32) -> vec4<f32> {
    return subgroupShuffle((*shares)[place / LANES], place % LANES);
}

// Of four groups: the driver does not unroll a longer loop, and sums whose index is not constant would live in memory.
fn accumulate(
    sums: ptr<function, array<mat4x4<f32>, GROUPS>>,
    shares: ptr<function, array<vec4<f32>, SHARES>>,
    first_group: u32,
    weights: mat4x4<f32>,
) {
    for (var i = 0u; i < 4u; i++) {
        let group = first_group + i;
        let inputs = mat4x4<f32>(
            shared_quad(shares, 4u * group),
            shared_quad(shares, 4u * group + 1u),
            shared_quad(shares, 4u * group + 2u),
            shared_quad(shares, 4u * group + 3u),
        );
        (*sums)[group] = with_products((*sums)[group], inputs, weights);
    }
}

// A lane's columns of input · weight, or on the way back of gradient · weightᵀ, added to the sums.
fn products(
    sums: ptr<function, array<mat4x4<f32>, GROUPS>>,
    way: Way,
    layer: Layer,
    column_quad: u32,
    lane: u32,
) {
    for (var k = 0u; k < way.width / 4u; k++) {
        let steps = weights(layer, k, column_quad, way.is_forward);
        var shares: array<vec4<f32>, SHARES>;
        for (var i = 0u; i < SHARES; i++) {
            let quad = LANES * i + lane;
            shares[i] = batch_quad(way.factor + quad / 4u * way.width + 4u * k + quad % 4u);
        }
        accumulate(sums, &shares, 0u, steps);
        accumulate(sums, &shares, 4u, steps);
    }
}

// Stores the output of a layer and its derivative, or the gradient of a layer's result; returns the losses of the rows, of logits.
fn finish(way: Way, first_group: u32, group: u32, column: u32, sum: vec4<f32>) -> vec4<f32> {
    let place = group * way.columns + column;
    if !way.is_forward {
        store_batch_quad(way.result + place, sum * batch_quad(way.other + place));
        return vec4<f32>();
    }
    let y = activated(way.activation, sum);
    if !way.is_last {
        store_batch_quad(way.result + place, y.outputs);
        store_batch_quad(way.other + place, y.derivatives);
        return vec4<f32>();
    }
    let targets = batch_quad(way.other + place);
    let of_rows = losses_of(parameters, step, 4u * (first_group + group), sum, y, targets);
    store_batch_quad(way.result + place, of_rows.gradients);
    return of_rows.losses;
}

// The sums' start: the bias of four columns.
fn first_sums(way: Way, layer: Layer, column_quad: u32) -> mat4x4<f32> {
    if !way.is_forward {
        return mat4x4<f32>();
    }
    let bias = floats(values[layer.bias + min(column_quad, layer.outputs / 4u - 1u)]);
    return mat4x4<f32>(vec4<f32>(bias.x), vec4<f32>(bias.y), vec4<f32>(bias.z), vec4<f32>(bias.w));
}

fn way_of(layer: Layer, index: u32, first_group: u32, is_forward: bool) -> Way {
    if is_forward {
        let is_last = index + 1u == parameters.layer_count;
        return way_forward(layer, layers[min(index + 1u, MAXIMUM_LAYERS - 1u)], is_last, parameters.targets, first_group);
    }
    return way_back(layer, layers[index - 1u], first_group);
}

// All columns of a layer's output, or of its input's gradient, for the tile's rows.
fn pass_layer(
    losses: ptr<function, array<vec4<f32>, GROUPS>>,
    index: u32,
    first_group: u32,
    lane: u32,
    is_forward: bool,
) {
    let layer = layers[index];
    let way = way_of(layer, index, first_group, is_forward);
    for (var first = 0u; first < way.columns / 4u; first += LANES) {
        let column_quad = first + lane;
        let start = first_sums(way, layer, column_quad);
        var sums = array<mat4x4<f32>, GROUPS>(start, start, start, start, start, start, start, start);
        products(&sums, way, layer, column_quad, lane);
        store_parts(sums[0], lane);
        store_parts(sums[1], lane + 4u * LANES);
        store_parts(sums[2], lane + 8u * LANES);
        store_parts(sums[3], lane + 12u * LANES);
        store_parts(sums[4], lane + 16u * LANES);
        store_parts(sums[5], lane + 20u * LANES);
        store_parts(sums[6], lane + 24u * LANES);
        store_parts(sums[7], lane + 28u * LANES);
        // Each lane takes its own sums back, one after the other: as many copies of what follows would take the driver seconds to compile.
        if column_quad < way.columns / 4u {
            for (var i = 0u; i < ROWS; i++) {
                let sum = floats(partial_sums[LANES * i + lane]);
                (*losses)[i / 4u] += finish(way, first_group, i / 4u, 4u * column_quad + i % 4u, sum);
            }
        }
    }
}

fn store_parts(sums: mat4x4<f32>, place: u32) {
    partial_sums[place] = integers(sums[0]);
    partial_sums[place + LANES] = integers(sums[1]);
    partial_sums[place + 2u * LANES] = integers(sums[2]);
    partial_sums[place + 3u * LANES] = integers(sums[3]);
}

fn with_noise(row: u32, word: u32, pixels: vec4<f32>) -> vec4<f32> {
    let seed = vec2<u32>(step.seed_low, step.seed_high);
    return corrupted(parameters.noise, parameters.amount, seed, step.epoch, step.first_position + row, word, pixels);
}

// The tile's samples as numbers in [0, 1], four pixels of four rows at a time, and with noise if there is to be some.
fn gather(first_group: u32, lane: u32) {
    for (var row = lane; row < ROWS; row += LANES) {
        let position = step.first_sample + 4u * first_group + row;
        var sample = NO_SAMPLE;
        if 4u * first_group + row < step.rows && position < parameters.sample_count {
            sample = position;
            if parameters.is_shuffled == 1u {
                sample = sample_at(position, parameters.sample_count, vec2<u32>(step.seed_low, step.seed_high), step.epoch);
            }
        }
        sample_of_row[row] = sample;
    }
    workgroupBarrier();
    let pixels = layers[0].inputs;
    let words = pixels / 4u;
    for (var word = lane; word < words; word += LANES) {
        for (var group = 0u; group < GROUPS; group++) {
            var bytes: vec4<u32>;
            for (var i = 0u; i < 4u; i++) {
                let sample = sample_of_row[4u * group + i];
                bytes[i] = select(samples[min(sample, parameters.sample_count - 1u) * words + word], 0u, sample == NO_SAMPLE);
            }
            let place = (first_group + group) * pixels + 4u * word;
            var clean: mat4x4<f32>;
            for (var i = 0u; i < 4u; i++) {
                clean[i] = vec4<f32>((bytes >> vec4<u32>(8u * i)) & vec4<u32>(0xffu)) * (1.0 / 255.0);
                store_batch_quad(parameters.targets + place + i, clean[i]);
            }
            if parameters.noise != NO_NOISE {
                // Each row with its four pixels, and back to each pixel with its four rows.
                var rows = transpose(clean);
                for (var i = 0u; i < 4u; i++) {
                    if sample_of_row[4u * group + i] != NO_SAMPLE {
                        rows[i] = with_noise(4u * (first_group + group) + i, word, rows[i]);
                    }
                }
                let noisy = transpose(rows);
                for (var i = 0u; i < 4u; i++) {
                    store_batch_quad(layers[0].input + place + i, noisy[i]);
                }
            }
        }
    }
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let first_group = workgroup.x * GROUPS;
    var losses: array<vec4<f32>, GROUPS>;
    gather(first_group, lane);
    // Forth and back in one loop: drivers take a copy of what they inline, and seconds to compile each.
    for (var i = 0u; i + 1u < 2u * parameters.layer_count; i++) {
        let is_forward = i < parameters.layer_count;
        storageBarrier();
        pass_layer(&losses, select(2u * parameters.layer_count - 1u - i, i, is_forward), first_group, lane, is_forward);
    }
    for (var group = 0u; group < GROUPS; group++) {
        let total = subgroupAdd(losses[group]);
        if lane == 0u {
            let first = 4u * (step.loss_slot * parameters.groups + first_group + group);
            for (var row = 0u; row < 4u; row++) {
                sample_losses[first + row] = total[row];
            }
        }
    }
}
