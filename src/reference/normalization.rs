//! Normalization of what a layer's product gives, before its scale, its shift and its activation.

use super::Matrix;
use serde::{Deserialize, Serialize};

/// How what a layer's product gives is normalized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalization {
    /// Not at all.
    #[default]
    None,
    /// The outputs of each sample have the mean 0 and the variance 1 (Ba, Kiros & Hinton 2016, equation 4).
    Layer,
}

/// What is added to a variance, so that none is 0.
pub const EPSILON: f64 = 1e-5;

impl Normalization {
    /// As a configuration writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Layer => "layer",
        }
    }

    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// The mean of some numbers, and 1 / √(their variance + ε).
fn statistics(row: &[f64]) -> (f64, f64) {
    let count = row.len() as f64;
    let mean = row.iter().sum::<f64>() / count;
    let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    (mean, 1.0 / (variance + EPSILON).sqrt())
}

/// 1 / √(variance + ε) of each row.
pub fn inverse_deviations(values: &Matrix) -> Vec<f64> {
    values.elements.chunks(values.columns).map(|row| statistics(row).1).collect()
}

/// Each row less its mean, divided by √(its variance + ε).
pub fn normalize_rows(values: &Matrix) -> Matrix {
    let rows = values.elements.chunks(values.columns).flat_map(|row| {
        let (mean, inverse_deviation) = statistics(row);
        row.iter().map(move |x| (x - mean) * inverse_deviation)
    });
    Matrix::new(values.rows, values.columns, rows.collect())
}

/// The gradient of rows that were normalized to `normalized` [rows, columns] with these inverse deviations `[rows]`, from that of
/// `normalized`: the gradient less its mean and less its part along the row, divided by the deviation.
pub fn rows_gradient(normalized: &Matrix, inverse_deviations: &[f64], gradient: &Matrix) -> Matrix {
    let count = normalized.columns as f64;
    let rows = normalized.elements.chunks(normalized.columns).zip(gradient.elements.chunks(normalized.columns));
    let elements = rows.zip(inverse_deviations).flat_map(|((row, gradient), inverse_deviation)| {
        let mean = gradient.iter().sum::<f64>() / count;
        let along = row.iter().zip(gradient).map(|(x, g)| x * g).sum::<f64>() / count;
        row.iter().zip(gradient).map(move |(x, g)| (g - mean - x * along) * inverse_deviation)
    });
    Matrix::new(normalized.rows, normalized.columns, elements.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_get_the_mean_0_and_the_variance_1() {
        let values = Matrix::new(2, 4, vec![1.0, 2.0, 3.0, 4.0, 1000.0, 1002.0, 998.0, 1000.0]);
        let normalized = normalize_rows(&values);
        for row in normalized.elements.chunks(4) {
            let mean = row.iter().sum::<f64>() / 4.0;
            let variance = row.iter().map(|x| x * x).sum::<f64>() / 4.0;
            assert!(mean.abs() < 1e-12 && (variance - 1.0).abs() < 1e-4, "{mean} {variance}");
        }
        // All alike, as of a sample that is black: nothing is divided by 0.
        assert_eq!(normalize_rows(&Matrix::new(1, 3, vec![5.0; 3])).elements, [0.0; 3]);
    }

    proptest! {
        #[test]
        fn the_gradient_agrees_with_central_differences(
            numbers in prop::collection::vec((-3f64..3.0, -1f64..1.0), 1..9),
        ) {
            let (values, weights): (Vec<f64>, Vec<f64>) = numbers.into_iter().unzip();
            let row = |values: &[f64]| Matrix::new(1, values.len(), values.to_vec());
            let sum = |values: &[f64]| -> f64 {
                normalize_rows(&row(values)).elements.iter().zip(&weights).map(|(x, w)| x * w).sum()
            };
            let given = row(&values);
            let gradient = rows_gradient(&normalize_rows(&given), &inverse_deviations(&given), &row(&weights));
            for place in 0..values.len() {
                let shifted = |by: f64| {
                    let mut values = values.clone();
                    values[place] += by;
                    sum(&values)
                };
                let difference = (shifted(1e-6) - shifted(-1e-6)) / 2e-6;
                let g = gradient.elements[place];
                // Where all are nearly alike, the slope is steep, and bends within the difference.
                prop_assert!((difference - g).abs() < 1e-5 * (1.0 + g.abs().powi(2)), "{difference}, not {g}");
            }
        }
    }
}
