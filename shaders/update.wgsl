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
const LANES: u32 = 64u;
const ROWS: u32 = 4u;
// Groups of four rows of the batch that are staged together.
const STAGED: u32 = 8u;
var<workgroup> staged_inputs: array<vec4<f32>, 256>;       // [STAGED, TILE_ROWS]
var<workgroup> staged_gradients: array<vec4<f32>, 256>;    // [STAGED, TILE_COLUMNS]
#endif

fn batch_quad(place: u32) -> vec4<f32> {
#ifdef SUBGROUP
    return floats(batch[place]);
#else
    return batch[place];
#endif
}

// `decay` is 1 for weights, and 0 for biases.
fn update(place: u32, decay: f32, gradient: vec4<f32>) {
    var value: vec4<f32>;
    var first: vec4<f32>;
    var second: vec4<f32>;
#ifdef SUBGROUP
    value = floats(values[place]);
#ifdef FIRST_MOMENT
    first = floats(first_moments[place]);
#endif
#ifdef SECOND_MOMENT
    second = floats(second_moments[place]);
#endif
#else
    value = values[place];
#ifdef FIRST_MOMENT
    first = first_moments[place];
#endif
#ifdef SECOND_MOMENT
    second = second_moments[place];
#endif
#endif
    let after = optimized(step, decay, State(value, first, second), gradient);
#ifdef SUBGROUP
    values[place] = integers(after.value);
#ifdef FIRST_MOMENT
    first_moments[place] = integers(after.first_moment);
#endif
#ifdef SECOND_MOMENT
    second_moments[place] = integers(after.second_moment);
#endif
#else
    values[place] = after.value;
#ifdef FIRST_MOMENT
    first_moments[place] = after.first_moment;
#endif
#ifdef SECOND_MOMENT
    second_moments[place] = after.second_moment;
#endif
#endif
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
@compute @workgroup_size(64)
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
    let lane_row = first_row + lane / 8u * ROWS;
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
        let first = layer.gradient + group * layer.outputs + column;
        // Four columns of each of the group's rows.
        let rows = transpose(mat4x4<f32>(
            batch_quad(first),
            batch_quad(first + 1u),
            batch_quad(first + 2u),
            batch_quad(first + 3u),
        ));
        accumulate(&sums, &shares, 0u, rows);
        accumulate(&sums, &shares, 16u, rows);
        bias_sum += (rows[0] + rows[1]) + (rows[2] + rows[3]);
    }
#else
    for (var first_group = 0u; first_group < parameters.groups; first_group += STAGED) {
        for (var i = lane; i < STAGED * TILE_ROWS; i += LANES) {
            let group = first_group + i / TILE_ROWS;
            let inside = min(group, parameters.groups - 1u);
            let row = min(first_row + i % TILE_ROWS, layer.inputs - 1u);
            let column = min(first_column + i % TILE_COLUMNS, layer.outputs - 1u);
            let is_inside = group < parameters.groups;
            staged_inputs[i] = select(vec4<f32>(), batch_quad(layer.input + inside * layer.inputs + row), is_inside);
            staged_gradients[i] = select(vec4<f32>(), batch_quad(layer.gradient + inside * layer.outputs + column), is_inside);
        }
        workgroupBarrier();
        for (var staged = 0u; staged < STAGED; staged++) {
            let first = staged * TILE_COLUMNS + 4u * (lane % 8u);
            let rows = transpose(mat4x4<f32>(
                staged_gradients[first],
                staged_gradients[first + 1u],
                staged_gradients[first + 2u],
                staged_gradients[first + 3u],
            ));
            for (var i = 0u; i < ROWS; i++) {
                let input = staged_inputs[staged * TILE_ROWS + lane / 8u * ROWS + i];
                sums[i] += products(rows, input);
            }
            bias_sum += (rows[0] + rows[1]) + (rows[2] + rows[3]);
        }
        workgroupBarrier();
    }
#endif
    if lane_column >= layer.outputs {
        return;
    }
    let column_quad = lane_column / 4u;
    for (var i = 0u; i < ROWS; i++) {
        if lane_row + i < layer.inputs {
            update(layer.weight + (lane_row + i) * (layer.outputs / 4u) + column_quad, 1.0, sums[i]);
        }
    }
    if lane_row == 0u {
        update(layer.bias + column_quad, 0.0, bias_sum);
    }
}
