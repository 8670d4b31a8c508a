//! The formulas of `shaders/lib` and of the losses, evaluated with their errors.

use crate::reference::corruption::{CENTRAL, FAR, TAIL, symmetric};
use crate::reference::{Activation, CLAMP, Corruption, GELU_CUBE, GELU_SLOPE, LEAK, Loss, Noise, Optimizer};
use crate::verify::approximate::{Approximate, ROUNDING, SMALLEST_NORMAL};
use crate::verify::compare::Expected;

/// The twin's value, with the error that the shader's formula may have.
pub fn near(value: f64, computed: Approximate) -> Expected {
    Expected::Near { value, bound: computed.error }
}

/// What a tensor of words must hold: cases compare their bits as those of numbers, and these are subnormal ones.
pub fn exact_word(word: u32) -> Expected {
    Expected::Near { value: f64::from(f32::from_bits(word)), bound: 0.0 }
}

pub fn exact(value: f64) -> Approximate {
    Approximate::exact(value)
}

/// What a shader may compute that takes `above` where x is above 0 and `below` elsewhere, the two being equal at 0: next to it either.
fn by_sign(x: Approximate, below: Approximate, above: Approximate) -> Approximate {
    let result = if x.value >= 0.0 { above } else { below };
    let error = if x.error < x.value.abs() { result.error } else { above.error.max(below.error) };
    Approximate { error, ..result }
}

/// A derivative that jumps from `below` to `above` at 0.
fn jump(x: Approximate, below: Approximate, above: Approximate) -> Approximate {
    let result = if x.value > 0.0 { above } else { below };
    // A small number may have become zero, or be on the other side.
    let is_certain = x.error == 0.0 || x.error < x.value.abs();
    if is_certain { result } else { Approximate { error: (above.value - below.value).abs() + below.error, ..result } }
}

/// `sigmoid_and_rest` of `lib/activation.wgsl`.
fn sigmoid_and_rest(x: Approximate) -> [Approximate; 2] {
    let decay = (-x.abs()).exp();
    let upper = exact(1.0) / (exact(1.0) + decay);
    let lower = decay * upper;
    [by_sign(x, lower, upper), by_sign(x, upper, lower)]
}

/// `activate_as` of `lib/activation.wgsl`: the value and the derivative.
pub fn activate(activation: Activation, x: Approximate) -> [Approximate; 2] {
    let one = exact(1.0);
    match activation {
        Activation::Identity => [x, one],
        Activation::Relu => [x.clamp(0.0, f64::INFINITY), jump(x, exact(0.0), one)],
        Activation::LeakyRelu => {
            let leak = Approximate::nearest(LEAK);
            [by_sign(x, leak * x, x), jump(x, leak, one)]
        }
        Activation::Elu => elu(x),
        Activation::Gelu => gelu(x),
        Activation::Silu => {
            let [p, rest] = sigmoid_and_rest(x);
            [x * p, p * (one + x * rest)]
        }
        Activation::Sigmoid => {
            let [p, rest] = sigmoid_and_rest(x);
            [p, p * rest]
        }
        Activation::Tanh => {
            let y = tanh(x);
            [y, one - y * y]
        }
        Activation::Softplus => [x.clamp(0.0, f64::INFINITY) + (one + (-x.abs()).exp()).ln(), sigmoid_and_rest(x)[0]],
    }
}

/// Where the shader takes a series for the difference that loses digits next to 0.
const SERIES: f64 = 0.01f32 as f64;

/// A difference far from 0 and a series near it, which the shader chooses between at [`SERIES`].
fn far_or_near(x: Approximate, far: Approximate, near: Approximate) -> f64 {
    let is_certainly_far = x.value.abs() - x.error >= SERIES;
    let is_certainly_near = x.value.abs() + x.error < SERIES;
    match (is_certainly_near, is_certainly_far) {
        (true, _) => near.error,
        (_, true) => far.error,
        _ => near.error.max(far.error),
    }
}

fn elu(x: Approximate) -> [Approximate; 2] {
    let below = x.clamp(f64::NEG_INFINITY, 0.0);
    let decay = below.exp();
    let small = x.clamp(-SERIES, 0.0);
    let mut near = small + small * small * (exact(0.5) + small / exact(6.0));
    // What the series leaves out.
    near.error += SERIES.powi(4) / 24.0;
    let error = far_or_near(x, decay - exact(1.0), near);
    let negative = Approximate { value: below.value.exp_m1(), error };
    [by_sign(x, negative, x), decay]
}

fn gelu(x: Approximate) -> [Approximate; 2] {
    const REACH: f64 = 10.0;
    let (slope, cube) = (Approximate::nearest(GELU_SLOPE), Approximate::nearest(GELU_CUBE));
    let inside = x.clamp(-REACH, REACH);
    let square = inside * inside;
    let [p, rest] = sigmoid_and_rest(slope * inside * (exact(1.0) + cube * square));
    let steepness = slope * (exact(1.0) + exact(3.0) * cube * square);
    let value = x.clamp(-REACH, f64::INFINITY) * p;
    let derivative = p + inside * steepness * (p * rest);
    // What the clamped argument leaves out: the sigmoid is below 2e-38 there.
    let left_out = if x.value.abs() + x.error > REACH { 1e-35 } else { 0.0 };
    [value, derivative].map(|result| Approximate { error: result.error + left_out, ..result })
}

