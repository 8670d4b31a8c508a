//! What the losses are, in f64.

use super::Activation;
use serde::{Deserialize, Serialize};

/// What training makes small: the mean of an error over a batch's samples and their columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Loss {
    /// −t·ln y − (1−t)·ln(1−y) for y = sigmoid(logit), computed from the logit so that nothing overflows.
    #[serde(rename = "bce")]
    BinaryCrossEntropy,
    /// (y − t)² for y = activation(logit).
    #[serde(rename = "mse")]
    MeanSquaredError,
}

impl Loss {
    pub const ALL: [Self; 2] = [Self::BinaryCrossEntropy, Self::MeanSquaredError];

    /// The output activations that the loss is defined for.
    pub fn outputs(self) -> &'static [Activation] {
        match self {
            Self::BinaryCrossEntropy => &[Activation::Sigmoid],
            Self::MeanSquaredError => &Activation::ALL,
        }
    }

    /// Every loss with each output activation that it is defined for.
    pub fn with_outputs() -> impl Iterator<Item = (Self, Activation)> {
        Self::ALL.into_iter().flat_map(|loss| loss.outputs().iter().map(move |&output| (loss, output)))
    }

    /// One element's loss.
    pub fn value(self, output: Activation, logit: f64, target: f64) -> f64 {
        match self {
            Self::BinaryCrossEntropy => binary_cross_entropy(logit, target),
            Self::MeanSquaredError => (output.apply(logit) - target).powi(2),
        }
    }

    /// The derivative of one element's loss with respect to its logit.
    pub fn gradient(self, output: Activation, logit: f64, target: f64) -> f64 {
        let y = output.apply(logit);
        match self {
            Self::BinaryCrossEntropy => y - target,
            Self::MeanSquaredError => 2.0 * (y - target) * output.derivative(y),
        }
    }

    /// Its name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::BinaryCrossEntropy => "bce",
            Self::MeanSquaredError => "mse",
        }
    }
}

/// max(z, 0) − z·t + ln(1 + e^−|z|): the cross-entropy of a target with sigmoid(z), finite for every finite z.
pub fn binary_cross_entropy(logit: f64, target: f64) -> f64 {
    logit.max(0.0) - logit * target + (-logit.abs()).exp().ln_1p()
}

/// How far [`clamped_cross_entropy`] stays from 0 and 1: 2⁻²³, which f32 holds exactly on both sides, and which is close to Keras's 1e-7.
pub const CLAMP: f64 = 1.0 / 8_388_608.0;

/// The cross-entropy of a target with an output, which is clamped to where its logarithms are finite.
pub fn clamped_cross_entropy(output: f64, target: f64) -> f64 {
    let p = output.clamp(CLAMP, 1.0 - CLAMP);
    -(target * p.ln() + (1.0 - target) * (1.0 - p).ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_agree_with_central_differences() {
        for loss in Loss::ALL {
            for &output in loss.outputs() {
                for (z, t) in [(-4.0, 0.0), (-0.3, 0.9), (0.8, 0.2), (5.0, 1.0)] {
                    let step = 1e-5;
                    let difference = (loss.value(output, z + step, t) - loss.value(output, z - step, t)) / (2.0 * step);
                    assert!((difference - loss.gradient(output, z, t)).abs() < 1e-8, "{loss:?} {output:?} {z} {t}");
                }
            }
        }
    }

    #[test]
    fn cross_entropy_from_a_logit_is_that_of_its_sigmoid() {
        for (z, t) in [(-2.0, 0.3), (0.0, 0.5), (3.0, 1.0)] {
            let y: f64 = Activation::Sigmoid.apply(z);
            assert!((binary_cross_entropy(z, t) - clamped_cross_entropy(y, t)).abs() < 1e-12);
        }
        assert_eq!(binary_cross_entropy(1000.0, 0.0), 1000.0);
    }
}
