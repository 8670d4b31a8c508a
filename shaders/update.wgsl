// The gradients of every layer's weight and bias, and the optimizer's update by them, in one dispatch: after propagate.wgsl, whose layout of a
// batch this reads. A workgroup makes a tile of one layer's weight, and with the first row of tiles the bias.
//
// SUBGROUP: as in propagate.wgsl. Otherwise through workgroup memory. A tile is 32 rows by 32 columns.
// FIRST_MOMENT, SECOND_MOMENT: as in lib/optimizer.wgsl.

#ifdef SUBGROUP
#import diabolo::integers::{floats, integers}
#endif
#import diabolo::layer::{Layer, MAXIMUM_LAYERS}
#import diabolo::optimizer::{State, optimized}
#import diabolo::step::Step

struct Parameters {
    layer_count: u32,
    groups: u32,          // of four rows, in a batch
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<uniform> layers: array<Layer, MAXIMUM_LAYERS>;
#ifdef SUBGROUP
@group(0) @binding(3) var<storage, read> batch: array<vec2<u64>>;                    // every input and gradient
@group(0) @binding(4) var<storage, read_write> values: array<vec2<u64>>;             // every weight and bias
#ifdef FIRST_MOMENT
@group(0) @binding(5) var<storage, read_write> first_moments: array<vec2<u64>>;
#endif
#ifdef SECOND_MOMENT
@group(0) @binding(6) var<storage, read_write> second_moments: array<vec2<u64>>;
#endif
#else
@group(0) @binding(3) var<storage, read> batch: array<vec4<f32>>;                    // every input and gradient
@group(0) @binding(4) var<storage, read_write> values: array<vec4<f32>>;             // every weight and bias
#ifdef FIRST_MOMENT
@group(0) @binding(5) var<storage, read_write> first_moments: array<vec4<f32>>;
#endif
#ifdef SECOND_MOMENT
@group(0) @binding(6) var<storage, read_write> second_moments: array<vec4<f32>>;
#endif
#endif

const TILE_ROWS: u32 = 32u;
const TILE_COLUMNS: u32 = 32u;
#ifdef SUBGROUP
const LANES: u32 = 8u;
// Rows of a lane, each of four columns.
const ROWS: u32 = 32u;
const SHARES: u32 = TILE_ROWS / LANES;
#else
const LANES: u32 = 256u;
const ROWS: u32 = 4u;
// Of the batch, each of which has its lanes; four, so that each lane of a tile finishes one quad of it.
const SLICES: u32 = 4u;
const LANES_OF_SLICE: u32 = LANES / SLICES;
// Groups of four rows of the batch that are in workgroup memory together.
const STAGED: u32 = 16u;
const LOADERS: u32 = LANES / 2u;
// Where the gradients begin: [STAGED, rows of a group, 8], four columns each. Before them the inputs: [STAGED, TILE_ROWS], a quad of rows
// each. In the end each lane's sums.
const GRADIENTS: u32 = STAGED * TILE_ROWS;
var<workgroup> staged: array<vec4<f32>, 2u * GRADIENTS>;
#endif

fn batch_quad(place: u32) -> vec4<f32> {
#ifdef SUBGROUP
    return floats(batch[place]);
#else
    return batch[place];
#endif
}

fn state_at(place: u32) -> State {
    var state = State();
#ifdef SUBGROUP
    state.value = floats(values[place]);
#ifdef FIRST_MOMENT
    state.first_moment = floats(first_moments[place]);
#endif
#ifdef SECOND_MOMENT
    state.second_moment = floats(second_moments[place]);
#endif
#else
    state.value = values[place];
#ifdef FIRST_MOMENT
    state.first_moment = first_moments[place];
#endif
#ifdef SECOND_MOMENT
    state.second_moment = second_moments[place];
#endif
#endif
    return state;
}

fn store(place: u32, state: State) {
#ifdef SUBGROUP
    values[place] = integers(state.value);
#ifdef FIRST_MOMENT
    first_moments[place] = integers(state.first_moment);
#endif
#ifdef SECOND_MOMENT
    second_moments[place] = integers(state.second_moment);
#endif
#else
    values[place] = state.value;
#ifdef FIRST_MOMENT
    first_moments[place] = state.first_moment;
#endif
#ifdef SECOND_MOMENT
    second_moments[place] = state.second_moment;
#endif
#endif
}

// `decay` is 1 for weights, and 0 for biases.
fn update(place: u32, decay: f32, rate_factor: f32, gradient: vec4<f32>) {
    store(place, optimized(step, decay, rate_factor, state_at(place), gradient));
}

#ifndef SUBGROUP
// What a loader puts into workgroup memory at a stage. Half of the lanes load inputs: quads of one row, every fourth group; zeros past the
// end of the batch. The others load gradients: of one group four columns of each of its rows.
fn loaded_block(layer: Layer, is_of_input: bool, loader: u32, first_group: u32, first_row: u32, first_column: u32) -> mat4x4<f32> {
    let last_group = parameters.groups - 1u;
    if is_of_input {
        let first = layer.input + min(first_row + loader % TILE_ROWS, layer.inputs - 1u);
        var quads: array<vec4<f32>, 4>;
        for (var i = 0u; i < 4u; i++) {
            let group = first_group + loader / TILE_ROWS + 4u * i;
            quads[i] = select(vec4<f32>(), batch_quad(first + min(group, last_group) * layer.inputs), group <= last_group);
        }
        return mat4x4<f32>(quads[0], quads[1], quads[2], quads[3]);
    }
    let column = min(first_column + 4u * (loader % 8u), layer.outputs - 4u);
    return columns_of_rows(layer.gradient + min(first_group + loader / 8u, last_group) * layer.outputs + column);
}

fn stage(is_of_input: bool, loader: u32, block: mat4x4<f32>) {
    let first = select(GRADIENTS + loader / 8u * TILE_COLUMNS + loader % 8u, loader, is_of_input);
    let stride = select(8u, LOADERS, is_of_input);
    staged[first] = block[0];
    staged[first + stride] = block[1];
    staged[first + 2u * stride] = block[2];
    staged[first + 3u * stride] = block[3];
}

// What the slices' lanes of the same place have put down.
fn sum_of_slices(first: u32) -> vec4<f32> {
    return ((staged[first] + staged[first + LANES_OF_SLICE]) + staged[first + 2u * LANES_OF_SLICE])
        + staged[first + 3u * LANES_OF_SLICE];
}
#endif

// Four columns of each of a group's rows, from their first quad on.
fn columns_of_rows(first: u32) -> mat4x4<f32> {
    return transpose(mat4x4<f32>(batch_quad(first), batch_quad(first + 1u), batch_quad(first + 2u), batch_quad(first + 3u)));
}

// Four samples' part of the gradient of one row's four columns.
fn products(gradients: mat4x4<f32>, input: vec4<f32>) -> vec4<f32> {
    return (gradients[0] * input.x + gradients[1] * input.y) + (gradients[2] * input.z + gradients[3] * input.w);
}

#ifdef SUBGROUP
// Of sixteen rows: the driver does not unroll a longer loop, and sums whose index is not constant would live in memory.
fn accumulate(
    sums: ptr<function, array<vec4<f32>, ROWS>>,
    shares: ptr<function, array<vec4<f32>, SHARES>>,
    first: u32,
    gradients: mat4x4<f32>,
) {
    for (var i = 0u; i < 16u; i++) {
        let row = first + i;
        (*sums)[row] += products(gradients, subgroupShuffle((*shares)[row / LANES], row % LANES));
    }
}
#endif

#ifdef SUBGROUP
@compute @workgroup_size(8)
#else
@compute @workgroup_size(256)
#endif
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = workgroup.y * workgroups.x + workgroup.x;
    var index = 0u;
    while index + 1u < parameters.layer_count && tile >= layers[index + 1u].first_tile {
        index++;
    }
    let layer = layers[index];
    let tiles_abreast = (layer.outputs + TILE_COLUMNS - 1u) / TILE_COLUMNS;
    let first_row = (tile - layer.first_tile) / tiles_abreast * TILE_ROWS;
    let first_column = (tile - layer.first_tile) % tiles_abreast * TILE_COLUMNS;
    let lane_column = first_column + 4u * (lane % 8u);
    var sums: array<vec4<f32>, ROWS>;
    var bias_sum = vec4<f32>();
#ifdef SUBGROUP
    let column = min(lane_column, layer.outputs - 4u);
    for (var group = 0u; group < parameters.groups; group++) {
        var shares: array<vec4<f32>, SHARES>;
        for (var i = 0u; i < SHARES; i++) {
            shares[i] = batch_quad(layer.input + group * layer.inputs + min(first_row + LANES * i + lane, layer.inputs - 1u));
        }
        let rows = columns_of_rows(layer.gradient + group * layer.outputs + column);
        accumulate(&sums, &shares, 0u, rows);
        accumulate(&sums, &shares, 16u, rows);
        bias_sum += (rows[0] + rows[1]) + (rows[2] + rows[3]);
    }
    if lane_column >= layer.outputs {
        return;
    }
    for (var i = 0u; i < ROWS; i++) {
        if first_row + i < layer.inputs {
            update(layer.weight + (first_row + i) * (layer.outputs / 4u) + lane_column / 4u, 1.0, layer.rate_factor, sums[i]);
        }
    }
    if first_row == 0u {
        update(layer.bias + lane_column / 4u, 0.0, layer.rate_factor, bias_sum);
    }
#else
    let slice = lane / LANES_OF_SLICE;
    let place = lane % LANES_OF_SLICE;
    // The quad of the weight that the lane finishes; it arrives in the meantime.
    let row = first_row + place / 8u + 8u * slice;
    let weight = layer.weight + row * (layer.outputs / 4u) + lane_column / 4u;
    let is_inside = row < layer.inputs && lane_column < layer.outputs;
    var before = State();
    if is_inside {
        before = state_at(weight);
    }
    let is_of_input = lane < LOADERS;
    let loader = lane % LOADERS;
    var loaded = loaded_block(layer, is_of_input, loader, 0u, first_row, first_column);
    for (var first_group = 0u; first_group < parameters.groups; first_group += STAGED) {
        stage(is_of_input, loader, loaded);
        workgroupBarrier();
        // The next ones arrive while these are multiplied.
        loaded = loaded_block(layer, is_of_input, loader, first_group + STAGED, first_row, first_column);
        for (var group = slice; group < STAGED; group += SLICES) {
            let first = GRADIENTS + 32u * group + lane % 8u;
            let rows = mat4x4<f32>(staged[first], staged[first + 8u], staged[first + 16u], staged[first + 24u]);
            let first_input = TILE_ROWS * group + place / 8u;
            sums[0] += products(rows, staged[first_input]);
            sums[1] += products(rows, staged[first_input + 8u]);
            sums[2] += products(rows, staged[first_input + 16u]);
            sums[3] += products(rows, staged[first_input + 24u]);
            let is_in_batch = first_group + group < parameters.groups;
            bias_sum += select(vec4<f32>(), (rows[0] + rows[1]) + (rows[2] + rows[3]), is_in_batch);
        }
        workgroupBarrier();
    }
    // Each lane adds up one quad of the tile, in the order of the slices.
    for (var i = 0u; i < ROWS; i++) {
        staged[i * LANES + lane] = sums[i];
    }
    workgroupBarrier();
    let sum = sum_of_slices(slice * LANES + place);
    if is_inside {
        store(weight, optimized(step, 1.0, layer.rate_factor, before, sum));
    }
    workgroupBarrier();
    staged[lane] = bias_sum;
    workgroupBarrier();
    if first_row == 0u && lane < 8u && lane_column < layer.outputs {
        update(layer.bias + lane_column / 4u, 0.0, layer.rate_factor, sum_of_slices(lane));
    }
#endif
}
