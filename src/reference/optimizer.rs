//! What the optimizers are, in f64.

use serde::{Deserialize, Serialize};

/// How parameters follow their gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// w − rate·g: stochastic gradient descent.
    Sgd,
    /// w − rate·m for m ← momentum·m + g (Polyak 1964).
    Momentum,
    /// w − rate·(g + momentum·m) for m as above (Nesterov 1983, in the form of Sutskever et al. 2013).
    Nesterov,
    /// w − rate·g / (√v + epsilon) for v ← decay·v + (1 − decay)·g² (Tieleman & Hinton 2012).
    RmsProp,
    /// Kingma & Ba 2015, algorithm 1.
    Adam,
    /// Adam with a weight decay of its own, w − rate·weight_decay·w (Loshchilov & Hutter 2019).
    AdamW,
}

/// What an algorithm remembers of each parameter from one step to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moments {
    /// A running sum or mean of gradients.
    pub first: bool,
    /// A running mean of squared gradients.
    pub second: bool,
}

/// An algorithm and its settings; each takes those that its formula has.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Optimizer {
    /// By which formula parameters are updated.
    pub algorithm: Algorithm,
    /// What the update is multiplied by, where the schedule leaves all of it; above 0.
    pub learning_rate: f64,
    /// Of momentum and Nesterov, in [0, 1).
    pub momentum: f64,
    /// Of RMSprop's running mean of the squared gradient, in [0, 1).
    pub decay: f64,
    /// Decay of Adam's running mean of the gradient, in [0, 1).
    pub beta1: f64,
    /// Decay of Adam's running mean of the squared gradient, in [0, 1).
    pub beta2: f64,
    /// Added to the root of the squared gradient's mean.
    pub epsilon: f64,
    /// What a weight, but no bias, adds of itself to its gradient; AdamW takes it off by itself. At least 0.
    pub weight_decay: f64,
    /// The gradient of all parameters together is made no longer than this; 0 leaves it as it is.
    pub max_gradient_norm: f64,
}

/// The numbers of a step in the formula that all algorithms share:
///
/// g ← g + weight_decay·w, m ← first_decay·m + first_share·g, v ← second_decay·v + second_share·g²,
/// w ← w − rate·((first_scale·m + look_ahead·g) / (second_scale·√v + epsilon) + decoupled_decay·w).
///
/// Where an algorithm keeps no m, g is in the place of the numerator; where it keeps no v, the denominator is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Coefficients {
    /// What stays of m.
    pub first_decay: f64,
    /// What of the gradient is added to m.
    pub first_share: f64,
    /// What m counts in the update.
    pub first_scale: f64,
    /// What the gradient itself counts in the update beside m.
    pub look_ahead: f64,
    /// What stays of v.
    pub second_decay: f64,
    /// What of the squared gradient is added to v.
    pub second_share: f64,
    /// What √v counts in the denominator.
    pub second_scale: f64,
    /// What is added to that.
    pub epsilon: f64,
    /// What of the weight is added to its gradient.
    pub weight_decay: f64,
    /// What of the weight is taken off beside the gradient's part.
    pub decoupled_decay: f64,
}

impl Moments {
    /// Every combination.
    pub const ALL: [Self; 4] = [
        Self { first: false, second: false },
        Self { first: true, second: false },
        Self { first: false, second: true },
        Self { first: true, second: true },
    ];
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 6] = [Self::Sgd, Self::Momentum, Self::Nesterov, Self::RmsProp, Self::Adam, Self::AdamW];

    /// What it remembers.
    pub fn moments(self) -> Moments {
        match self {
            Self::Sgd => Moments { first: false, second: false },
            Self::Momentum | Self::Nesterov => Moments { first: true, second: false },
            Self::RmsProp => Moments { first: false, second: true },
            Self::Adam | Self::AdamW => Moments { first: true, second: true },
        }
    }

    /// Its name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sgd => "sgd",
            Self::Momentum => "momentum",
            Self::Nesterov => "nesterov",
            Self::RmsProp => "rmsprop",
            Self::Adam => "adam",
            Self::AdamW => "adamw",
        }
    }
}

