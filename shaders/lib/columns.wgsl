#define_import_path diabolo::columns

// For workgroups of 256 lanes that take 16 columns of a matrix. VECTOR: four columns at a time.

const COLUMNS: u32 = 16u;    // columns in a workgroup
const SLICES: u32 = 16u;     // lanes that share a column

// `column_sum`: the sum of one value from each of the lanes that share a column, for each of them. A tree of fixed shape: the same bits in
// every run.
#ifdef VECTOR
var<workgroup> partial_sums: array<vec4<f32>, 256>;    // [SLICES, COLUMNS]

fn column_sum(value: vec4<f32>, lane: u32) -> vec4<f32> {
#else
var<workgroup> partial_sums: array<f32, 256>;          // [SLICES, COLUMNS]

fn column_sum(value: f32, lane: u32) -> f32 {
#endif
    partial_sums[lane] = value;
    for (var half = SLICES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half * COLUMNS {
            partial_sums[lane] += partial_sums[lane + half * COLUMNS];
        }
    }
    workgroupBarrier();
    let sum = partial_sums[lane % COLUMNS];
    workgroupBarrier();
    return sum;
}
