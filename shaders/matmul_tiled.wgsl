// C = A · B for GPUs: a workgroup makes a TILE × TILE tile of C through workgroup memory.
//
// Its lanes are parted into four slices, each of which takes its part of the inner dimension; a lane makes four rows by four columns of a tile
// of 32, eight by eight of a tile of 64. The slices' sums are added up in a fixed order.
//
// BIAS: C = activation(A · B + bias), a layer's output. DERIVATIVE: the activation's derivative there is kept as well.
// BACKWARD: C holds such a derivative, and becomes the gradient before the layer, A · B · C.
//
// FORM 0: A is [rows, inner], B is [inner, columns].
// FORM 1: A is [rows, inner], B is stored transposed, [columns, inner].
// FORM 2: A is stored transposed, [inner, rows], B is [inner, columns].
// UPDATE: A is a layer's input and B its gradient, FORM 2, and C the layer's weight, which is updated by the product, its gradient. Behind the
// weight stands the bias: the row of C for an input that is always 1. FIRST_MOMENT, SECOND_MOMENT: as in lib/optimizer.wgsl.
// VECTOR: the stored rows of A, B and C are whole vec4s.

#import diabolo::activation::activated
#ifdef UPDATE
#import diabolo::optimizer::{State, optimized}
#import diabolo::step::Step
#endif

#ifdef VECTOR
alias Elements = vec4<f32>;
#else
alias Elements = f32;
#endif

struct Parameters {
    rows: u32,
    columns: u32,
    inner: u32,
    activation: u32,
    bias: u32,          // UPDATE: the bias's first element in C, counted from the weight's
    rate_factor: f32,   // UPDATE: of the learning rate
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> a: array<Elements>;
@group(0) @binding(2) var<storage, read> b: array<Elements>;
#ifdef BIAS
@group(0) @binding(3) var<storage, read> bias: array<f32>;                    // [columns]
#endif
@group(0) @binding(4) var<storage, read_write> c: array<Elements>;             // [rows, columns]
#ifdef DERIVATIVE
@group(0) @binding(5) var<storage, read_write> derivative: array<Elements>;    // [rows, columns]
#endif
#ifdef FIRST_MOMENT
@group(0) @binding(6) var<storage, read_write> first_moments: array<Elements>; // as C
#endif
#ifdef SECOND_MOMENT
@group(0) @binding(7) var<storage, read_write> second_moments: array<Elements>; // as C
#endif
#ifdef UPDATE
@group(0) @binding(8) var<uniform> step: Step;
#endif

// Rows and columns of C in a workgroup, and four of them each.
const TILE: u32 = #{TILE}u;
const QUADS: u32 = TILE / 4u;
const LANES: u32 = 256u;
// Lanes along a side of the tile, in each slice of the inner dimension.
const SIDE: u32 = 8u;
const LANES_OF_SLICE: u32 = SIDE * SIDE;
const SLICES: u32 = LANES / LANES_OF_SLICE;
// Steps along the inner dimension that are in workgroup memory together, and those of them that are one slice's. Each lane loads one block
// of four steps by four rows of A, or by four columns of B.
const STEPS: u32 = 4u * (LANES / 2u) / QUADS;
const DEPTH: u32 = STEPS / SLICES;
// Where B's part of the workgroup memory begins.
const PART_OF_B: u32 = STEPS * QUADS;

// [STEPS, QUADS] of A, then of B, quads where `placed` says; in the end each lane's sums, four at a time.
var<workgroup> tiles: array<vec4<f32>, 2 * PART_OF_B>;

// Quads of a step are permuted, differently for each four steps, so that lanes that store the same quad of different steps do not
// store into the same bank.
fn placed(quad: u32, steps: u32) -> u32 {
    return quad ^ (steps % 8u);
}

// Elements `at` to `at + 3` of a row of A as it is stored, and zeros past the ends.
fn quad_of_a(row: u32, at: u32) -> vec4<f32> {
#if FORM == 2
    let shape = vec2<u32>(parameters.inner, parameters.rows);
#else
    let shape = vec2<u32>(parameters.rows, parameters.inner);
#endif
    var quad = vec4<f32>();
    if row < shape.x && at < shape.y {
        let element = row * shape.y + at;
#ifdef VECTOR
        quad = a[element / 4u];
#else
        let last = element + shape.y - at - 1u;
        let places = min(vec4<u32>(element, element + 1u, element + 2u, element + 3u), vec4<u32>(last));
        let present = at + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(shape.y);
        quad = select(vec4<f32>(), vec4<f32>(a[places.x], a[places.y], a[places.z], a[places.w]), present);
#endif
    }
#ifdef UPDATE
    if row < shape.x {
        quad = select(quad, vec4<f32>(1.0), at + vec4<u32>(0u, 1u, 2u, 3u) == vec4<u32>(shape.y));
    }
#endif
    return quad;
}

// The same of B.
fn quad_of_b(row: u32, at: u32) -> vec4<f32> {
#if FORM == 1
    let shape = vec2<u32>(parameters.columns, parameters.inner);
#else
    let shape = vec2<u32>(parameters.inner, parameters.columns);
#endif
    var quad = vec4<f32>();
    if row < shape.x && at < shape.y {
        let element = row * shape.y + at;
#ifdef VECTOR
        quad = b[element / 4u];
#else
        let last = element + shape.y - at - 1u;
        let places = min(vec4<u32>(element, element + 1u, element + 2u, element + 3u), vec4<u32>(last));
        let present = at + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(shape.y);
        quad = select(vec4<f32>(), vec4<f32>(b[places.x], b[places.y], b[places.z], b[places.w]), present);
#endif
    }
    return quad;
}

// Four steps of A from `k` on, each a vector of the four rows from `row` on.
fn block_of_a(row: u32, k: u32) -> mat4x4<f32> {
#if FORM == 2
    return mat4x4<f32>(quad_of_a(k, row), quad_of_a(k + 1u, row), quad_of_a(k + 2u, row), quad_of_a(k + 3u, row));
#else
    return transpose(mat4x4<f32>(
        quad_of_a(row, k),
        quad_of_a(row + 1u, k),
        quad_of_a(row + 2u, k),
        quad_of_a(row + 3u, k),
    ));
#endif
}

// Four steps of B from `k` on, each a vector of the four columns from `column` on.
fn block_of_b(column: u32, k: u32) -> mat4x4<f32> {
#if FORM == 1
    return transpose(mat4x4<f32>(
        quad_of_b(column, k),
        quad_of_b(column + 1u, k),
        quad_of_b(column + 2u, k),
        quad_of_b(column + 3u, k),
    ));
#else
    return mat4x4<f32>(
        quad_of_b(k, column),
        quad_of_b(k + 1u, column),
        quad_of_b(k + 2u, column),
        quad_of_b(k + 3u, column),
    );
#endif
}

// A lane's block: of A at a row and steps from `k` on, or of B at a column.
fn block(is_of_a: bool, row_or_column: u32, k: u32) -> mat4x4<f32> {
    if is_of_a {
        return block_of_a(row_or_column, k);
    }
    return block_of_b(row_or_column, k);
}

// Adds one step's part to four rows of four columns, one row in each column of the matrix.
fn accumulate(sums: mat4x4<f32>, rows: vec4<f32>, columns: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        fma(vec4<f32>(rows.x), columns, sums[0]),
        fma(vec4<f32>(rows.y), columns, sums[1]),
        fma(vec4<f32>(rows.z), columns, sums[2]),
        fma(vec4<f32>(rows.w), columns, sums[3]),
    );
}

