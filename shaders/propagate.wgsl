// A tile of a batch through a whole network and back, in one dispatch: the samples, every layer's output, the loss, and the gradient of
// every layer's result. Workgroups need nothing of each other.
//
// A matrix of the batch is stored in quads of four rows, so that a quad of the input and a weight make a quad of the output.
//
// SUBGROUP: a workgroup is one subgroup of eight lanes on a software adapter; see matmul_subgroup.wgsl for why it loads as it does.
// Otherwise the lanes that narrow layers leave over share each sum, and add up their parts in workgroup memory.

#import diabolo::activation::activate_as
#import diabolo::corruption::{corrupted, NO_NOISE}
#ifdef SUBGROUP
#import diabolo::integers::{floats, integers}
#endif
#import diabolo::layer::{Layer, MAXIMUM_LAYERS}
#import diabolo::loss::loss_and_derivative
#import diabolo::shuffle::sample_at
#import diabolo::step::Step

struct Parameters {
    layer_count: u32,
    sample_count: u32,    // samples in the data set
    groups: u32,          // of four rows, in a batch
    is_shuffled: u32,     // 1: samples in the order of the epoch; 0: as they are stored
    loss: u32,
    huber_delta: f32,
    targets: u32,         // the first quad of the samples without noise [groups, pixels]
    noise: u32,
    amount: f32,          // of the noise
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<uniform> layers: array<Layer, MAXIMUM_LAYERS>;
@group(0) @binding(3) var<storage, read> samples: array<u32>;                  // [sample_count, pixels / 4], four pixels in a word
#ifdef SUBGROUP
@group(0) @binding(4) var<storage, read> values: array<vec2<u64>>;             // every weight and bias
@group(0) @binding(5) var<storage, read_write> batch: array<vec2<u64>>;        // every input and gradient
#else
@group(0) @binding(4) var<storage, read> values: array<vec4<f32>>;             // every weight and bias
@group(0) @binding(5) var<storage, read_write> batch: array<vec4<f32>>;        // every input and gradient
#endif
@group(0) @binding(6) var<storage, read_write> sample_losses: array<f32>;      // [steps of a submission, 4 * groups]

// Groups of four rows that a workgroup takes.
#ifdef SUBGROUP
const GROUPS: u32 = 8u;
const LANES: u32 = 8u;
#else
const GROUPS: u32 = 1u;
const LANES: u32 = 128u;
#endif
const ROWS: u32 = 4u * GROUPS;
const NO_SAMPLE: u32 = 0xffffffffu;

var<workgroup> sample_of_row: array<u32, ROWS>;
// [GROUPS, columns of a quad, LANES]
#ifdef SUBGROUP
var<workgroup> partial_sums: array<vec2<u64>, GROUPS * 4u * LANES>;
// Quads that each lane loads of four columns of an input.
const SHARES: u32 = ROWS / LANES;
#else
var<workgroup> partial_sums: array<vec4<f32>, GROUPS * 4u * LANES>;
#endif

fn value_quad(place: u32) -> vec4<f32> {
#ifdef SUBGROUP
    return floats(values[place]);
#else
    return values[place];
#endif
}

fn batch_quad(place: u32) -> vec4<f32> {
#ifdef SUBGROUP
    return floats(batch[place]);
#else
    return batch[place];
#endif
}

fn store_batch_quad(place: u32, quad: vec4<f32>) {
#ifdef SUBGROUP
    batch[place] = integers(quad);
#else
    batch[place] = quad;
#endif
}

// Which columns of a product a lane makes, and which part of their sums.
struct Share {
    column_quads: u32,    // that the workgroup makes abreast
    slices: u32,          // of a sum; one, or as many as there are lanes to a quad of columns
    column_quad: u32,
    slice: u32,
}

// Neighboring lanes read neighboring weights: along the outputs on the way forward, along the sum on the way back.
fn share_of(lane: u32, quads: u32, is_forward: bool) -> Share {
#ifdef SUBGROUP
    return Share(LANES, 1u, lane, 0u);
#else
    let abreast = min(1u << (32u - countLeadingZeros(quads - 1u)), LANES);
    let slices = LANES / abreast;
    if is_forward {
        return Share(abreast, slices, lane % abreast, lane / abreast);
    }
    return Share(abreast, slices, lane / slices, lane % slices);
#endif
}

// The weights of one step of the sum for each of four columns, for four steps.
fn weights(layer: Layer, k: u32, column_quad: u32, is_forward: bool) -> mat4x4<f32> {
    let row_quads = layer.outputs / 4u;
    let row = 4u * select(min(column_quad, layer.inputs / 4u - 1u), k, is_forward);
    let quad = select(k, min(column_quad, row_quads - 1u), is_forward);
    let first = layer.weight + row * row_quads + quad;
    let stored = mat4x4<f32>(
        value_quad(first),
        value_quad(first + row_quads),
        value_quad(first + 2u * row_quads),
        value_quad(first + 3u * row_quads),
    );
    if is_forward {
        return stored;
    }
    return transpose(stored);
}

// Four columns of a quad of rows, four steps of the sum later: together, so that the sums are loaded and stored once for all four.
fn with_products(sums: mat4x4<f32>, inputs: mat4x4<f32>, weights: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        sums[0] + four_products(inputs, weights[0].x, weights[1].x, weights[2].x, weights[3].x),
        sums[1] + four_products(inputs, weights[0].y, weights[1].y, weights[2].y, weights[3].y),
        sums[2] + four_products(inputs, weights[0].z, weights[1].z, weights[2].z, weights[3].z),
        sums[3] + four_products(inputs, weights[0].w, weights[1].w, weights[2].w, weights[3].w),
    );
}

