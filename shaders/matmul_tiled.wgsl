// C = A · B for GPUs: a workgroup makes a 64 × 64 tile of C through workgroup memory.
//
// BIAS: C = activation(A · B + bias), a layer's output. DERIVATIVE: the activation's derivative there is kept as well.
// BACKWARD: C holds such a derivative, and becomes the gradient before the layer, A · B · C.
//
// FORM 0: A is [rows, inner], B is [inner, columns].
// FORM 1: A is [rows, inner], B is stored transposed, [columns, inner].
// FORM 2: A is stored transposed, [inner, rows], B is [inner, columns].

#import diabolo::activation::activate_as

struct Parameters {
    rows: u32,
    columns: u32,
    inner: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
#ifdef BIAS
@group(0) @binding(3) var<storage, read> bias: array<f32>;                // [columns]
#endif
@group(0) @binding(4) var<storage, read_write> c: array<f32>;             // [rows, columns]
#ifdef DERIVATIVE
@group(0) @binding(5) var<storage, read_write> derivative: array<f32>;    // [rows, columns]
#endif

const TILE: u32 = 64u;     // rows and columns of C in a workgroup
const DEPTH: u32 = 16u;    // of the inner dimension at a time
const QUADS: u32 = 16u;    // groups of four rows or columns in a tile

var<workgroup> a_tile: array<vec4<f32>, 256>;    // [DEPTH, QUADS], four rows of A each
var<workgroup> b_tile: array<vec4<f32>, 256>;    // [DEPTH, QUADS], four columns of B each

fn element_of_a(row: u32, k: u32) -> f32 {
    if row >= parameters.rows || k >= parameters.inner {
        return 0.0;
    }
#if FORM == 2
    return a[k * parameters.rows + row];
#else
    return a[row * parameters.inner + k];
#endif
}

fn element_of_b(k: u32, column: u32) -> f32 {
    if column >= parameters.columns || k >= parameters.inner {
        return 0.0;
    }
#if FORM == 1
    return b[column * parameters.inner + k];
#else
    return b[k * parameters.columns + column];
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

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first_row = (workgroup.z * workgroups.y + workgroup.y) * TILE;
    let first_column = workgroup.x * TILE;
    let slow = lane / 16u;
    let fast = lane % 16u;

    // Neighboring lanes load neighboring elements, whichever dimension is contiguous in memory.
#if FORM == 2
    let a_depth = slow;
    let a_quad = fast;
#else
    let a_depth = fast;
    let a_quad = slow;
#endif
#if FORM == 1
    let b_depth = fast;
    let b_quad = slow;
#else
    let b_depth = slow;
    let b_quad = fast;
#endif
    let a_row = first_row + 4u * a_quad;
    let b_column = first_column + 4u * b_quad;

    // Each lane makes four rows by four columns of the tile.
    var sums_0 = vec4<f32>();
    var sums_1 = vec4<f32>();
    var sums_2 = vec4<f32>();
    var sums_3 = vec4<f32>();
    for (var start = 0u; start < parameters.inner; start += DEPTH) {
        let a_k = start + a_depth;
        a_tile[a_depth * QUADS + a_quad] = vec4<f32>(
            element_of_a(a_row, a_k),
            element_of_a(a_row + 1u, a_k),
            element_of_a(a_row + 2u, a_k),
            element_of_a(a_row + 3u, a_k),
        );
        let b_k = start + b_depth;
        b_tile[b_depth * QUADS + b_quad] = vec4<f32>(
            element_of_b(b_k, b_column),
            element_of_b(b_k, b_column + 1u),
            element_of_b(b_k, b_column + 2u),
            element_of_b(b_k, b_column + 3u),
        );
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let rows = a_tile[k * QUADS + slow];
            let columns = b_tile[k * QUADS + fast];
            sums_0 += rows.x * columns;
            sums_1 += rows.y * columns;
            sums_2 += rows.z * columns;
            sums_3 += rows.w * columns;
        }
        workgroupBarrier();
    }
    let row = first_row + 4u * slow;
    let column = first_column + 4u * fast;
    store_row(row, column, sums_0);
    store_row(row + 1u, column, sums_1);
    store_row(row + 2u, column, sums_2);
    store_row(row + 3u, column, sums_3);
}