impl Optimizer {
    /// The algorithm with the settings of the preset `dense`, and neither weight decay nor clipping.
    pub const fn new(algorithm: Algorithm, learning_rate: f64) -> Self {
        Self {
            algorithm,
            learning_rate,
            momentum: 0.9,
            decay: 0.9,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-7,
            weight_decay: 0.0,
            max_gradient_norm: 0.0,
        }
    }

    /// Whether the gradient is clipped by its global norm, and so must be known whole before any parameter changes.
    pub fn clips(&self) -> bool {
        self.max_gradient_norm > 0.0
    }

    /// The same for biases, which do not decay.
    pub fn of_biases(self) -> Self {
        Self { weight_decay: 0.0, ..self }
    }

    /// The numbers of step `t` from 1 on. Adam's scales 1 / (1 − β₁ᵗ) and 1 / √(1 − β₂ᵗ) undo the moments' start at zero.
    pub fn coefficients(&self, t: u64) -> Coefficients {
        let Self { momentum, decay, beta1, beta2, epsilon, weight_decay, .. } = *self;
        let coupled = Coefficients { weight_decay, ..Coefficients::default() };
        let t = t as f64;
        match self.algorithm {
            Algorithm::Sgd => coupled,
            Algorithm::Momentum => {
                Coefficients { first_decay: momentum, first_share: 1.0, first_scale: 1.0, ..coupled }
            }
            Algorithm::Nesterov => Coefficients {
                first_decay: momentum,
                first_share: 1.0,
                first_scale: momentum,
                look_ahead: 1.0,
                ..coupled
            },
            Algorithm::RmsProp => {
                Coefficients { second_decay: decay, second_share: 1.0 - decay, second_scale: 1.0, epsilon, ..coupled }
            }
            Algorithm::Adam => Coefficients {
                first_decay: beta1,
                first_share: 1.0 - beta1,
                first_scale: 1.0 / (1.0 - beta1.powf(t)),
                second_decay: beta2,
                second_share: 1.0 - beta2,
                second_scale: 1.0 / (1.0 - beta2.powf(t)).sqrt(),
                epsilon,
                ..coupled
            },
            Algorithm::AdamW => {
                let adam = Self { algorithm: Algorithm::Adam, weight_decay: 0.0, ..*self };
                Coefficients { decoupled_decay: weight_decay, ..adam.coefficients(t as u64) }
            }
        }
    }

