// C = A · B for software adapters without subgroups of eight: no barrier, no workgroup memory. A lane makes eight rows by
// four columns of C, so that each element it loads is used several times.
//
// BIAS: C = activation(A · B + bias), a layer's output. DERIVATIVE: the activation's derivative there is kept as well.
// BACKWARD: C holds such a derivative, and becomes the gradient before the layer, A · B · C.
//
// FORM 0: A is [rows, inner], B is [inner, columns].
// FORM 1: A is [rows, inner], B is stored transposed, [columns, inner].
// FORM 2: A is stored transposed, [inner, rows], B is [inner, columns].
// VECTOR: rows of B are whole vec4s.

#import diabolo::activation::activate_as

struct Parameters {
    rows: u32,
    columns: u32,
    inner: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> a: array<f32>;
#ifdef VECTOR
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
#else
@group(0) @binding(2) var<storage, read> b: array<f32>;
#endif
#ifdef BIAS
@group(0) @binding(3) var<storage, read> bias: array<f32>;                // [columns]
#endif
@group(0) @binding(4) var<storage, read_write> c: array<f32>;             // [rows, columns]
#ifdef DERIVATIVE
@group(0) @binding(5) var<storage, read_write> derivative: array<f32>;    // [rows, columns]
#endif

const LANES: u32 = 8u;
const ROWS: u32 = 8u;

// Rows past the end repeat the last one; their sums are never stored.
fn element_of_a(row: u32, k: u32) -> f32 {
    let inside = min(row, parameters.rows - 1u);
#if FORM == 2
    return a[k * parameters.rows + inside];
#else
    return a[inside * parameters.inner + k];
#endif
}

// Four neighboring columns of row k of B. Columns past the end repeat the last one; their sums are never stored.
fn quad_of_b(k: u32, column: u32) -> vec4<f32> {
    let last = parameters.columns - 1u;
    let columns = min(vec4<u32>(column, column + 1u, column + 2u, column + 3u), vec4<u32>(last));
#if FORM == 1
#ifdef VECTOR
    let quads = parameters.inner / 4u;
    let quad = k / 4u;
    let i = k % 4u;
    return vec4<f32>(
        b[columns.x * quads + quad][i],
        b[columns.y * quads + quad][i],
        b[columns.z * quads + quad][i],
        b[columns.w * quads + quad][i],
    );
#else
    let rows = columns * parameters.inner + k;
    return vec4<f32>(b[rows.x], b[rows.y], b[rows.z], b[rows.w]);
#endif
#else
#ifdef VECTOR
    return b[(k * parameters.columns + min(column, parameters.columns - 4u)) / 4u];
#else
    let elements = k * parameters.columns + columns;
    return vec4<f32>(b[elements.x], b[elements.y], b[elements.z], b[elements.w]);
#endif
#endif
}

fn store_row(row: u32, first_column: u32, sums: vec4<f32>) {
    if row >= parameters.rows {
        return;
    }
    for (var i = 0u; i < 4u; i++) {
        let column = first_column + i;
        if column < parameters.columns {
            let element = row * parameters.columns + column;
#ifdef BIAS
            let result = activate_as(#{ACTIVATION}u, sums[i] + bias[column]);
            c[element] = result.x;
#ifdef DERIVATIVE
            derivative[element] = result.y;
#endif
#else ifdef BACKWARD
            c[element] *= sums[i];
#else
            c[element] = sums[i];
#endif
        }
    }
}

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = (workgroup.z * workgroups.y + workgroup.y) * ROWS;
    let column = 4u * (workgroup.x * LANES + lane);
    var sums_0 = vec4<f32>();
    var sums_1 = vec4<f32>();
    var sums_2 = vec4<f32>();
    var sums_3 = vec4<f32>();
    var sums_4 = vec4<f32>();
    var sums_5 = vec4<f32>();
    var sums_6 = vec4<f32>();
    var sums_7 = vec4<f32>();
    for (var k = 0u; k < parameters.inner; k++) {
        let quad = quad_of_b(k, column);
        sums_0 += element_of_a(row, k) * quad;
        sums_1 += element_of_a(row + 1u, k) * quad;
        sums_2 += element_of_a(row + 2u, k) * quad;
        sums_3 += element_of_a(row + 3u, k) * quad;
        sums_4 += element_of_a(row + 4u, k) * quad;
        sums_5 += element_of_a(row + 5u, k) * quad;
        sums_6 += element_of_a(row + 6u, k) * quad;
        sums_7 += element_of_a(row + 7u, k) * quad;
    }
    store_row(row, column, sums_0);
    store_row(row + 1u, column, sums_1);
    store_row(row + 2u, column, sums_2);
    store_row(row + 3u, column, sums_3);
    store_row(row + 4u, column, sums_4);
    store_row(row + 5u, column, sums_5);
    store_row(row + 6u, column, sums_6);
    store_row(row + 7u, column, sums_7);
}