fn four_products(inputs: mat4x4<f32>, a: f32, b: f32, c: f32, d: f32) -> vec4<f32> {
    return (inputs[0] * a + inputs[1] * b) + (inputs[2] * c + inputs[3] * d);
}

#ifdef SUBGROUP
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
#endif

// A layer on the way forward, or back.
struct Way {
    is_forward: bool,
    is_last: bool,        // forward, to the logits
    columns: u32,         // of the result
    width: u32,           // of the sums, and of the factor
    factor: u32,          // the tile's first quad of the input, or of the gradient
    result: u32,          // its first quad of the output or of the gradient of the layer before
    other: u32,           // its first quad of the derivatives, which wait where the gradients will stand, or of the targets
    activation: u32,
}

fn way_of(index: u32, first_group: u32, is_forward: bool) -> Way {
    let layer = layers[index];
    if !is_forward {
        let before = layers[index - 1u];
        return Way(
            false,
            false,
            layer.inputs,
            layer.outputs,
            layer.gradient + first_group * layer.outputs,
            before.gradient + first_group * layer.inputs,
            before.gradient + first_group * layer.inputs,
            before.activation,
        );
    }
    let is_last = index + 1u == parameters.layer_count;
    let next = layers[min(index + 1u, MAXIMUM_LAYERS - 1u)];
    return Way(
        true,
        is_last,
        layer.outputs,
        layer.inputs,
        layer.input + first_group * layer.inputs,
        select(next.input, layer.gradient, is_last) + first_group * layer.outputs,
        select(layer.gradient, parameters.targets, is_last) + first_group * layer.outputs,
        layer.activation,
    );
}

// A lane's share of input · weight, or on the way back of gradient · weightᵀ, added to the sums.
fn products(
    sums: ptr<function, array<mat4x4<f32>, GROUPS>>,
    way: Way,
    layer: Layer,
    share: Share,
    column_quad: u32,
    lane: u32,
) {
    for (var k = share.slice; k < way.width / 4u; k += share.slices) {
        let steps = weights(layer, k, column_quad, way.is_forward);
#ifdef SUBGROUP
        var shares: array<vec4<f32>, SHARES>;
        for (var i = 0u; i < SHARES; i++) {
            let quad = LANES * i + lane;
            shares[i] = batch_quad(way.factor + quad / 4u * way.width + 4u * k + quad % 4u);
        }
        accumulate(sums, &shares, 0u, steps);
        accumulate(sums, &shares, 4u, steps);
#else
        for (var group = 0u; group < GROUPS; group++) {
            let quad = way.factor + group * way.width + 4u * k;
            let inputs = mat4x4<f32>(batch_quad(quad), batch_quad(quad + 1u), batch_quad(quad + 2u), batch_quad(quad + 3u));
            (*sums)[group] = with_products((*sums)[group], inputs, steps);
        }
#endif
    }
}

fn loss_of(z: f32, y: vec2<f32>, t: f32) -> vec2<f32> {
    return loss_and_derivative(parameters.loss, parameters.huber_delta, z, y, t);
}

// Stores the output of a layer and its derivative, or the gradient of a layer's result; returns the losses of the rows, of logits.
fn finish(way: Way, first_group: u32, group: u32, column: u32, sum: vec4<f32>) -> vec4<f32> {
    let place = group * way.columns + column;
    if !way.is_forward {
        store_batch_quad(way.result + place, sum * batch_quad(way.other + place));
        return vec4<f32>();
    }
    let y_1 = activate_as(way.activation, sum.x);
    let y_2 = activate_as(way.activation, sum.y);
    let y_3 = activate_as(way.activation, sum.z);
    let y_4 = activate_as(way.activation, sum.w);
    if !way.is_last {
        store_batch_quad(way.result + place, vec4<f32>(y_1.x, y_2.x, y_3.x, y_4.x));
        store_batch_quad(way.other + place, vec4<f32>(y_1.y, y_2.y, y_3.y, y_4.y));
        return vec4<f32>();
    }
    let targets = batch_quad(way.other + place);
    let row = 4u * (first_group + group) + vec4<u32>(0u, 1u, 2u, 3u);
    // Rows past the batch's end get no loss and no gradient.
    let weight = select(vec4<f32>(), vec4<f32>(step.inverse_element_count), row < vec4<u32>(step.rows));
    let first = loss_of(sum.x, y_1, targets.x);
    let second = loss_of(sum.y, y_2, targets.y);
    let third = loss_of(sum.z, y_3, targets.z);
    let fourth = loss_of(sum.w, y_4, targets.w);
    store_batch_quad(way.result + place, vec4<f32>(first.y, second.y, third.y, fourth.y) * weight);
    return vec4<f32>(first.x, second.x, third.x, fourth.x) * weight;
}