    /// One update of a parameter tensor, as the algorithm's authors have it; `step` counts from 1. Moments that the algorithm does not
    /// keep stay as they are.
    pub fn update(
        &self,
        step: u64,
        learning_rate: f64,
        values: &mut [f64],
        gradient: &[f64],
        first_moment: &mut [f64],
        second_moment: &mut [f64],
    ) {
        let Self { momentum, decay, beta1, beta2, epsilon, weight_decay, .. } = *self;
        let t = step as f64;
        for (((value, &g), m), v) in values.iter_mut().zip(gradient).zip(first_moment).zip(second_moment) {
            let g = if self.algorithm == Algorithm::AdamW { g } else { g + weight_decay * *value };
            let direction = match self.algorithm {
                Algorithm::Sgd => g,
                Algorithm::Momentum => {
                    *m = momentum * *m + g;
                    *m
                }
                Algorithm::Nesterov => {
                    *m = momentum * *m + g;
                    g + momentum * *m
                }
                Algorithm::RmsProp => {
                    *v = decay * *v + (1.0 - decay) * g * g;
                    g / (v.sqrt() + epsilon)
                }
                Algorithm::Adam | Algorithm::AdamW => {
                    *m = beta1 * *m + (1.0 - beta1) * g;
                    *v = beta2 * *v + (1.0 - beta2) * g * g;
                    let corrected_m = *m / (1.0 - beta1.powf(t));
                    let corrected_v = *v / (1.0 - beta2.powf(t));
                    corrected_m / (corrected_v.sqrt() + epsilon)
                }
            };
            let decoupled = if self.algorithm == Algorithm::AdamW { weight_decay * *value } else { 0.0 };
            *value -= learning_rate * (direction + decoupled);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scales_undo_the_start_and_then_vanish() {
        let adam = Optimizer::new(Algorithm::Adam, 1e-3);
        let Coefficients { first_scale, second_scale, .. } = adam.coefficients(1);
        assert!((first_scale - 10.0).abs() < 1e-9 && (second_scale - 1000f64.sqrt()).abs() < 1e-9);
        let later = adam.coefficients(100_000_000);
        assert_eq!((later.first_scale, later.second_scale), (1.0, 1.0));
    }

    /// The first step of Adam moves every parameter by the learning rate against its gradient's sign, whatever its size.
    #[test]
    fn adams_first_step_is_the_learning_rate() {
        let settings = Optimizer { epsilon: 0.0, ..Optimizer::new(Algorithm::Adam, 0.01) };
        let mut values = [1.0, 1.0];
        settings.update(1, 0.01, &mut values, &[1e-3, -20.0], &mut [0.0; 2], &mut [0.0; 2]);
        assert!((values[0] - 0.99).abs() < 1e-12 && (values[1] - 1.01).abs() < 1e-12, "{values:?}");
    }

    /// Two steps by hand, from w = 1 with the gradient 2 and then 1 at the rate 0.1.
    #[test]
    fn two_steps_by_hand() {
        for (algorithm, weight_decay, first, second) in [
            (Algorithm::Sgd, 0.0, 0.8, 0.7),
            (Algorithm::Sgd, 0.5, 0.75, 0.6125),
            (Algorithm::Momentum, 0.0, 0.8, 0.52),
            (Algorithm::Nesterov, 0.0, 0.62, 0.268),
            (
                Algorithm::RmsProp,
                0.0,
                1.0 - 0.1 * 2.0 / 0.4f64.sqrt(),
                1.0 - 0.2 / 0.4f64.sqrt() - 0.1 / 0.46f64.sqrt(),
            ),
        ] {
            let settings = Optimizer { weight_decay, epsilon: 0.0, ..Optimizer::new(algorithm, 0.1) };
            let (mut value, mut m, mut v) = ([1.0], [0.0], [0.0]);
            for (step, gradient, expected) in [(1, 2.0, first), (2, 1.0, second)] {
                settings.update(step, 0.1, &mut value, &[gradient], &mut m, &mut v);
                assert!((value[0] - expected).abs() < 1e-12, "{algorithm:?}, step {step}: {value:?}, not {expected}");
            }
        }
    }

    #[test]
    fn adamw_decays_what_adam_leaves() {
        let step = |algorithm| {
            let settings = Optimizer { weight_decay: 0.5, ..Optimizer::new(algorithm, 0.1) };
            let mut value = [2.0];
            settings.update(1, 0.1, &mut value, &[0.0], &mut [0.0], &mut [0.0]);
            value[0]
        };
        assert_eq!(step(Algorithm::AdamW), 1.9);
        // Adam takes the decay for a gradient, whose size it disregards.
        assert!((step(Algorithm::Adam) - 1.9).abs() < 1e-6);
        assert_eq!(step(Algorithm::Sgd), 1.9);
    }

    /// The formula with the coefficients is the algorithm, wherever a training has come to.
    #[test]
    fn the_shared_formula_is_every_algorithm() {
        for algorithm in Algorithm::ALL {
            let settings = Optimizer { weight_decay: 0.03, ..Optimizer::new(algorithm, 0.01) };
            let moments = algorithm.moments();
            for t in [1, 2, 50] {
                let (w, g, m, v) = (0.7, -0.2, 0.05, 0.3);
                let (mut value, mut first, mut second) = ([w], [m], [v]);
                settings.update(t, 0.01, &mut value, &[g], &mut first, &mut second);
                let c = settings.coefficients(t);
                let g = g + c.weight_decay * w;
                let m = if moments.first { c.first_decay * m + c.first_share * g } else { m };
                let v = if moments.second { c.second_decay * v + c.second_share * g * g } else { v };
                let above = if moments.first { c.first_scale * m + c.look_ahead * g } else { g };
                let below = if moments.second { c.second_scale * v.sqrt() + c.epsilon } else { 1.0 };
                let w = w - 0.01 * (above / below + c.decoupled_decay * w);
                for (computed, twin) in [(w, value[0]), (m, first[0]), (v, second[0])] {
                    assert!((computed - twin).abs() < 1e-12, "{algorithm:?}, step {t}: {computed} {twin}");
                }
            }
        }
    }

    #[test]
    fn a_name_is_what_configurations_write() {
        for algorithm in Algorithm::ALL {
            assert_eq!(serde_json::to_value(algorithm).unwrap(), algorithm.name());
        }
    }
}