#ifdef UPDATE
// Updates four columns of a row of the weight, or of the bias, by their gradient.
fn store_four(row: u32, column: u32, gradient: vec4<f32>) {
    if row > parameters.rows || column >= parameters.columns {
        return;
    }
    let is_bias = row == parameters.rows;
    let element = select(row * parameters.columns, parameters.bias, is_bias) + column;
    let decay = select(1.0, 0.0, is_bias);
    var before = State();
#ifdef VECTOR
    let place = element / 4u;
    before.value = c[place];
#ifdef FIRST_MOMENT
    before.first_moment = first_moments[place];
#endif
#ifdef SECOND_MOMENT
    before.second_moment = second_moments[place];
#endif
    let after = optimized(step, decay, parameters.rate_factor, before, gradient);
    c[place] = after.value;
#ifdef FIRST_MOMENT
    first_moments[place] = after.first_moment;
#endif
#ifdef SECOND_MOMENT
    second_moments[place] = after.second_moment;
#endif
#else
    for (var i = 0u; i < 4u; i++) {
        if column + i < parameters.columns {
            before.value.x = c[element + i];
#ifdef FIRST_MOMENT
            before.first_moment.x = first_moments[element + i];
#endif
#ifdef SECOND_MOMENT
            before.second_moment.x = second_moments[element + i];
#endif
            let after = optimized(step, decay, parameters.rate_factor, before, vec4<f32>(gradient[i]));
            c[element + i] = after.value.x;
#ifdef FIRST_MOMENT
            first_moments[element + i] = after.first_moment.x;
#endif
#ifdef SECOND_MOMENT
            second_moments[element + i] = after.second_moment.x;
#endif
        }
    }
#endif
}
#else
fn store_four(row: u32, column: u32, sums: vec4<f32>) {
    if row >= parameters.rows || column >= parameters.columns {
        return;
    }
#ifdef BIAS
    let columns = min(vec4<u32>(column, column + 1u, column + 2u, column + 3u), vec4<u32>(parameters.columns - 1u));
    let logits = sums + vec4<f32>(bias[columns.x], bias[columns.y], bias[columns.z], bias[columns.w]);
    let y = activated(parameters.activation, logits);
    let results = y.outputs;
    let derivatives = y.derivatives;
#else
    let results = sums;
#endif
    let element = row * parameters.columns + column;
#ifdef VECTOR
#ifdef BACKWARD
    c[element / 4u] *= results;
#else
    c[element / 4u] = results;
#endif
#ifdef DERIVATIVE
    derivative[element / 4u] = derivatives;
#endif
#else
    for (var i = 0u; i < 4u; i++) {
        if column + i < parameters.columns {
#ifdef BACKWARD
            c[element + i] *= results[i];
#else
            c[element + i] = results[i];
#endif
#ifdef DERIVATIVE
            derivative[element + i] = derivatives[i];
#endif
        }
    }
#endif
}
#endif

