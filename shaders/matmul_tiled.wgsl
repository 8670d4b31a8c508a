// C = A · B for GPUs: a workgroup makes a TILE × TILE tile of C through workgroup memory, each lane four or eight rows by as many columns.
//
// In a small tile the lanes are parted into slices, each of which takes its part of the inner dimension; their sums are added up in the
// order of the slices. So a product of few tiles, or a long one, keeps more lanes busy.
//
// BIAS: C = activation(A · B + bias), a layer's output. DERIVATIVE: the activation's derivative there is kept as well.
// BACKWARD: C holds such a derivative, and becomes the gradient before the layer, A · B · C.
//
// FORM 0: A is [rows, inner], B is [inner, columns].
// FORM 1: A is [rows, inner], B is stored transposed, [columns, inner].
// FORM 2: A is stored transposed, [inner, rows], B is [inner, columns].
// VECTOR: the stored rows of A, B and C are whole vec4s.

#import diabolo::activation::activate_as

struct Parameters {
    rows: u32,
    columns: u32,
    inner: u32,
    activation: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
#ifdef VECTOR
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> c: array<vec4<f32>>;          // [rows, columns]
#else
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(4) var<storage, read_write> c: array<f32>;                // [rows, columns]
#endif
#ifdef BIAS
@group(0) @binding(3) var<storage, read> bias: array<f32>;                   // [columns]
#endif
#ifdef DERIVATIVE
#ifdef VECTOR
@group(0) @binding(5) var<storage, read_write> derivative: array<vec4<f32>>; // [rows, columns]
#else
@group(0) @binding(5) var<storage, read_write> derivative: array<f32>;       // [rows, columns]
#endif
#endif

// Rows and columns of C in a workgroup, and four of them each.
const TILE: u32 = #{TILE}u;
const QUADS: u32 = TILE / 4u;
const LANES: u32 = 256u;
// Lanes along a side of the tile, in each slice of the inner dimension.
const SIDE: u32 = min(16u, QUADS);
const SLICES: u32 = LANES / (SIDE * SIDE);
// Steps along the inner dimension that are in workgroup memory together, and those of them that are one slice's. Each lane loads one block
// of four steps by four rows of A, or by four columns of B.
const STEPS: u32 = 4u * (LANES / 2u) / QUADS;
const DEPTH: u32 = STEPS / SLICES;
// Where B's part of the workgroup memory begins.
const PART_OF_B: u32 = STEPS * QUADS;

var<workgroup> tiles: array<vec4<f32>, 2 * PART_OF_B>;    // [STEPS, QUADS] of A, then of B

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

// Adds one step's part to four rows of four columns, one row in each column of the matrix.
fn accumulate(sums: mat4x4<f32>, rows: vec4<f32>, columns: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        fma(vec4<f32>(rows.x), columns, sums[0]),
        fma(vec4<f32>(rows.y), columns, sums[1]),
        fma(vec4<f32>(rows.z), columns, sums[2]),
        fma(vec4<f32>(rows.w), columns, sums[3]),
    );
}

// A lane's block: of A at a row and steps from `k` on, or of B at a column.
fn block(is_of_a: bool, row_or_column: u32, k: u32) -> mat4x4<f32> {
    if is_of_a {
        return block_of_a(row_or_column, k);
    }
    return block_of_b(row_or_column, k);
}

fn store_four(row: u32, column: u32, sums: vec4<f32>) {
    if row >= parameters.rows || column >= parameters.columns {
        return;
    }
#ifdef BIAS
    let columns = min(vec4<u32>(column, column + 1u, column + 2u, column + 3u), vec4<u32>(parameters.columns - 1u));
    let logits = sums + vec4<f32>(bias[columns.x], bias[columns.y], bias[columns.z], bias[columns.w]);
    let first = activate_as(parameters.activation, logits.x);
    let second = activate_as(parameters.activation, logits.y);
    let third = activate_as(parameters.activation, logits.z);
    let fourth = activate_as(parameters.activation, logits.w);
    let results = vec4<f32>(first.x, second.x, third.x, fourth.x);
    let derivatives = vec4<f32>(first.y, second.y, third.y, fourth.y);
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

fn store_block(row: u32, column: u32, sums: mat4x4<f32>) {
    var rows = sums;
    for (var i = 0u; i < 4u; i++) {
        store_four(row + i, column, rows[i]);
    }
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first_row = (workgroup.z * workgroups.y + workgroup.y) * TILE;
    let first_column = workgroup.x * TILE;

    // Half of the lanes load A, the others B.
    let is_of_a = lane < LANES / 2u;
    let loaded_quad = lane % QUADS;
    let loaded_step = 4u * (lane % (LANES / 2u) / QUADS);
    let loaded_from = select(first_column, first_row, is_of_a) + 4u * loaded_quad;
    let loaded_to = select(PART_OF_B, 0u, is_of_a) + loaded_step * QUADS + loaded_quad;

    let slice = lane / (SIDE * SIDE);
    let row_quad = lane / SIDE % SIDE;
    let column_quad = lane % SIDE;

    var sums = mat4x4<f32>();
#if TILE == 128
    // Of the quads that are half a tile further down, to the right, and both.
    var sums_down = mat4x4<f32>();
    var sums_right = mat4x4<f32>();
    var sums_across = mat4x4<f32>();
#endif
    var loaded = block(is_of_a, loaded_from, loaded_step);
    for (var start = 0u; start < parameters.inner; start += STEPS) {
        tiles[loaded_to] = loaded[0];
        tiles[loaded_to + QUADS] = loaded[1];
        tiles[loaded_to + 2u * QUADS] = loaded[2];
        tiles[loaded_to + 3u * QUADS] = loaded[3];
        workgroupBarrier();
        // The next ones arrive while these are multiplied.
        loaded = block(is_of_a, loaded_from, start + STEPS + loaded_step);
        for (var step = 0u; step < DEPTH; step++) {
            let place = (slice * DEPTH + step) * QUADS;
            let rows = tiles[place + row_quad];
            let columns = tiles[PART_OF_B + place + column_quad];
            sums = accumulate(sums, rows, columns);
#if TILE == 128
            let rows_down = tiles[place + SIDE + row_quad];
            let columns_right = tiles[PART_OF_B + place + SIDE + column_quad];
            sums_down = accumulate(sums_down, rows_down, columns);
            sums_right = accumulate(sums_right, rows, columns_right);
            sums_across = accumulate(sums_across, rows_down, columns_right);
#endif
        }
        workgroupBarrier();
    }

    let row = first_row + 4u * row_quad;
    let column = first_column + 4u * column_quad;
#if TILE == 32
    // The first slice adds up what the others hand over.
    if slice > 0u {
        let place = 4u * lane - 4u * SIDE * SIDE;
        tiles[place] = sums[0];
        tiles[place + 1u] = sums[1];
        tiles[place + 2u] = sums[2];
        tiles[place + 3u] = sums[3];
    }
    workgroupBarrier();
    if slice > 0u {
        return;
    }
    for (var other = 0u; other < SLICES - 1u; other++) {
        let place = 4u * (other * SIDE * SIDE + lane);
        sums += mat4x4<f32>(tiles[place], tiles[place + 1u], tiles[place + 2u], tiles[place + 3u]);
    }
#endif
    store_block(row, column, sums);
#if TILE == 128
    store_block(row + TILE / 2u, column, sums_down);
    store_block(row, column + TILE / 2u, sums_right);
    store_block(row + TILE / 2u, column + TILE / 2u, sums_across);
#endif
}
