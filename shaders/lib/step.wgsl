#define_import_path diabolo::step

// What changes from one step to the next: a row of a table that the host fills for a whole submission.
struct Step {
    first_sample: u32,             // position of the batch's first sample in the epoch's order, or in what of it is loaded
    first_position: u32,           // position of the batch's first sample in the epoch's order
    rows: u32,                     // samples in the batch; further rows of its matrices are zero and count for nothing
    epoch: u32,                    // chooses the order
    loss_slot: u32,                // where the step's loss is kept
    seed_low: u32,
    seed_high: u32,
    learning_rate: f32,
    // The optimizer's numbers, as `reference::Coefficients` has them. From the host: 1 - beta loses digits here, pow(beta, t) is too
    // inexact, and some drivers make an inexact interpolation of beta * m + (1 - beta) * g.
    first_decay: f32,
    first_share: f32,
    first_moment_scale: f32,       // of Adam 1 / (1 - beta1^t)
    look_ahead: f32,
    second_decay: f32,
    second_share: f32,
    second_moment_scale: f32,      // of Adam 1 / sqrt(1 - beta2^t)
    epsilon: f32,
    weight_decay: f32,
    decoupled_decay: f32,
    inverse_element_count: f32,    // 1 / (rows * columns of the output)
}