fn tanh(x: Approximate) -> Approximate {
    let decay = (-x.abs().doubled()).exp();
    let far = (exact(1.0) - decay) / (exact(1.0) + decay);
    let small = x.clamp(-SERIES, SERIES);
    let mut near = small - small * small * small / exact(3.0);
    // What the series leaves out.
    near.error += 2.0 / 15.0 * SERIES.powi(5);
    Approximate { value: x.value.tanh(), error: far_or_near(x, far, near) }
}

/// A loss and its derivative with respect to the logit, as `lib/loss.wgsl` computes them.
pub fn loss_and_derivative(loss: Loss, output: Activation, z: Approximate, t: Approximate) -> [Approximate; 2] {
    let [y, slope] = activate(output, z);
    let difference = y - t;
    let distance = difference.abs();
    match loss {
        Loss::BinaryCrossEntropy => [binary_cross_entropy(z, t), difference],
        Loss::MeanSquaredError => [difference * difference, difference.doubled() * slope],
        Loss::MeanAbsoluteError => [distance, sign(difference) * slope],
        Loss::Huber { delta } => {
            let inside = distance.clamp(0.0, delta);
            [inside * (distance - exact(0.5) * inside), difference.clamp(-delta, delta) * slope]
        }
    }
}

/// −1, 0 or 1: any of them where it may be 0.
fn sign(x: Approximate) -> Approximate {
    let value = if x.value == 0.0 { 0.0 } else { x.value.signum() };
    let is_certain = x.error == 0.0 || x.error < x.value.abs();
    Approximate { value, error: if is_certain { 0.0 } else { 2.0 } }
}

/// `corrupted` of `lib/corruption.wgsl`, for one value and its random word.
pub fn corrupted(corruption: Corruption, word: u32, value: Approximate) -> Approximate {
    if corruption.noise == Noise::Gaussian {
        return value + Approximate::nearest(corruption.amount) * normal(word);
    }
    let twin = corruption.apply(word, value.value);
    if twin == value.value { value } else { exact(twin) }
}

/// `normal` of `lib/corruption.wgsl`.
pub fn normal(word: u32) -> Approximate {
    let (x, one) = (exact(symmetric(word)), exact(1.0));
    let w = -((one - x) * (one + x)).ln();
    let polynomial = |coefficients: [f64; 9], at: Approximate| {
        let terms = coefficients.map(Approximate::nearest);
        terms.into_iter().reduce(|sum, term| sum * at + term).unwrap_or(one)
    };
    let central = polynomial(CENTRAL, w - exact(2.5));
    let far = polynomial(FAR, w.clamp(0.0, f64::INFINITY).sqrt() - exact(3.0));
    let (chosen, other) = if w.value < TAIL { (central, far) } else { (far, central) };
    let is_certain = (w.value - TAIL).abs() > w.error;
    let apart = if is_certain { 0.0 } else { (chosen.value - other.value).abs() + other.error };
    let p = Approximate { error: chosen.error + apart, ..chosen };
    Approximate::nearest(std::f64::consts::SQRT_2) * (p * x)
}

/// Step `t` of an optimizer, from 1 on, at so many times its learning rate, a number that f32 holds: the parameter and its moments, as
/// `lib/optimizer.wgsl` computes them.
pub fn optimized(
    optimizer: Optimizer,
    t: u64,
    rate_factor: f64,
    gradient: Approximate,
    [value, first_moment, second_moment]: [Approximate; 3],
) -> [Approximate; 3] {
    let nearest = Approximate::nearest;
    let numbers = optimizer.coefficients(t);
    let moments = optimizer.algorithm.moments();
    let g = gradient + nearest(numbers.weight_decay) * value;
    let (mut direction, mut m, mut v) = (g, first_moment, second_moment);
    if moments.first {
        m = nearest(numbers.first_decay) * m + nearest(numbers.first_share) * g;
        direction = m * nearest(numbers.first_scale) + nearest(numbers.look_ahead) * g;
    }
    if moments.second {
        v = nearest(numbers.second_decay) * v + nearest(numbers.second_share) * g * g;
        direction = direction / (v.sqrt() * nearest(numbers.second_scale) + nearest(numbers.epsilon));
    }
    let change = direction + nearest(numbers.decoupled_decay) * value;
    [value - exact(rate_factor) * nearest(optimizer.learning_rate) * change, m, v]
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
                let [value, derivative] = activate(activation, exact(x));
                for (computed, twin) in [(value, activation.apply(x)), (derivative, activation.derivative(x))] {
                    prop_assert!((computed.value - twin).abs() <= computed.error + 1e-12, "{activation:?} {computed:?}");
                    // An f32 implementation with the promised errors has some 20 roundings at most, but GELU's cube makes more of them.
                    let most = if activation == Activation::Gelu { 2e-5 } else { 2e-6 };
                    prop_assert!(computed.error <= most * x.abs().max(1.0), "{activation:?} {}", computed.error);
                }
            }
            for (loss, output) in Loss::with_outputs() {
                let computed = loss_and_derivative(loss, output, exact(x), exact(t));
                let twin = [loss.value(output, x, t), loss.gradient(output, x, t)];
                for (computed, twin) in computed.into_iter().zip(twin) {
                    prop_assert!((computed.value - twin).abs() <= computed.error + 1e-9 * twin.abs(), "{loss:?} {output:?}");
                }
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
