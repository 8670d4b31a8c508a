// C = A · B for software adapters with subgroups of eight: a workgroup is one subgroup, and makes 32 rows by 32 columns.
//
// Mesa's CPU driver loads element by element and checks each, while its arithmetic is as fast as the CPU's. So the lanes load different
// elements of A, pass them round with shuffles, and fetch two elements at a time as one 64-bit integer where rows are whole pairs.
//
// BIAS: C = activation(A · B + bias), a layer's output. DERIVATIVE: the activation's derivative there is kept as well.
// BACKWARD: C holds such a derivative, and becomes the gradient before the layer, A · B · C.
//
// FORM 0: A is [rows, inner], B is [inner, columns].
// FORM 1: A is [rows, inner], B is stored transposed, [columns, inner].
// FORM 2: A is stored transposed, [inner, rows], B is [inner, columns].
// LOAD: 1, 2 or 4 elements at once; the stored rows of A, B and C are whole numbers of so many.

#import diabolo::activation::activated

struct Parameters {
    rows: u32,
    columns: u32,
    inner: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
#if LOAD == 4
@group(0) @binding(1) var<storage, read> a: array<vec2<u64>>;
@group(0) @binding(2) var<storage, read> b: array<vec2<u64>>;
#else if LOAD == 2
@group(0) @binding(1) var<storage, read> a: array<u64>;
@group(0) @binding(2) var<storage, read> b: array<u64>;
#else
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
#endif
#ifdef BIAS
@group(0) @binding(3) var<storage, read> bias: array<f32>;                // [columns]
#endif
#if LOAD == 4
@group(0) @binding(4) var<storage, read_write> c: array<vec4<f32>>;       // [rows, columns]
#else if LOAD == 2
@group(0) @binding(4) var<storage, read_write> c: array<vec2<f32>>;       // [rows, columns]
#else
@group(0) @binding(4) var<storage, read_write> c: array<f32>;             // [rows, columns]
#endif
#ifdef DERIVATIVE
#if LOAD == 4
@group(0) @binding(5) var<storage, read_write> derivative: array<vec4<f32>>; // [rows, columns]
#else if LOAD == 2
@group(0) @binding(5) var<storage, read_write> derivative: array<vec2<f32>>; // [rows, columns]
#else
@group(0) @binding(5) var<storage, read_write> derivative: array<f32>;    // [rows, columns]
#endif
#endif

const LANES: u32 = 8u;
const ROWS: u32 = 32u;
// Steps along the inner dimension that are loaded together.
const STEPS: u32 = 4u;
// Quads of a block of A, ROWS by STEPS, that each lane loads.
const SHARES: u32 = ROWS * STEPS / (4u * LANES);

var<workgroup> rows_of_c: array<vec4<f32>, ROWS * LANES>;

#if LOAD > 1
fn quad(bits: vec2<u64>) -> vec4<f32> {
    return bitcast<vec4<f32>>(vec4<u32>(u32(bits.x), u32(bits.x >> 32u), u32(bits.y), u32(bits.y >> 32u)));
}
#endif

// Elements `at` to `at + 3` of a row of A as it is stored, `length` elements long. Those past the end repeat what is before it.
fn quad_of_a(row: u32, at: u32, length: u32) -> vec4<f32> {
#if LOAD == 4
    return quad(a[(row * length + min(at, length - 4u)) / 4u]);
#else if LOAD == 2
    let pairs = (row * length + min(vec2<u32>(at, at + 2u), vec2<u32>(length - 2u))) / 2u;
    return quad(vec2<u64>(a[pairs.x], a[pairs.y]));
#else
    let elements = row * length + min(vec4<u32>(at, at + 1u, at + 2u, at + 3u), vec4<u32>(length - 1u));
    return vec4<f32>(a[elements.x], a[elements.y], a[elements.z], a[elements.w]);
#endif
}

// The same of B.
fn quad_of_b(row: u32, at: u32, length: u32) -> vec4<f32> {
#if LOAD == 4
    return quad(b[(row * length + min(at, length - 4u)) / 4u]);
#else if LOAD == 2
    let pairs = (row * length + min(vec2<u32>(at, at + 2u), vec2<u32>(length - 2u))) / 2u;
    return quad(vec2<u64>(b[pairs.x], b[pairs.y]));
#else
    let elements = row * length + min(vec4<u32>(at, at + 1u, at + 2u, at + 3u), vec4<u32>(length - 1u));
    return vec4<f32>(b[elements.x], b[elements.y], b[elements.z], b[elements.w]);
#endif
}

// A quad of the block of A at `row` and `k`. Steps past the end are zero, so that it does not matter what B has there.
fn share_of_a(row: u32, k: u32, place: u32) -> vec4<f32> {
#if FORM == 2
    let steps = vec4<u32>(k + place / (ROWS / 4u));
    let share = quad_of_a(min(steps.x, parameters.inner - 1u), row + 4u * (place % (ROWS / 4u)), parameters.rows);
#else
    let steps = k + vec4<u32>(0u, 1u, 2u, 3u);
    let share = quad_of_a(min(row + place, parameters.rows - 1u), k, parameters.inner);
#endif
    return select(vec4<f32>(), share, steps < vec4<u32>(parameters.inner));
}

// Four steps of B for the four columns from `column` on, one step in each column of the matrix.
fn steps_of_b(k: u32, column: u32) -> mat4x4<f32> {
#if FORM == 1
    let columns = min(vec4<u32>(column, column + 1u, column + 2u, column + 3u), vec4<u32>(parameters.columns - 1u));
    return transpose(mat4x4<f32>(
        quad_of_b(columns.x, k, parameters.inner),
        quad_of_b(columns.y, k, parameters.inner),
        quad_of_b(columns.z, k, parameters.inner),
        quad_of_b(columns.w, k, parameters.inner),
    ));
#else
    let steps = min(vec4<u32>(k, k + 1u, k + 2u, k + 3u), vec4<u32>(parameters.inner - 1u));
    return mat4x4<f32>(
        quad_of_b(steps.x, column, parameters.columns),
        quad_of_b(steps.y, column, parameters.columns),
        quad_of_b(steps.z, column, parameters.columns),
        quad_of_b(steps.w, column, parameters.columns),
    );
#endif
}

// Four steps' part of a row of C.
fn products(a: vec4<f32>, b: mat4x4<f32>) -> vec4<f32> {
    return (a.x * b[0] + a.y * b[1]) + (a.z * b[2] + a.w * b[3]);
}

// Adds a block's four steps to sixteen rows: all four together, so that each sum is loaded and stored once for them. The driver does not
// unroll a longer loop, and sums whose index is not constant would live in memory.
fn accumulate(
    sums: ptr<function, array<vec4<f32>, ROWS>>,
    shares: ptr<function, array<vec4<f32>, SHARES>>,
    first: u32,
    b: mat4x4<f32>,
) {
#if FORM == 2
    for (var i = 0u; i < 4u; i++) {
        let row = first + 4u * i;
        let place = row / 4u + (ROWS / 4u) * vec4<u32>(0u, 1u, 2u, 3u);
        let a = transpose(mat4x4<f32>(
            subgroupShuffle((*shares)[place.x / LANES], place.x % LANES),
            subgroupShuffle((*shares)[place.y / LANES], place.y % LANES),
            subgroupShuffle((*shares)[place.z / LANES], place.z % LANES),
            subgroupShuffle((*shares)[place.w / LANES], place.w % LANES),
        ));
        (*sums)[row] += products(a[0], b);
        (*sums)[row + 1u] += products(a[1], b);
        (*sums)[row + 2u] += products(a[2], b);
        (*sums)[row + 3u] += products(a[3], b);
    }
#else
    for (var i = 0u; i < 16u; i++) {
        let row = first + i;
        (*sums)[row] += products(subgroupShuffle((*shares)[row / LANES], row % LANES), b);
    }
#endif
}

// Hands sixteen rows over to the loop that stores them.
fn hand_over(sums: ptr<function, array<vec4<f32>, ROWS>>, first: u32, lane: u32) {
    for (var i = 0u; i < 16u; i++) {
        rows_of_c[LANES * (first + i) + lane] = (*sums)[first + i];
    }
}

fn store_row(row: u32, column: u32, sums: vec4<f32>) {
    if row >= parameters.rows || column >= parameters.columns {
        return;
    }
    let columns = min(vec4<u32>(column, column + 1u, column + 2u, column + 3u), vec4<u32>(parameters.columns - 1u));
#ifdef BIAS
    let values = sums + vec4<f32>(bias[columns.x], bias[columns.y], bias[columns.z], bias[columns.w]);
    let y = activated(#{ACTIVATION}u, values);
    let results = y.outputs;
    let derivatives = y.derivatives;
#else
    let results = sums;
#endif
    let element = row * parameters.columns + column;
#if LOAD == 4
#ifdef BACKWARD
    c[element / 4u] *= results;
#else
    c[element / 4u] = results;
#endif
#ifdef DERIVATIVE
    derivative[element / 4u] = derivatives;
#endif
#else if LOAD == 2
    for (var i = 0u; i < 4u; i += 2u) {
        if columns[i] == column + i {
            let pair = (element + i) / 2u;
#ifdef BACKWARD
            c[pair] *= vec2<f32>(results[i], results[i + 1u]);
#else
            c[pair] = vec2<f32>(results[i], results[i + 1u]);
#endif
#ifdef DERIVATIVE
            derivative[pair] = vec2<f32>(derivatives[i], derivatives[i + 1u]);
#endif
        }
    }
#else
    for (var i = 0u; i < 4u; i++) {
        if columns[i] == column + i {
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

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let row = (workgroup.z * workgroups.y + workgroup.y) * ROWS;
    let column = 4u * (workgroup.x * LANES + lane);
    var sums: array<vec4<f32>, ROWS>;
    for (var k = 0u; k < parameters.inner; k += STEPS) {
        var shares: array<vec4<f32>, SHARES>;
        for (var i = 0u; i < SHARES; i++) {
            shares[i] = share_of_a(row, k, LANES * i + lane);
        }
        let steps = steps_of_b(k, column);
        accumulate(&sums, &shares, 0u, steps);
        accumulate(&sums, &shares, 16u, steps);
    }
    hand_over(&sums, 0u, lane);
    hand_over(&sums, 16u, lane);
    // Each lane takes its own rows back: thirty-two copies of what follows would take the driver seconds to compile.
    for (var i = 0u; i < ROWS; i++) {
        store_row(row + i, column, rows_of_c[LANES * i + lane]);
    }
}
