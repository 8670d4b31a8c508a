//! What the activations are, in f64.

use serde::{Deserialize, Serialize};
use std::f64::consts::{FRAC_2_SQRT_PI, SQRT_2};

/// The function behind a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x.
    Identity,
    /// x above 0, 0 elsewhere.
    Relu,
    /// x above 0, [`LEAK`]·x elsewhere (Maas, Hannun & Ng 2013).
    LeakyRelu,
    /// x above 0, eˣ − 1 elsewhere (Clevert, Unterthiner & Hochreiter 2016, with α = 1).
    Elu,
    /// x·sigmoid(2·√(2/π)·(x + 0.044715·x³)), which is 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))) (Hendrycks & Gimpel 2016, section 2).
    Gelu,
    /// x·sigmoid(x) (Elfwing, Uchibe & Doya 2018), also known as swish.
    Silu,
    /// 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// tanh x.
    Tanh,
    /// ln(1 + eˣ).
    Softplus,
}

/// The slope of the leaky ReLU below 0.
pub const LEAK: f64 = 0.01;

/// GELU's factors: 2·√(2/π), and that of the cube.
pub const GELU_SLOPE: f64 = SQRT_2 * FRAC_2_SQRT_PI;
/// The factor of the cube.
pub const GELU_CUBE: f64 = 0.044_715;

impl Activation {
    /// Every activation.
    pub const ALL: [Self; 9] = [
        Self::Identity,
        Self::Relu,
        Self::LeakyRelu,
        Self::Elu,
        Self::Gelu,
        Self::Silu,
        Self::Sigmoid,
        Self::Tanh,
        Self::Softplus,
    ];

    /// The function's value.
    pub fn apply(self, x: f64) -> f64 {
        match self {
            Self::Identity => x,
            Self::Relu => x.max(0.0),
            Self::LeakyRelu => x.max(LEAK * x),
            Self::Elu => x.max(0.0) + x.min(0.0).exp_m1(),
            Self::Gelu => x * sigmoid(gelu_argument(x)),
            Self::Silu => x * sigmoid(x),
            Self::Sigmoid => sigmoid(x),
            Self::Tanh => x.tanh(),
            Self::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        }
    }

    /// The function's derivative at `x`. At the kink of ReLU and of leaky ReLU it is that of the left side.
    pub fn derivative(self, x: f64) -> f64 {
        match self {
            Self::Identity => 1.0,
            Self::Relu => f64::from(x > 0.0),
            Self::LeakyRelu => f64::from(x > 0.0).max(LEAK),
            Self::Elu => x.min(0.0).exp(),
            Self::Gelu => {
                let (argument, slope) = (gelu_argument(x), GELU_SLOPE * (1.0 + 3.0 * GELU_CUBE * x * x));
                // Far below 0 the slope is large, but the sigmoid's is smaller by more.
                sigmoid(argument) + x * slope * sigmoid(argument) * sigmoid(-argument)
            }
            Self::Silu => sigmoid(x) * (1.0 + x * sigmoid(-x)),
            Self::Sigmoid => sigmoid(x) * sigmoid(-x),
            Self::Tanh => 1.0 - x.tanh().powi(2),
            Self::Softplus => sigmoid(x),
        }
    }

    /// Where the derivative jumps.
    pub fn kink(self) -> Option<f64> {
        matches!(self, Self::Relu | Self::LeakyRelu).then_some(0.0)
    }

    /// Its name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Relu => "relu",
            Self::LeakyRelu => "leaky_relu",
            Self::Elu => "elu",
            Self::Gelu => "gelu",
            Self::Silu => "silu",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Softplus => "softplus",
        }
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// What GELU takes the sigmoid of. Beyond ±100 the sigmoid is 0 or 1 in f64, and the cube would overflow.
fn gelu_argument(x: f64) -> f64 {
    let x = x.clamp(-100.0, 100.0);
    GELU_SLOPE * (x + GELU_CUBE * x.powi(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_agree_with_central_differences() {
        for activation in Activation::ALL {
            for x in [-30.0, -3.0, -0.7, 0.4, 2.5, 30.0] {
                let difference = (activation.apply(x + 1e-5) - activation.apply(x - 1e-5)) / 2e-5;
                let derivative = activation.derivative(x);
                assert!((difference - derivative).abs() < 1e-9, "{activation:?} at {x}: {difference} {derivative}");
            }
        }
    }

    /// Values that others compute: PyTorch's `elu`, `gelu(approximate="tanh")`, `silu`, `softplus` and `leaky_relu`.
    #[test]
    fn values_are_those_of_the_field() {
        for (activation, x, value) in [
            (Activation::LeakyRelu, -2.0, -0.02),
            (Activation::Elu, -1.0, -0.632_120_559),
            (Activation::Gelu, 1.0, 0.841_191_991),
            (Activation::Gelu, -1.0, -0.158_808_009),
            (Activation::Silu, 1.0, 0.731_058_579),
            (Activation::Silu, -1.0, -0.268_941_421),
            (Activation::Softplus, 1.0, 1.313_261_688),
        ] {
            assert!((activation.apply(x) - value).abs() < 1e-8, "{activation:?} of {x}: {}", activation.apply(x));
        }
    }

    #[test]
    fn nothing_overflows_far_away() {
        for activation in Activation::ALL {
            for x in [-1e30, 1e30] {
                assert!(activation.apply(x).is_finite() && activation.derivative(x).is_finite(), "{activation:?} {x}");
            }
        }
    }

    #[test]
    fn a_name_is_what_configurations_write() {
        for activation in Activation::ALL {
            assert_eq!(serde_json::to_value(activation).unwrap(), activation.name());
        }
    }
}
