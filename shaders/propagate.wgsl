// A tile of a batch through a whole network and back, in one dispatch, for GPUs: the samples, every layer's output, the loss, and the
// gradient of every layer's result. Workgroups need nothing of each other.
//
// A workgroup takes four rows. A matrix of the batch is stored in quads of four rows, so that a quad of the input and a weight make a quad of
// the output. What the next layer takes stays in workgroup memory; a lane that reads the batch's tensor reads what it has written itself,
// so that no barrier has to wait for that memory. The lanes that narrow layers leave over share each sum.
//
// No layer is wider than WIDEST.

#import diabolo::activation::activated
#import diabolo::corruption::{corrupted, NO_NOISE}
#import diabolo::layer::{Layer, MAXIMUM_LAYERS}
#import diabolo::propagation::{Parameters, Way, first_quad, losses_of, steps_of, way_back, way_forward, with_products}
#import diabolo::shuffle::sample_at
#import diabolo::step::Step

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<uniform> layers: array<Layer, MAXIMUM_LAYERS>;
@group(0) @binding(3) var<storage, read> samples: array<u32>;                  // [sample_count, pixels / 4], four pixels in a word
@group(0) @binding(4) var<storage, read> values: array<vec4<f32>>;             // every weight and bias
@group(0) @binding(5) var<storage, read_write> batch: array<vec4<f32>>;        // every input and gradient
@group(0) @binding(6) var<storage, read_write> sample_losses: array<f32>;      // [steps of a submission, 4 * groups]

const LANES: u32 = 256u;
const WIDEST: u32 = #{WIDEST}u;
const NO_SAMPLE: u32 = 0xffffffffu;

var<workgroup> sample_of_row: array<u32, 4>;
// A quad for each column, where `placed` says, of what the layer takes.
var<workgroup> factor: array<vec4<f32>, WIDEST>;
// [columns of a quad, LANES]
var<workgroup> parts: array<vec4<f32>, 4u * LANES>;

// On the way back neighboring lanes read every fourth column: these are not to share a bank.
fn placed(column: u32) -> u32 {
    return column ^ (column / 8u % 8u);
}

// Which columns of a product a lane makes, and which part of their sums.
struct Share {
    column_quads: u32,    // that the workgroup makes abreast
    slices: u32,          // of a sum, as many as there are lanes to a quad of columns
    column_quad: u32,
    slice: u32,
}

// Neighboring lanes read neighboring weights: along the outputs on the way forward, along the sum on the way back.
fn share_of(lane: u32, quads: u32, is_forward: bool) -> Share {
    let abreast = min(1u << (32u - countLeadingZeros(quads - 1u)), LANES);
    let slices = LANES / abreast;
    if is_forward {
        return Share(abreast, slices, lane % abreast, lane / abreast);
    }
    return Share(abreast, slices, lane / slices, lane % slices);
}

// The weights of one step of the sum for each of four columns, for four steps.
fn weights(layer: Layer, k: u32, column_quad: u32, is_forward: bool) -> mat4x4<f32> {
    let first = first_quad(layer, k, column_quad, is_forward);
    let apart = layer.outputs / 4u;
    let stored = mat4x4<f32>(
        values[first],
        values[first + apart],
        values[first + 2u * apart],
        values[first + 3u * apart],
    );
    return steps_of(stored, is_forward);
}

// The sums' start: the bias of four columns, in one of the slices.
fn first_sums(way: Way, layer: Layer, share: Share) -> mat4x4<f32> {
    if !way.is_forward || share.slice > 0u {
        return mat4x4<f32>();
    }
    let bias = values[layer.bias + min(share.column_quad, layer.outputs / 4u - 1u)];
    return mat4x4<f32>(vec4<f32>(bias.x), vec4<f32>(bias.y), vec4<f32>(bias.z), vec4<f32>(bias.w));
}

// A lane's share of input · weight, or on the way back of gradient · weightᵀ.
fn products(way: Way, layer: Layer, share: Share) -> mat4x4<f32> {
    var sums = first_sums(way, layer, share);
    let last = way.width / 4u - 1u;
    var next = weights(layer, min(share.slice, last), share.column_quad, way.is_forward);
    for (var k = share.slice; k <= last; k += share.slices) {
        let steps = next;
        // They arrive while the others are multiplied.
        next = weights(layer, min(k + share.slices, last), share.column_quad, way.is_forward);
        let first = 4u * k;
        let inputs = mat4x4<f32>(
            factor[placed(first)],
            factor[placed(first + 1u)],
            factor[placed(first + 2u)],
            factor[placed(first + 3u)],
        );
        sums = with_products(sums, inputs, steps);
    }
    return sums;
}

// Stores the output of a layer and its derivative, or the gradient of a layer's result; returns the losses of the rows, of logits.
fn finish(way: Way, group: u32, column: u32, sum: vec4<f32>) -> vec4<f32> {
    if !way.is_forward {
        let gradient = sum * batch[way.other + column];
        batch[way.result + column] = gradient;
        factor[placed(column)] = gradient;
        return vec4<f32>();
    }
    let y = activated(way.activation, sum);
    if !way.is_last {
        batch[way.result + column] = y.outputs;
        batch[way.other + column] = y.derivatives;
        factor[placed(column)] = y.outputs;
        return vec4<f32>();
    }
    let of_rows = losses_of(parameters, step, 4u * group, sum, y, batch[way.other + column]);
    batch[way.result + column] = of_rows.gradients;
    factor[placed(column)] = of_rows.gradients;
    return of_rows.losses;
}

