#define_import_path diabolo::grid

// The place of an invocation in a one-dimensional job. Workgroups fill the grid row by row, since an axis has 65,535 at most.
fn linear_index(workgroup: vec3<u32>, workgroups: vec3<u32>, lane: u32, workgroup_size: u32) -> u32 {
    return (workgroup.y * workgroups.x + workgroup.x) * workgroup_size + lane;
}
