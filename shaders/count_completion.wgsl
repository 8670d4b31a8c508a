// Counts itself: the last dispatch of a compute pass, so that the host can tell whether the pass has run.

@group(0) @binding(0) var<storage, read_write> completed: array<u32>;     // [1]: compute passes

@compute @workgroup_size(1)
fn main() {
    completed[0] += 1u;
}
