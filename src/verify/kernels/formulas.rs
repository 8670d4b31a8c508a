//! The formulas of `shaders/lib` and of the losses, evaluated with their errors.

use crate::reference::{Activation, Adam, CLAMP, Loss};
use crate::verify::approximate::{Approximate, ROUNDING, SMALLEST_NORMAL};
use crate::verify::compare::Expected;

/// The twin's value, with the error that the shader's formula may have.
pub fn near(value: f64, computed: Approximate) -> Expected {
    Expected::Near { value, bound: computed.error }
}

pub fn exact(value: f64) -> Approximate {
    Approximate::exact(value)
}

/// `sigmoid` of `lib/activation.wgsl`.
pub fn sigmoid(x: Approximate) -> Approximate {
    let decay = (-x.abs()).exp();
    let upper = exact(1.0) / (exact(1.0) + decay);
    let lower = decay * upper;
    let result = if x.value >= 0.0 { upper } else { lower };
    // Next to 0 the shader may take either branch.
    let error = if x.error < x.value.abs() { result.error } else { upper.error.max(lower.error) };
    Approximate { error, ..result }
}

/// `activate` of `lib/activation.wgsl`.
pub fn activate(activation: Activation, x: Approximate) -> Approximate {
    match activation {
        Activation::Identity => x,
        Activation::Relu => x.clamp(0.0, f64::INFINITY),
        Activation::Sigmoid => sigmoid(x),
        Activation::Tanh => tanh(x),
    }
}

fn tanh(x: Approximate) -> Approximate {
    let threshold = f64::from(0.01f32);
    let decay = (-x.abs().doubled()).exp();
    let far = (exact(1.0) - decay) / (exact(1.0) + decay);
    let small = x.clamp(-threshold, threshold);
    let mut near = small - small * small * small / exact(3.0);
    // What the series leaves out.
    near.error += 2.0 / 15.0 * threshold.powi(5);
    let is_certainly_far = x.value.abs() - x.error >= threshold;
    let is_certainly_near = x.value.abs() + x.error < threshold;
    let error = match (is_certainly_near, is_certainly_far) {
        (true, _) => near.error,
        (_, true) => far.error,
        _ => near.error.max(far.error),
    };
    Approximate { value: x.value.tanh(), error }
}

/// `activation_derivative` of `lib/activation.wgsl`.
pub fn activation_derivative(activation: Activation, output: Approximate) -> Approximate {
    match activation {
        Activation::Identity => exact(1.0),
        // A small output may have become zero, and its derivative with it.
        Activation::Relu => Approximate {
            value: f64::from(output.value > 0.0),
            error: f64::from(output.error > 0.0 && output.value <= output.error),
        },
        Activation::Sigmoid => output * (exact(1.0) - output),
        Activation::Tanh => exact(1.0) - output * output,
    }
}

/// A loss and its derivative with respect to the logit, as `lib/loss.wgsl` computes them.
pub fn loss_and_derivative(loss: Loss, output: Activation, z: Approximate, t: Approximate) -> [Approximate; 2] {
    match loss {
        Loss::BinaryCrossEntropy => [binary_cross_entropy(z, t), sigmoid(z) - t],
        Loss::MeanSquaredError => {
            let y = activate(output, z);
            let difference = y - t;
            [difference * difference, difference.doubled() * activation_derivative(output, y)]
        }
    }
}

/// One update: the parameter and its moments, as `lib/adam.wgsl` computes them. `scales` as [`Adam::moment_scales`] has them.
pub fn updated_by_adam(
    settings: Adam,
    scales: (f64, f64),
    gradient: Approximate,
    [value, first_moment, second_moment]: [Approximate; 3],
) -> [Approximate; 3] {
    let m = exact(settings.beta1) * first_moment + Approximate::nearest(1.0 - settings.beta1) * gradient;
    let v = exact(settings.beta2) * second_moment + Approximate::nearest(1.0 - settings.beta2) * gradient * gradient;
    let (first_scale, second_scale) = (Approximate::nearest(scales.0), Approximate::nearest(scales.1));
    let corrected = v.sqrt() * second_scale + exact(settings.epsilon);
    [value - exact(settings.learning_rate) * (m * first_scale) / corrected, m, v]
}

/// What a sum of `count` products may be, in whatever order they are added: (count + 8)·2⁻²⁴ of the sum of their magnitudes, since each
/// product and sum is rounded once (Higham, section 3.1). What is subnormal may be lost.
pub fn sum_of_products(value: f64, magnitude: f64, count: usize) -> Approximate {
    let error = (count as f64 + 8.0) * ROUNDING * magnitude + 4.0 * (count as f64 + 1.0) * SMALLEST_NORMAL;
    Approximate { value, error }
}

/// max(z, 0) − z·t + ln(1 + e^−|z|), as `loss.wgsl` and `metrics.wgsl` compute it.
pub fn binary_cross_entropy(z: Approximate, t: Approximate) -> Approximate {
    z.clamp(0.0, f64::INFINITY) - z * t + (exact(1.0) + (-z.abs()).exp()).ln()
}

/// −t·ln p − (1 − t)·ln(1 − p) for p = y, clamped, as `metrics.wgsl` computes it.
///
/// The logarithms are steep next to the clamp, where p may be off by as much as itself. But each falls or rises all the way, so that its
/// value at the ends of what p may be bounds it.
pub fn clamped_cross_entropy(y: Approximate, t: Approximate) -> Approximate {
    let p = y.clamp(CLAMP, 1.0 - CLAMP);
    let inside = |p: f64| p.clamp(CLAMP, 1.0 - CLAMP);
    let (least, most) = (inside(p.value - p.error), inside(p.value + p.error));
    // 1 − p is rounded, which moves it by a share of itself and its logarithm by as much.
    let logarithm = |at: f64, ends: [f64; 2]| {
        let own = Approximate { value: at, error: 2.0 * ROUNDING * at }.ln();
        let carried = ends.map(|end| (end.ln() - at.ln()).abs());
        Approximate { value: own.value, error: own.error + carried[0].max(carried[1]) }
    };
    let of_p = logarithm(p.value, [least, most]);
    let of_rest = logarithm(1.0 - p.value, [1.0 - most, 1.0 - least]);
    exact(0.0) - (t * of_p + (exact(1.0) - t) * of_rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference;
    use proptest::prelude::*;

    proptest! {
        /// The formulas are the functions that the twins define, up to the error of the formula.
        #[test]
        fn formulas_agree_with_the_twins(x in -30f64..30.0, t in 0f64..1.0) {
            for activation in Activation::ALL {
                let computed = activate(activation, exact(x));
                prop_assert!((computed.value - activation.apply(x)).abs() <= computed.error + 1e-12);
                // An f32 implementation with the promised errors has some 20 roundings at most.
                prop_assert!(computed.error <= 2e-6 * x.abs().max(1.0), "{activation:?} {}", computed.error);
                let derivative = activation_derivative(activation, exact(activation.apply(x)));
                prop_assert!((derivative.value - activation.derivative(activation.apply(x))).abs() <= 1e-12);
            }
            let (z, target) = (exact(x), exact(t));
            prop_assert!((binary_cross_entropy(z, target).value - reference::binary_cross_entropy(x, t)).abs() < 1e-9);
            let y = Activation::Sigmoid.apply(x / 10.0);
            let clamped = clamped_cross_entropy(exact(y), target);
            prop_assert!((clamped.value - reference::clamped_cross_entropy(y, t)).abs() < 1e-9);
            prop_assert!(clamped.error < 1e-4, "{}", clamped.error);
        }
    }
}
