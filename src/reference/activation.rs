//! What the activations are, in f64.

use serde::{Deserialize, Serialize};

/// The function behind a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    Identity,
    Relu,
    Sigmoid,
    Tanh,
}

impl Activation {
    pub const ALL: [Self; 4] = [Self::Identity, Self::Relu, Self::Sigmoid, Self::Tanh];

    /// The function's value.
    pub fn apply(self, x: f64) -> f64 {
        match self {
            Self::Identity => x,
            Self::Relu => x.max(0.0),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Tanh => x.tanh(),
        }
    }

    /// The function's derivative where its value is `output`. At ReLU's kink it is 0.
    pub fn derivative(self, output: f64) -> f64 {
        match self {
            Self::Identity => 1.0,
            Self::Relu => f64::from(output > 0.0),
            Self::Sigmoid => output * (1.0 - output),
            Self::Tanh => 1.0 - output * output,
        }
    }

    /// Its name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Relu => "relu",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_agree_with_central_differences() {
        for activation in Activation::ALL {
            for x in [-3.0, -0.7, 0.4, 2.5] {
                let difference = (activation.apply(x + 1e-5) - activation.apply(x - 1e-5)) / 2e-5;
                let derivative = activation.derivative(activation.apply(x));
                assert!((difference - derivative).abs() < 1e-9, "{activation:?} at {x}: {difference} {derivative}");
            }
        }
    }
}
