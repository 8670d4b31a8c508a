#define_import_path diabolo::loss
#import diabolo::activation::{activate, activation_derivative, sigmoid}

// LOSS 0: binary cross-entropy, from the logits of a sigmoid output.
// LOSS 1: squared error of activation(logits).

// One element's loss, and its derivative with respect to the logit.
fn loss_and_derivative(z: f32, t: f32) -> vec2<f32> {
#if LOSS == 0
    return vec2<f32>(max(z, 0.0) - z * t + log(1.0 + exp(-abs(z))), sigmoid(z) - t);
#else
    let y = activate(z);
    let difference = y - t;
    return vec2<f32>(difference * difference, 2.0 * difference * activation_derivative(y));
#endif
}