// The sums' start: the bias of four columns, in one of the slices.
fn first_sums(way: Way, layer: Layer, share: Share, column_quad: u32) -> mat4x4<f32> {
    if !way.is_forward || share.slice > 0u {
        return mat4x4<f32>();
    }
    let bias = value_quad(layer.bias + min(column_quad, layer.outputs / 4u - 1u));
    return mat4x4<f32>(vec4<f32>(bias.x), vec4<f32>(bias.y), vec4<f32>(bias.z), vec4<f32>(bias.w));
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
    let way = way_of(index, first_group, is_forward);
    let share = share_of(lane, way.columns / 4u, is_forward);
    for (var first = 0u; first < way.columns / 4u; first += share.column_quads) {
        let column_quad = first + share.column_quad;
        let start = first_sums(way, layer, share, column_quad);
        // [groups, columns of a quad, slices, column quads]
        let part = share.slice * share.column_quads + share.column_quad;
#ifdef SUBGROUP
        var sums = array<mat4x4<f32>, GROUPS>(start, start, start, start, start, start, start, start);
        products(&sums, way, layer, share, column_quad, lane);
        store_parts(sums[0], part);
        store_parts(sums[1], part + 4u * LANES);
        store_parts(sums[2], part + 8u * LANES);
        store_parts(sums[3], part + 12u * LANES);
        store_parts(sums[4], part + 16u * LANES);
        store_parts(sums[5], part + 20u * LANES);
        store_parts(sums[6], part + 24u * LANES);
        store_parts(sums[7], part + 28u * LANES);
        // Each lane takes its own sums back, one after the other: as many copies of what follows would take the driver seconds to compile.
        if column_quad < way.columns / 4u {
            for (var i = 0u; i < ROWS; i++) {
                let sum = floats(partial_sums[LANES * i + part]);
                (*losses)[i / 4u] += finish(way, first_group, i / 4u, 4u * column_quad + i % 4u, sum);
            }
        }
#else
        var sums = array<mat4x4<f32>, GROUPS>(start);
        products(&sums, way, layer, share, column_quad, lane);
        store_parts(sums[0], part);
        // One lane adds up the parts of a column, in a fixed order.
        workgroupBarrier();
        for (var i = lane; i < 4u * share.column_quads; i += LANES) {
            let column = 4u * first + i;
            if column < way.columns {
                var sum = vec4<f32>();
                for (var slice = 0u; slice < share.slices; slice++) {
                    sum += partial_sums[i % 4u * LANES + slice * share.column_quads + i / 4u];
                }
                (*losses)[0] += finish(way, first_group, 0u, column, sum);
            }
        }
        workgroupBarrier();
#endif
    }
}

fn store_parts(sums: mat4x4<f32>, place: u32) {
#ifdef SUBGROUP
    partial_sums[place] = integers(sums[0]);
    partial_sums[place + LANES] = integers(sums[1]);
    partial_sums[place + 2u * LANES] = integers(sums[2]);
    partial_sums[place + 3u * LANES] = integers(sums[3]);
#else
    partial_sums[place] = sums[0];
    partial_sums[place + LANES] = sums[1];
    partial_sums[place + 2u * LANES] = sums[2];
    partial_sums[place + 3u * LANES] = sums[3];
#endif
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

// The sum of one value from each lane, in a fixed order; the first lane's result counts.
fn sum_of_lanes(value: vec4<f32>, lane: u32) -> vec4<f32> {
#ifdef SUBGROUP
    return subgroupAdd(value);
#else
    partial_sums[lane] = value;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            partial_sums[lane] += partial_sums[lane + half];
        }
    }
    return partial_sums[0];
#endif
}

#ifdef SUBGROUP
@compute @workgroup_size(8)
#else
@compute @workgroup_size(128)
#endif
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
        let total = sum_of_lanes(losses[group], lane);
        if lane == 0u {
            let first = 4u * (step.loss_slot * parameters.groups + first_group + group);
            sample_losses[first] = total.x;
            sample_losses[first + 1u] = total.y;
            sample_losses[first + 2u] = total.z;
            sample_losses[first + 3u] = total.w;
        }
#ifndef SUBGROUP
        workgroupBarrier();
#endif
    }
}
