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
    /// Each output has the mean 0 and the variance 1 over the samples of a batch in training, and afterwards over all that were trained on, as
    /// far as [`RunningStatistics`] know (Ioffe & Szegedy 2015, algorithms 1 and 2).
    Batch,
}

/// What is added to a variance, so that none is 0.
pub const EPSILON: f64 = 1e-5;

/// The share of a batch's statistics in the running ones, whose others stay.
pub const MOMENTUM: f64 = 0.1;

/// The fewest numbers that can be normalized together: one less its own mean is 0, and two are -1 and 1, whatever the image.
pub const FEWEST: usize = 3;

impl Normalization {
    /// As a configuration writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Layer => "layer",
            Self::Batch => "batch",
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

/// 1 / √(variance + ε) of each column.
pub fn column_inverse_deviations(values: &Matrix) -> Vec<f64> {
    inverse_deviations(&values.transposed())
}

/// Each column less its mean, divided by √(its variance + ε).
pub fn normalize_columns(values: &Matrix) -> Matrix {
    normalize_rows(&values.transposed()).transposed()
}

/// As [`rows_gradient`], of columns that were normalized with inverse deviations `[columns]` (Ioffe & Szegedy 2015, section 3).
pub fn columns_gradient(normalized: &Matrix, inverse_deviations: &[f64], gradient: &Matrix) -> Matrix {
    rows_gradient(&normalized.transposed(), inverse_deviations, &gradient.transposed()).transposed()
}

/// The statistics of a layer's outputs before they are normalized, over the batches of a training, the latest counting most.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunningStatistics {
    /// `[outputs]`
    pub means: Vec<f64>,
    /// `[outputs]`, as those of all that the batches are samples of: Σ (x - mean)² / (rows - 1).
    pub variances: Vec<f64>,
}

impl RunningStatistics {
    /// Those that a training begins with: means 0 and variances 1.
    pub fn initial(outputs: usize) -> Self {
        Self { means: vec![0.0; outputs], variances: vec![1.0; outputs] }
    }

    /// Takes a share of those of a batch [rows, outputs]; of a single row nothing, which does not tell how much rows differ.
    pub fn observe(&mut self, batch: &Matrix) {
        let count = batch.rows as f64;
        if batch.rows < 2 {
            return;
        }
        let means: Vec<f64> = batch.column_sums().into_iter().map(|sum| sum / count).collect();
        let squares =
            Matrix::from_fn(batch.rows, batch.columns, |row, column| (batch.at(row, column) - means[column]).powi(2));
        let variances = squares.column_sums().into_iter().map(|sum| sum / (count - 1.0)).collect();
        for (running, of_batch) in [(&mut self.means, means), (&mut self.variances, variances)] {
            for (running, of_batch) in running.iter_mut().zip(of_batch) {
                *running = (1.0 - MOMENTUM) * *running + MOMENTUM * of_batch;
            }
        }
    }

    /// 1 / √(variance + ε) of each output.
    pub fn inverse_deviations(&self) -> Vec<f64> {
        self.variances.iter().map(|variance| 1.0 / (variance + EPSILON).sqrt()).collect()
    }

    /// Values [rows, outputs] less the means, divided by √(variance + ε).
    pub fn normalize(&self, values: &Matrix) -> Matrix {
        let centered =
            Matrix::from_fn(values.rows, values.columns, |row, column| values.at(row, column) - self.means[column]);
        centered.columns_times(&self.inverse_deviations())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn running_statistics_come_to_those_of_the_batches() {
        let batch = Matrix::new(3, 2, vec![1.0, 5.0, 2.0, 5.0, 6.0, 5.0]);
        let mut running = RunningStatistics::initial(2);
        running.observe(&batch);
        // 0.9 · 0 + 0.1 · 3, and 0.9 · 1 + 0.1 · (4 + 1 + 9) / 2; the other output never varies.
        let expected = RunningStatistics { means: vec![0.3, 0.5], variances: vec![0.9 + 0.7, 0.9] };
        let is_near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(is_near(&running.means, &expected.means) && is_near(&running.variances, &expected.variances));
        let before = running.clone();
        running.observe(&Matrix::new(1, 2, vec![100.0, -100.0]));
        assert_eq!(running, before);
        (0..300).for_each(|_| running.observe(&batch));
        assert!(is_near(&running.means, &[3.0, 5.0]) && is_near(&running.variances, &[7.0, 0.0]), "{running:?}");
        // Outside of training, each row stands for itself.
        let normalized = running.normalize(&batch);
        assert_eq!(normalized.elements[2..4], running.normalize(&Matrix::new(1, 2, vec![2.0, 5.0])).elements[..]);
        assert!((normalized.at(2, 0) - 3.0 / 7f64.sqrt()).abs() < 1e-5, "{normalized:?}");
    }

    #[test]
    fn columns_are_normalized_as_rows_are() {
        let values = Matrix::new(4, 2, vec![1.0, 9.0, 2.0, 9.0, 3.0, 9.0, 4.0, 9.0]);
        let normalized = normalize_columns(&values);
        let moments = |column| {
            let numbers = (0..4).map(|row| normalized.at(row, column));
            (numbers.clone().sum::<f64>() / 4.0, numbers.map(|x| x * x).sum::<f64>() / 4.0)
        };
        let ((mean, variance), constant) = (moments(0), moments(1));
        assert!(mean.abs() < 1e-12 && (variance - 1.0).abs() < 1e-4, "{mean} {variance}");
        assert_eq!((constant, column_inverse_deviations(&values)[1]), ((0.0, 0.0), 1.0 / EPSILON.sqrt()));
    }

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
