//! How parameters follow their gradients.

use serde::{Deserialize, Serialize};

/// Adam (Kingma & Ba 2015, algorithm 1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adam {
    pub learning_rate: f64,
    /// Decay of the gradient's running mean, in [0, 1).
    pub beta1: f64,
    /// Decay of the squared gradient's running mean, in [0, 1).
    pub beta2: f64,
    /// Added to the root of the squared gradient's mean.
    pub epsilon: f64,
}

impl Adam {
    /// The factors 1 / (1 − β₁ᵗ) and 1 / √(1 − β₂ᵗ) that undo the moments' start at zero, for step `t` from 1 on.
    pub fn moment_scales(&self, t: u64) -> (f64, f64) {
        let t = t as f64;
        (1.0 / (1.0 - self.beta1.powf(t)), 1.0 / (1.0 - self.beta2.powf(t)).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scales_undo_the_start_and_then_vanish() {
        let adam = Adam { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };
        let (first, second) = adam.moment_scales(1);
        assert!((first - 10.0).abs() < 1e-9 && (second - 1000f64.sqrt()).abs() < 1e-9);
        assert_eq!(adam.moment_scales(100_000_000), (1.0, 1.0));
    }
}