// Adds up what a lane has of four rows of four columns and what its neighbors of other slices have, in the order of the slices, and stores it.
fn finish(row: u32, column: u32, sums: mat4x4<f32>, lane: u32) {
    workgroupBarrier();
    tiles[lane] = sums[0];
    tiles[LANES + lane] = sums[1];
    tiles[2u * LANES + lane] = sums[2];
    tiles[3u * LANES + lane] = sums[3];
    workgroupBarrier();
    // Each slice takes one of the rows.
    let slice = lane / LANES_OF_SLICE;
    let first = slice * LANES + lane % LANES_OF_SLICE;
    let sum = ((tiles[first] + tiles[first + LANES_OF_SLICE]) + tiles[first + 2u * LANES_OF_SLICE]) + tiles[first + 3u * LANES_OF_SLICE];
    store_four(row + slice, column, sum);
}

struct Sums {
    here: mat4x4<f32>,
#if TILE == 64
    // Of the quads that are half a tile further down, to the right, and both.
    down: mat4x4<f32>,
    right: mat4x4<f32>,
    across: mat4x4<f32>,
#endif
}

#if TILE == 64
fn part_of(sums: Sums, part: u32) -> mat4x4<f32> {
    if part == 0u {
        return sums.here;
    }
    if part == 1u {
        return sums.right;
    }
    if part == 2u {
        return sums.down;
    }
    return sums.across;
}
#endif

// One step's products.
fn multiply(sums: ptr<function, Sums>, a: u32, b: u32) {
    let rows = tiles[a];
    let columns = tiles[b];
    (*sums).here = accumulate((*sums).here, rows, columns);
#if TILE == 64
    let rows_down = tiles[a + SIDE];
    let columns_right = tiles[b + SIDE];
    (*sums).down = accumulate((*sums).down, rows_down, columns);
    (*sums).right = accumulate((*sums).right, rows, columns_right);
    (*sums).across = accumulate((*sums).across, rows_down, columns_right);
#endif
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first_row = (workgroup.z * workgroups.y + workgroup.y) * TILE;
    let first_column = workgroup.x * TILE;

    // Half of the lanes load A, the others B; neighbors load what is stored side by side.
    let is_of_a = lane < LANES / 2u;
    let loader = lane % (LANES / 2u);
#if FORM == 0
    let is_transposed = is_of_a;
#else if FORM == 1
    let is_transposed = true;
#else
    let is_transposed = false;
#endif
    let loaded_steps = select(loader / QUADS, loader % (STEPS / 4u), is_transposed);
    let loaded_quad = select(loader % QUADS, loader / (STEPS / 4u), is_transposed);
    let loaded_step = 4u * loaded_steps;
    let loaded_from = select(first_column, first_row, is_of_a) + 4u * loaded_quad;
    let loaded_to = select(PART_OF_B, 0u, is_of_a) + loaded_step * QUADS + placed(loaded_quad, loaded_steps);

    let slice = lane / LANES_OF_SLICE;
    let row_quad = lane / SIDE % SIDE;
    let column_quad = lane % SIDE;

    var sums = Sums();
    var start = 0u;
    loop {
        // They arrive while those from before are multiplied.
        let loaded = block(is_of_a, loaded_from, start + loaded_step);
        if start > 0u {
            for (var four = 0u; four < DEPTH / 4u; four++) {
                let steps = slice * (DEPTH / 4u) + four;
                let a = 4u * steps * QUADS + placed(row_quad, steps);
                let b = PART_OF_B + 4u * steps * QUADS + placed(column_quad, steps);
                for (var i = 0u; i < 4u * QUADS; i += QUADS) {
                    multiply(&sums, a + i, b + i);
                }
            }
        }
        if start >= parameters.inner {
            break;
        }
        start += STEPS;
        workgroupBarrier();
        tiles[loaded_to] = loaded[0];
        tiles[loaded_to + QUADS] = loaded[1];
        tiles[loaded_to + 2u * QUADS] = loaded[2];
        tiles[loaded_to + 3u * QUADS] = loaded[3];
        workgroupBarrier();
    }

    let row = first_row + 4u * row_quad;
    let column = first_column + 4u * column_quad;
#if TILE == 32
    finish(row, column, sums.here, lane);
#else
    // One copy of what follows a sum: drivers take their time to compile each.
    for (var part = 0u; part < 4u; part++) {
        finish(row + part / 2u * (TILE / 2u), column + part % 2u * (TILE / 2u), part_of(sums, part), lane);
    }
#endif
}
