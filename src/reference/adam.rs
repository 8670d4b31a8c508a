//! What Adam is, in f64.

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

/// One update of a parameter tensor; `step` counts from 1.
pub fn adam(
    settings: Adam,
    step: u64,
    values: &mut [f64],
    gradient: &[f64],
    first_moment: &mut [f64],
    second_moment: &mut [f64],
) {
    let Adam { learning_rate, beta1, beta2, epsilon } = settings;
    let t = step as f64;
    for (((value, &g), m), v) in values.iter_mut().zip(gradient).zip(first_moment).zip(second_moment) {
        *m = beta1 * *m + (1.0 - beta1) * g;
        *v = beta2 * *v + (1.0 - beta2) * g * g;
        let corrected_m = *m / (1.0 - beta1.powf(t));
        let corrected_v = *v / (1.0 - beta2.powf(t));
        *value -= learning_rate * corrected_m / (corrected_v.sqrt() + epsilon);
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

    /// The first step of Adam moves every parameter by the learning rate against its gradient's sign, whatever its size.
    #[test]
    fn adams_first_step_is_the_learning_rate() {
        let settings = Adam { learning_rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 0.0 };
        let mut values = [1.0, 1.0];
        adam(settings, 1, &mut values, &[1e-3, -20.0], &mut [0.0; 2], &mut [0.0; 2]);
        assert!((values[0] - 0.99).abs() < 1e-12 && (values[1] - 1.01).abs() < 1e-12, "{values:?}");
    }
}
