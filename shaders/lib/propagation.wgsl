#define_import_path diabolo::propagation
#import diabolo::activation::Activated
#import diabolo::layer::Layer
#import diabolo::loss::loss_and_derivative
#import diabolo::step::Step

// What the forms of `propagate` have in common: of a tile of a batch that goes through a whole network and back, each layer's way.

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

// A layer on the way forward, or back. Places are the tile's first quads in the batch's tensor.
struct Way {
    is_forward: bool,
    is_last: bool,        // forward, to the logits
    columns: u32,         // of the result
    width: u32,           // of the sums, and of the factor
    factor: u32,          // the input, or the gradient
    result: u32,          // the output, or the gradient of the layer before; of the last layer its gradient
    other: u32,           // the derivatives, which wait where the gradients will stand, or the targets
    activation: u32,
}

// The way back through a layer, to the one before.
fn way_back(layer: Layer, before: Layer, first_group: u32) -> Way {
    let result = before.gradient + first_group * layer.inputs;
    let factor = layer.gradient + first_group * layer.outputs;
    return Way(false, false, layer.inputs, layer.outputs, factor, result, result, before.activation);
}

// The way forward through a layer; `next` counts for nothing where the layer is the last one.
fn way_forward(layer: Layer, next: Layer, is_last: bool, targets: u32, first_group: u32) -> Way {
    return Way(
        true,
        is_last,
        layer.outputs,
        layer.inputs,
        layer.input + first_group * layer.inputs,
        select(next.input, layer.gradient, is_last) + first_group * layer.outputs,
        select(layer.gradient, targets, is_last) + first_group * layer.outputs,
        layer.activation,
    );
}

// The first of the four quads of a weight that one lane takes together, each a row behind the one before: those of one quad of outputs for four
// inputs. On the way forward inputs are the steps of the sum and outputs its columns, on the way back the other way round.
fn first_quad(layer: Layer, k: u32, column_quad: u32, is_forward: bool) -> u32 {
    let row_quads = layer.outputs / 4u;
    let row = 4u * select(min(column_quad, layer.inputs / 4u - 1u), k, is_forward);
    let quad = select(k, min(column_quad, row_quads - 1u), is_forward);
    return layer.weight + row * row_quads + quad;
}

// These quads as four columns' weights of a step of the sum each.
fn steps_of(stored: mat4x4<f32>, is_forward: bool) -> mat4x4<f32> {
    if is_forward {
        return stored;
    }
    return transpose(stored);
}

// Four columns of a quad of rows, four steps of the sum later: together, so that the sums are loaded and stored once for all four.
fn with_products(sums: mat4x4<f32>, inputs: mat4x4<f32>, steps: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        sums[0] + four_products(inputs, steps[0].x, steps[1].x, steps[2].x, steps[3].x),
        sums[1] + four_products(inputs, steps[0].y, steps[1].y, steps[2].y, steps[3].y),
        sums[2] + four_products(inputs, steps[0].z, steps[1].z, steps[2].z, steps[3].z),
        sums[3] + four_products(inputs, steps[0].w, steps[1].w, steps[2].w, steps[3].w),
    );
}

fn four_products(inputs: mat4x4<f32>, a: f32, b: f32, c: f32, d: f32) -> vec4<f32> {
    return (inputs[0] * a + inputs[1] * b) + (inputs[2] * c + inputs[3] * d);
}

// Four rows' losses, and the gradients of the logits, as parts of the mean: rows past the batch's end get none.
struct Losses {
    losses: vec4<f32>,
    gradients: vec4<f32>,
}

fn losses_of(parameters: Parameters, step: Step, first_row: u32, logits: vec4<f32>, y: Activated, targets: vec4<f32>) -> Losses {
    let first = loss_of(parameters, logits.x, vec2<f32>(y.outputs.x, y.derivatives.x), targets.x);
    let second = loss_of(parameters, logits.y, vec2<f32>(y.outputs.y, y.derivatives.y), targets.y);
    let third = loss_of(parameters, logits.z, vec2<f32>(y.outputs.z, y.derivatives.z), targets.z);
    let fourth = loss_of(parameters, logits.w, vec2<f32>(y.outputs.w, y.derivatives.w), targets.w);
    let row = first_row + vec4<u32>(0u, 1u, 2u, 3u);
    let weight = select(vec4<f32>(), vec4<f32>(step.inverse_element_count), row < vec4<u32>(step.rows));
    return Losses(
        vec4<f32>(first.x, second.x, third.x, fourth.x) * weight,
        vec4<f32>(first.y, second.y, third.y, fourth.y) * weight,
    );
}

fn loss_of(parameters: Parameters, z: f32, y: vec2<f32>, t: f32) -> vec2<f32> {
    return loss_and_derivative(parameters.loss, parameters.huber_delta, z, y, t);
}
