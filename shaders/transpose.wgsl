// A matrix transposed, in tiles that pass through workgroup memory, so that reads and writes are side by side.

struct Parameters {
    rows: u32,
    columns: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> matrix: array<f32>;              // [rows, columns]
@group(0) @binding(2) var<storage, read_write> transposed: array<f32>;    // [columns, rows]

const TILE: u32 = 16u;

var<workgroup> tile: array<f32, 272>;    // [TILE, TILE + 1]: a column lies in as many banks as it has elements

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let across = lane % TILE;
    let down = lane / TILE;
    let first_row = (workgroup.z * workgroups.y + workgroup.y) * TILE;
    let first_column = workgroup.x * TILE;
    if first_row + down < parameters.rows && first_column + across < parameters.columns {
        tile[down * (TILE + 1u) + across] = matrix[(first_row + down) * parameters.columns + first_column + across];
    }
    workgroupBarrier();
    if first_column + down < parameters.columns && first_row + across < parameters.rows {
        transposed[(first_column + down) * parameters.rows + first_row + across] = tile[across * (TILE + 1u) + down];
    }
}
