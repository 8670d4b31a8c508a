//! What is asked of a code beside a good reconstruction: penalties that are added to the loss, and how many of its numbers stay.
//!
//! A penalty is of a sample's code, and counts as the error of a whole image does: where the loss is the mean over an image's values, it is
//! divided by their number. So weights are those of publications, whose losses are sums over an image.

use super::training::DenseLayer;
use super::{Activation, CLAMP, Matrix};
use serde::{Deserialize, Serialize};

/// The weights of a code's penalties, and how many of its numbers stay. A weight of 0 leaves a penalty out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeSettings {
    /// Of Σⱼ |hⱼ|.
    pub l1: f64,
    /// Of Σⱼ ρ·ln(ρ/ρ̂ⱼ) + (1 − ρ)·ln((1 − ρ)/(1 − ρ̂ⱼ)) for the mean ρ̂ⱼ of a unit over the batch (Ng 2011): of sigmoids.
    pub kl: f64,
    /// ρ, in (0, 1).
    pub target_activity: f64,
    /// Of ‖J‖² = Σⱼ f′(zⱼ)²·Σᵢ Wᵢⱼ², the squared Frobenius norm of the Jacobian of the layer that gives the code (Rifai et al. 2011).
    pub contractive: f64,
    /// Of the divergence of the distribution that the code is drawn from: `variational`. 1 makes the loss the negative lower bound of
    /// Kingma & Welling (2014), another number that of β-VAE (Higgins et al. 2017); 0 leaves the code what the layer gives.
    pub variational: f64,
    /// Of each code the largest so many numbers stay, with what equals the smallest of them; the others become 0 (Makhzani & Frey
    /// 2014). 0 leaves all.
    pub active: usize,
}

impl CodeSettings {
    /// Nothing is asked of the code.
    pub const NONE: Self =
        Self { l1: 0.0, kl: 0.0, target_activity: 0.05, contractive: 0.0, variational: 0.0, active: 0 };

    /// Whether the code is drawn from a distribution.
    pub fn is_variational(&self) -> bool {
        self.variational > 0.0
    }

    /// Whether anything is added to the loss for what the code is.
    pub fn penalizes(&self) -> bool {
        self.l1 > 0.0 || self.kl > 0.0 || self.contractive > 0.0
    }

    /// Whether nothing is asked.
    pub fn is_none(&self) -> bool {
        !self.penalizes() && !self.is_variational() && self.active == 0
    }

    /// The penalty of a batch's codes.
    pub fn penalty(&self, layer: &DenseLayer, logits: &Matrix) -> Penalty {
        let (codes, derivatives) = (layer.outputs(logits), layer.derivatives(logits));
        let rows = codes.rows as f64;
        let activity: Vec<f64> = codes.column_sums().into_iter().map(|sum| sum / rows).collect();
        let norms = layer.weight.map(|w| w * w).column_sums();
        let bends = codes.zip(&derivatives, |h, d| d * bend(layer.activation, h));
        let (mut of_samples, mut of_logits) = (vec![0.0; codes.rows], bends.clone());
        for (row, of_sample) in of_samples.iter_mut().enumerate() {
            for column in 0..codes.columns {
                let (h, d) = (codes.at(row, column), derivatives.at(row, column));
                let (divergence, slope) = self.divergence(activity[column]);
                let norm = norms[column];
                *of_sample += self.l1 * h.abs() + self.kl * divergence + self.contractive * d * d * norm;
                let of_code = self.l1 * if h == 0.0 { 0.0 } else { h.signum() } + self.kl * slope;
                of_logits.elements[row * codes.columns + column] =
                    of_code * d + 2.0 * self.contractive * d * bends.at(row, column) * norm;
            }
        }
        let squares = derivatives.map(|d| d * d).column_sums();
        let weight = &layer.weight;
        let of_weight = Matrix::from_fn(weight.rows, weight.columns, |row, column| {
            2.0 * self.contractive * weight.at(row, column) * squares[column]
        });
        Penalty { of_samples, of_logits, of_weight }
    }

    /// The divergence of a unit's mean activity from its target, and its derivative. They are those of an activity kept inside (0, 1).
    pub fn divergence(&self, activity: f64) -> (f64, f64) {
        let (target, mean) = (self.target_activity, activity.clamp(CLAMP, 1.0 - CLAMP));
        let value = target * (target / mean).ln() + (1.0 - target) * ((1.0 - target) / (1.0 - mean)).ln();
        (value, (1.0 - target) / (1.0 - mean) - target / mean)
    }
}

