#define_import_path diabolo::reduce

const REDUCE_LANES: u32 = 64u;

var<workgroup> partial_sums: array<f32, 64>;

// The sum of one value from each of a workgroup's 64 lanes, for every lane: a tree of fixed shape, the same bits in every run.
fn workgroup_sum(value: f32, lane: u32) -> f32 {
    partial_sums[lane] = value;
    for (var half = REDUCE_LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            partial_sums[lane] += partial_sums[lane + half];
        }
    }
    workgroupBarrier();
    let sum = partial_sums[0];
    workgroupBarrier();
    return sum;
}
