#define_import_path diabolo::loss

// The losses of `reference::loss`, by their numbers in `kernels`.
const BINARY_CROSS_ENTROPY: u32 = 0u;
const MEAN_SQUARED_ERROR: u32 = 1u;
const MEAN_ABSOLUTE_ERROR: u32 = 2u;
const HUBER: u32 = 3u;

// One element's loss, and its derivative with respect to the logit z, which gives the output y.x with the derivative y.y.
// `loss` is one of the numbers above; `delta` is where Huber's goes over from a parabola to a line.
fn loss_and_derivative(loss: u32, delta: f32, z: f32, y: vec2<f32>, t: f32) -> vec2<f32> {
    let difference = y.x - t;
    let distance = abs(difference);
    switch loss {
        case MEAN_SQUARED_ERROR: {
            return vec2<f32>(difference * difference, 2.0 * difference * y.y);
        }
        case MEAN_ABSOLUTE_ERROR: {
            return vec2<f32>(distance, sign(difference) * y.y);
        }
        case HUBER: {
            let inside = min(distance, delta);
            return vec2<f32>(inside * (distance - 0.5 * inside), clamp(difference, -delta, delta) * y.y);
        }
        // From the logits of a sigmoid, so that no logarithm is infinite.
        default: {
            return vec2<f32>(max(z, 0.0) - z * t + log(1.0 + exp(-abs(z))), difference);
        }
    }
}