/// The penalty of a batch, as a sum over its samples.
#[derive(Clone, Debug)]
pub struct Penalty {
    /// Each sample's part of the sum.
    pub of_samples: Vec<f64>,
    /// [rows, units]: the sum's derivative with respect to what the code's activation takes.
    pub of_logits: Matrix,
    /// [inputs, units]: the sum's derivative with respect to the weight where it stands in the penalty itself.
    pub of_weight: Matrix,
}

/// The activations whose codes can be contracted: their second derivative is known from the value and the first.
pub const CONTRACTIBLE: [Activation; 3] = [Activation::Sigmoid, Activation::Tanh, Activation::Relu];

/// What the derivative of such an activation is to be multiplied by to give the second one; `value` is the activation's.
pub fn bend(activation: Activation, value: f64) -> f64 {
    match activation {
        Activation::Sigmoid => 1.0 - 2.0 * value,
        Activation::Tanh => -2.0 * value,
        _ => 0.0,
    }
}

/// What a number must reach to be among the `count` largest of a row. All of them do where there are no more.
pub fn threshold(row: &[f64], count: usize) -> f64 {
    let mut falling = row.to_vec();
    falling.sort_by(|a, b| b.total_cmp(a));
    count.checked_sub(1).and_then(|place| falling.get(place).copied()).unwrap_or(f64::NEG_INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_numbers_reach_the_threshold_and_no_others() {
        let row = [0.5, -1.0, 2.0, 0.5, 0.0];
        let kept = |count| row.iter().filter(|&&x| x >= threshold(&row, count)).count();
        assert_eq!([1, 2, 3, 4, 5, 9].map(kept), [1, 3, 3, 4, 5, 5]);
    }

    #[test]
    fn the_bend_makes_the_second_derivative() {
        for activation in CONTRACTIBLE {
            for x in [-3.0, -0.4, 0.3, 2.0] {
                let difference = (activation.derivative(x + 1e-6) - activation.derivative(x - 1e-6)) / 2e-6;
                let second = activation.derivative(x) * bend(activation, activation.apply(x));
                assert!((difference - second).abs() < 1e-8, "{activation:?} {x}: {difference} {second}");
            }
        }
    }

    #[test]
    fn the_divergence_is_nothing_at_its_target_and_has_its_slope_elsewhere() {
        let settings = CodeSettings { target_activity: 0.1, ..CodeSettings::NONE };
        let (value, slope) = settings.divergence(0.1);
        assert!(value.abs() < 1e-15 && slope.abs() < 1e-12);
        for mean in [0.01, 0.3, 0.9] {
            let difference = (settings.divergence(mean + 1e-7).0 - settings.divergence(mean - 1e-7).0) / 2e-7;
            assert!((difference - settings.divergence(mean).1).abs() < 1e-5, "{mean}");
        }
    }

    /// Σ over samples of ‖J‖², J being taken by central differences of the layer itself.
    #[test]
    fn the_contractive_penalty_is_the_jacobian_s_norm() {
        for activation in CONTRACTIBLE {
            let weight = Matrix::from_fn(3, 2, |row, column| 0.3 * row as f64 - 0.5 * column as f64 + 0.1);
            let layer = DenseLayer::new(weight, vec![0.2, -0.1], activation);
            let input = Matrix::from_fn(2, 3, |row, column| 0.4 * row as f64 + 0.3 * column as f64 - 0.2);
            let settings = CodeSettings { contractive: 0.7, ..CodeSettings::NONE };
            let computed: f64 = settings.penalty(&layer, &layer.logits(&input)).of_samples.iter().sum();
            let mut norm = 0.0;
            for element in 0..input.elements.len() {
                let shifted = |by: f64| {
                    let mut input = input.clone();
                    input.elements[element] += by;
                    layer.outputs(&layer.logits(&input))
                };
                let difference = shifted(1e-6).zip(&shifted(-1e-6), |above, below| (above - below) / 2e-6);
                norm += difference.elements.iter().map(|d| d * d).sum::<f64>();
            }
            assert!((computed - 0.7 * norm).abs() < 1e-8, "{activation:?}: {computed} {norm}");
        }
    }
}