fn way_of(layer: Layer, index: u32, group: u32, is_forward: bool) -> Way {
    if is_forward {
        let is_last = index + 1u == parameters.layer_count;
        return way_forward(layer, layers[min(index + 1u, MAXIMUM_LAYERS - 1u)], is_last, parameters.targets, group);
    }
    return way_back(layer, layers[index - 1u], group);
}

// All columns of a layer's output, or of its input's gradient, for the tile's rows; returns a lane's part of the losses.
fn pass_layer(index: u32, group: u32, lane: u32, is_forward: bool) -> vec4<f32> {
    let layer = layers[index];
    let way = way_of(layer, index, group, is_forward);
    let share = share_of(lane, way.columns / 4u, is_forward);
    let sums = products(way, layer, share);
    // [columns of a quad, slices, column quads]
    let part = share.slice * share.column_quads + share.column_quad;
    parts[part] = sums[0];
    parts[part + LANES] = sums[1];
    parts[part + 2u * LANES] = sums[2];
    parts[part + 3u * LANES] = sums[3];
    workgroupBarrier();
    // One lane adds up the parts of a column, in a fixed order; some slices may have no part of a short sum. From layer to layer a column
    // is the same lane's.
    let summed = min(share.slices, way.width / 4u);
    var losses = vec4<f32>();
    for (var column = lane; column < way.columns; column += LANES) {
        let first = column % 4u * LANES + column / 4u;
        var sum = parts[first];
        for (var slice = 1u; slice < summed; slice++) {
            sum += parts[first + slice * share.column_quads];
        }
        losses += finish(way, group, column, sum);
    }
    workgroupBarrier();
    return losses;
}

// The tile's samples as numbers in [0, 1], and with noise if there is to be some.
fn gather(group: u32, lane: u32) {
    if lane < 4u {
        let position = step.first_sample + 4u * group + lane;
        var sample = NO_SAMPLE;
        if 4u * group + lane < step.rows && position < parameters.sample_count {
            sample = position;
            if parameters.is_shuffled == 1u {
                sample = sample_at(position, parameters.sample_count, vec2<u32>(step.seed_low, step.seed_high), step.epoch);
            }
        }
        sample_of_row[lane] = sample;
    }
    workgroupBarrier();
    let rows = vec4<u32>(sample_of_row[0], sample_of_row[1], sample_of_row[2], sample_of_row[3]);
    let is_sample = rows != vec4<u32>(NO_SAMPLE);
    let pixels = layers[0].inputs;
    let first_words = min(rows, vec4<u32>(parameters.sample_count - 1u)) * (pixels / 4u);
    for (var pixel = lane; pixel < pixels; pixel += LANES) {
        let word = pixel / 4u;
        let words = vec4<u32>(
            samples[first_words.x + word],
            samples[first_words.y + word],
            samples[first_words.z + word],
            samples[first_words.w + word],
        );
        let bytes = select(vec4<u32>(), (words >> vec4<u32>(8u * (pixel % 4u))) & vec4<u32>(0xffu), is_sample);
        let clean = vec4<f32>(bytes) * (1.0 / 255.0);
        batch[parameters.targets + group * pixels + pixel] = clean;
        var seen = clean;
        if parameters.noise != NO_NOISE {
            for (var row = 0u; row < 4u; row++) {
                if is_sample[row] {
                    let noisy = with_noise(4u * group + row, word, words[row])[pixel % 4u];
                    // Not seen[row]: Microsoft's older compiler refuses to store at an index that is not constant.
                    seen = select(seen, vec4<f32>(noisy), vec4<u32>(row) == vec4<u32>(0u, 1u, 2u, 3u));
                }
            }
            batch[layers[0].input + group * pixels + pixel] = seen;
        }
        factor[placed(pixel)] = seen;
    }
    workgroupBarrier();
}

fn with_noise(row: u32, word: u32, bytes: u32) -> vec4<f32> {
    let seed = vec2<u32>(step.seed_low, step.seed_high);
    let pixels = vec4<f32>((vec4<u32>(bytes) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(0xffu)) * (1.0 / 255.0);
    return corrupted(parameters.noise, parameters.amount, seed, step.epoch, step.first_position + row, word, pixels);
}

// The sum of one value from each lane, in a fixed order; the first lane's result counts.
fn sum_of_lanes(value: vec4<f32>, lane: u32) -> vec4<f32> {
    parts[lane] = value;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            parts[lane] += parts[lane + half];
        }
    }
    return parts[0];
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let group = workgroup.x;
    gather(group, lane);
    var losses = vec4<f32>();
    // Forth and back in one loop: drivers take a copy of what they inline, and seconds to compile each.
    for (var i = 0u; i + 1u < 2u * parameters.layer_count; i++) {
        let is_forward = i < parameters.layer_count;
        losses += pass_layer(select(2u * parameters.layer_count - 1u - i, i, is_forward), group, lane, is_forward);
    }
    let total = sum_of_lanes(losses, lane);
    if lane == 0u {
        let first = 4u * (step.loss_slot * parameters.groups + group);
        for (var row = 0u; row < 4u; row++) {
            sample_losses[first + row] = total[row];
        }
    }
}
