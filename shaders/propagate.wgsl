// A tile of a batch through a whole network and back, in one dispatch: the samples, every layer's output, the loss, and the gradient of
// every layer's result. Workgroups need nothing of each other.
//
// A matrix of the batch is stored in quads of four rows, so that a quad of the input and a weight make a quad of the output.
//
// SUBGROUP: a workgroup is one subgroup of eight lanes on a software adapter; see matmul_subgroup.wgsl for why it loads as it does.
// Otherwise the lanes that narrow layers leave over share each sum, and add up their parts in workgroup memory.

#import diabolo::activation::{activate_as, activation_derivative_as}
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
const GROUPS: u32 = 4u;
const LANES: u32 = 8u;
#else
const GROUPS: u32 = 1u;
const LANES: u32 = 128u;
#endif
const ROWS: u32 = 4u * GROUPS;
const NO_SAMPLE: u32 = 0xffffffffu;

var<workgroup> sample_of_row: array<u32, ROWS>;
var<workgroup> partial_sums: array<vec4<f32>, GROUPS * 4u * LANES>;    // [GROUPS, columns of a quad, LANES]
#ifdef SUBGROUP
// Quads that each lane loads of four columns of an input.
const SHARES: u32 = ROWS / LANES;
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
    if is_forward {
        let first = layer.weight + 4u * k * row_quads + min(column_quad, row_quads - 1u);
        return mat4x4<f32>(
            value_quad(first),
            value_quad(first + row_quads),
            value_quad(first + 2u * row_quads),
            value_quad(first + 3u * row_quads),
        );
    }
    let row = 4u * min(column_quad, layer.inputs / 4u - 1u);
    let first = layer.weight + row * row_quads + k;
    return transpose(mat4x4<f32>(
        value_quad(first),
        value_quad(first + row_quads),
        value_quad(first + 2u * row_quads),
        value_quad(first + 3u * row_quads),
    ));
}

// Four columns of a quad of rows, one step of the sum later.
fn with_products(sums: mat4x4<f32>, input: vec4<f32>, weights: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        sums[0] + input * weights.x,
        sums[1] + input * weights.y,
        sums[2] + input * weights.z,
        sums[3] + input * weights.w,
    );
}

#ifdef SUBGROUP
// `step_of_quad` is a literal at each call, so that the driver keeps the sums in registers.
fn accumulate(
    sums: ptr<function, array<mat4x4<f32>, GROUPS>>,
    shares: ptr<function, array<vec4<f32>, SHARES>>,
    step_of_quad: u32,
    weights: vec4<f32>,
) {
    for (var group = 0u; group < GROUPS; group++) {
        let place = 4u * group + step_of_quad;
        let input = subgroupShuffle((*shares)[place / LANES], place % LANES);
        (*sums)[group] = with_products((*sums)[group], input, weights);
    }
}
#endif

// A lane's share of input · weight, or on the way back of gradient · weightᵀ. `place` is the first quad of the tile's `width` columns.
fn products(
    sums: ptr<function, array<mat4x4<f32>, GROUPS>>,
    layer: Layer,
    place: u32,
    width: u32,
    share: Share,
    column_quad: u32,
    lane: u32,
    is_forward: bool,
) {
    for (var k = share.slice; k < width / 4u; k += share.slices) {
        let steps = weights(layer, k, column_quad, is_forward);
#ifdef SUBGROUP
        var shares: array<vec4<f32>, SHARES>;
        for (var i = 0u; i < SHARES; i++) {
            let quad = LANES * i + lane;
            shares[i] = batch_quad(place + quad / 4u * width + 4u * k + quad % 4u);
        }
        accumulate(sums, &shares, 0u, steps[0]);
        accumulate(sums, &shares, 1u, steps[1]);
        accumulate(sums, &shares, 2u, steps[2]);
        accumulate(sums, &shares, 3u, steps[3]);
#else
        for (var group = 0u; group < GROUPS; group++) {
            let quad = place + group * width + 4u * k;
            var sum = (*sums)[group];
            sum = with_products(sum, batch_quad(quad), steps[0]);
            sum = with_products(sum, batch_quad(quad + 1u), steps[1]);
            sum = with_products(sum, batch_quad(quad + 2u), steps[2]);
            sum = with_products(sum, batch_quad(quad + 3u), steps[3]);
            (*sums)[group] = sum;
        }
#endif
    }
}

