#define_import_path diabolo::layer

// A dense layer of a network whose parameters stand in one tensor, and whose values for a batch stand in another. Widths are whole
// vec4s. A batch's matrix [batch_size, width] is stored in quads of four rows, [batch_size / 4, width] of them.
struct Layer {
    inputs: u32,
    outputs: u32,
    weight: u32,        // the first vec4 of the weight [inputs, outputs / 4]
    bias: u32,          // the first vec4 of the bias [outputs / 4]
    input: u32,         // the first quad of the layer's input [batch_size / 4, inputs]
    gradient: u32,      // the first quad of the gradient of its result before the activation [batch_size / 4, outputs]
    activation: u32,
    first_tile: u32,    // of the tiles that the weights are updated by
    rate_factor: f32,   // of the learning rate
    // An element of a uniform array is a whole number of vec4s.
    unused_a: u32,
    unused_b: u32,
    unused_c: u32,
}

// The most layers of a network.
const MAXIMUM_LAYERS: u32 = 16u;
