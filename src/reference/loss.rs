//! What the losses are, in f64.

use super::Activation;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What training makes small: the mean of an error over a batch's samples and their columns.
///
/// Configurations write `bce`, `mse`, `mae`, `huber` or, with a delta other than 1, `huber:DELTA`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Loss {
    /// −t·ln y − (1−t)·ln(1−y) for y = sigmoid(logit), computed from the logit so that nothing overflows.
    BinaryCrossEntropy,
    /// (y − t)² for y = activation(logit).
    MeanSquaredError,
    /// |y − t| for y = activation(logit).
    MeanAbsoluteError,
    /// (y − t)²/2 for y = activation(logit) where |y − t| ≤ delta, and from there on the straight line delta·(|y − t| − delta/2)
    /// (Huber 1964).
    Huber {
        /// Above 0.
        delta: f64,
    },
}

/// Huber's delta where a configuration gives none.
const DEFAULT_DELTA: f64 = 1.0;

impl Loss {
    /// Every loss; Huber's with a delta at which reconstructions of pixels in [0, 1] have errors on both sides of it.
    pub const ALL: [Self; 4] =
        [Self::BinaryCrossEntropy, Self::MeanSquaredError, Self::MeanAbsoluteError, Self::Huber { delta: 0.25 }];

    /// The output activations that the loss is defined for.
    pub fn outputs(self) -> &'static [Activation] {
        match self {
            Self::BinaryCrossEntropy => &[Activation::Sigmoid],
            _ => &Activation::ALL,
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
            Self::MeanAbsoluteError => (output.apply(logit) - target).abs(),
            Self::Huber { delta } => {
                let distance = (output.apply(logit) - target).abs();
                if distance <= delta { distance * distance / 2.0 } else { delta * (distance - delta / 2.0) }
            }
        }
    }

    /// The derivative of one element's loss with respect to its logit. Where an output meets its target, that of the absolute error is 0.
    pub fn gradient(self, output: Activation, logit: f64, target: f64) -> f64 {
        let difference = output.apply(logit) - target;
        match self {
            Self::BinaryCrossEntropy => difference,
            Self::MeanSquaredError => 2.0 * difference * output.derivative(logit),
            Self::MeanAbsoluteError if difference == 0.0 => 0.0,
            Self::MeanAbsoluteError => difference.signum() * output.derivative(logit),
            Self::Huber { delta } => difference.clamp(-delta, delta) * output.derivative(logit),
        }
    }

    /// Whether its derivative jumps where an output meets its target.
    pub fn has_kink(self) -> bool {
        self == Self::MeanAbsoluteError
    }

    /// Its name in configurations, without Huber's delta.
    pub fn name(self) -> &'static str {
        match self {
            Self::BinaryCrossEntropy => "bce",
            Self::MeanSquaredError => "mse",
            Self::MeanAbsoluteError => "mae",
            Self::Huber { .. } => "huber",
        }
    }
}

impl fmt::Display for Loss {
    /// As configurations write it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Huber { delta } if *delta != DEFAULT_DELTA => write!(formatter, "huber:{delta}"),
            _ => formatter.write_str(self.name()),
        }
    }
}

impl From<Loss> for String {
    fn from(loss: Loss) -> Self {
        loss.to_string()
    }
}

impl TryFrom<String> for Loss {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match (text.as_str(), text.strip_prefix("huber:").map(str::parse)) {
            ("bce", _) => Ok(Self::BinaryCrossEntropy),
            ("mse", _) => Ok(Self::MeanSquaredError),
            ("mae", _) => Ok(Self::MeanAbsoluteError),
            ("huber", _) => Ok(Self::Huber { delta: DEFAULT_DELTA }),
            (_, Some(Ok(delta))) => Ok(Self::Huber { delta }),
            _ => Err(format!("unknown loss {text:?}: it is \"bce\", \"mse\", \"mae\", \"huber\" or \"huber:DELTA\"")),
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
    fn a_loss_is_read_as_it_is_written() {
        for loss in Loss::ALL.into_iter().chain([Loss::Huber { delta: DEFAULT_DELTA }]) {
            let text = serde_json::to_string(&loss).unwrap();
            assert_eq!(serde_json::from_str::<Loss>(&text).unwrap(), loss, "{text}");
        }
        assert_eq!(Loss::try_from("huber:0.1".to_owned()), Ok(Loss::Huber { delta: 0.1 }));
        for text in ["huber:", "huber:x", "hubert", "l2", ""] {
            assert!(Loss::try_from(text.to_owned()).unwrap_err().contains("it is \"bce\""), "{text}");
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