// The output of a layer, or, of the last, the loss of each row and its gradient: returns the losses.
fn finish_forward(index: u32, group: u32, column: u32, sum: vec4<f32>) -> vec4<f32> {
    let layer = layers[index];
    let bias = value_quad(layer.bias + column / 4u)[column % 4u];
    let logits = sum + vec4<f32>(bias);
    if index + 1u < parameters.layer_count {
        let output = vec4<f32>(
            activate_as(layer.activation, logits.x),
            activate_as(layer.activation, logits.y),
            activate_as(layer.activation, logits.z),
            activate_as(layer.activation, logits.w),
        );
        store_batch_quad(layers[index + 1u].input + group * layer.outputs + column, output);
        return vec4<f32>();
    }
    let targets = batch_quad(layers[0].input + group * layer.outputs + column);
    let row = 4u * group + vec4<u32>(0u, 1u, 2u, 3u);
    // Rows past the batch's end get no loss and no gradient.
    let weight = select(vec4<f32>(), vec4<f32>(step.inverse_element_count), row < vec4<u32>(step.rows));
    let first = loss_and_derivative(logits.x, targets.x);
    let second = loss_and_derivative(logits.y, targets.y);
    let third = loss_and_derivative(logits.z, targets.z);
    let fourth = loss_and_derivative(logits.w, targets.w);
    let gradient = vec4<f32>(first.y, second.y, third.y, fourth.y) * weight;
    store_batch_quad(layer.gradient + group * layer.outputs + column, gradient);
    return vec4<f32>(first.x, second.x, third.x, fourth.x) * weight;
}

// The gradient of the result of the layer before.
fn finish_backward(index: u32, group: u32, column: u32, sum: vec4<f32>) -> vec4<f32> {
    let layer = layers[index];
    let before = layers[index - 1u];
    let input = batch_quad(layer.input + group * layer.inputs + column);
    let derivative = vec4<f32>(
        activation_derivative_as(before.activation, input.x),
        activation_derivative_as(before.activation, input.y),
        activation_derivative_as(before.activation, input.z),
        activation_derivative_as(before.activation, input.w),
    );
    store_batch_quad(before.gradient + group * layer.inputs + column, sum * derivative);
    return vec4<f32>();
}

fn finish(index: u32, group: u32, column: u32, sum: vec4<f32>, is_forward: bool) -> vec4<f32> {
    if is_forward {
        return finish_forward(index, group, column, sum);
    }
    return finish_backward(index, group, column, sum);
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
    let columns = select(layer.inputs, layer.outputs, is_forward);
    let width = select(layer.outputs, layer.inputs, is_forward);
    let place = select(layer.gradient, layer.input, is_forward) + first_group * width;
    let share = share_of(lane, columns / 4u, is_forward);
    for (var first = 0u; first < columns / 4u; first += share.column_quads) {
        let column_quad = first + share.column_quad;
        var sums: array<mat4x4<f32>, GROUPS>;
        products(&sums, layer, place, width, share, column_quad, lane, is_forward);
        // [groups, columns of a quad, slices, column quads]
        let part = share.slice * share.column_quads + share.column_quad;
        for (var group = 0u; group < GROUPS; group++) {
            let first_part = 4u * LANES * group + part;
            partial_sums[first_part] = sums[group][0];
            partial_sums[first_part + LANES] = sums[group][1];
            partial_sums[first_part + 2u * LANES] = sums[group][2];
            partial_sums[first_part + 3u * LANES] = sums[group][3];
        }
#ifdef SUBGROUP
        // Each lane takes its own sums back, one after the other: sixteen copies of what follows would take the driver seconds to compile.
        if column_quad < columns / 4u {
            for (var i = 0u; i < ROWS; i++) {
                let sum = partial_sums[LANES * i + part];
                (*losses)[i / 4u] += finish(index, first_group + i / 4u, 4u * column_quad + i % 4u, sum, is_forward);
            }
        }
#else
        // One lane adds up the parts of a column, in a fixed order.
        workgroupBarrier();
        for (var i = lane; i < 4u * share.column_quads; i += LANES) {
            let column = 4u * first + i;
            if column < columns {
                var sum = vec4<f32>();
                for (var slice = 0u; slice < share.slices; slice++) {
                    sum += partial_sums[i % 4u * LANES + slice * share.column_quads + i / 4u];
                }
                (*losses)[0] += finish(index, first_group, column, sum, is_forward);
            }
        }
        workgroupBarrier();
#endif
    }
}

// The tile's samples as numbers in [0, 1], four pixels of four rows at a time.
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
            let place = layers[0].input + (first_group + group) * pixels + 4u * word;
            for (var i = 0u; i < 4u; i++) {
                let pixel = vec4<f32>((bytes >> vec4<u32>(8u * i)) & vec4<u32>(0xffu)) * (1.0 / 255.0);
                store_batch_quad(place + i, pixel);
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
    for (var index = 0u; index < parameters.layer_count; index++) {
        storageBarrier();
        pass_layer(&losses, index, first_group, lane, true);
    }
    for (var index = parameters.layer_count - 1u; index > 0u; index--) {
        storageBarrier();
        pass_layer(&losses, index, first_group, lane, false);
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
