//! A variational code (Kingma & Welling 2014, "Auto-Encoding Variational Bayes"): its layer gives the means and the log variances of
//! independent Gaussians, and training draws the code from them.
//!
//! A distribution [rows, 2 · units] has the means in its first columns and the log variances, ln σ², in the others.

use super::Matrix;
use super::corruption::normal;
use super::philox::{Stream, random_words};

/// A log variance is kept within this of 0, so that its exponential stays finite.
pub const LOG_VARIANCE_LIMIT: f64 = 20.0;

/// The word that decides on a unit of the code of the image at a position of an epoch.
pub fn word(seed: u64, epoch: u32, position: u32, unit: usize) -> u32 {
    random_words(seed, Stream::Code, epoch, position, (unit / 4) as u32)[unit % 4]
}

/// Numbers of mean 0 and variance 1 for the codes [rows, units] of a batch whose first image is at this position of the epoch.
pub fn noise(seed: u64, epoch: u32, first_position: u32, rows: usize, units: usize) -> Matrix {
    Matrix::from_fn(rows, units, |row, unit| normal(word(seed, epoch, first_position + row as u32, unit)))
}

/// The means [rows, units].
pub fn means(distribution: &Matrix) -> Matrix {
    Matrix::from_fn(distribution.rows, distribution.columns / 2, |row, unit| distribution.at(row, unit))
}

/// The codes μ + σ·ε for such noise [rows, units].
pub fn draw(distribution: &Matrix, noise: &Matrix) -> Matrix {
    Matrix::from_fn(noise.rows, noise.columns, |row, unit| {
        distribution.at(row, unit) + (0.5 * log_variance(distribution, row, unit)).exp() * noise.at(row, unit)
    })
}

/// Each row's divergence from the standard normal distribution, ½·Σⱼ (μⱼ² + σⱼ² − 1 − ln σⱼ²) (appendix B).
pub fn divergences(distribution: &Matrix) -> Vec<f64> {
    let of_unit = |row, unit| {
        let (mean, logarithm) = (distribution.at(row, unit), log_variance(distribution, row, unit));
        0.5 * (mean * mean + logarithm.exp_m1() - logarithm)
    };
    (0..distribution.rows).map(|row| (0..distribution.columns / 2).map(|unit| of_unit(row, unit)).sum()).collect()
}

/// The gradient with respect to the distribution of what has this gradient with respect to the code [rows, units], and of the divergence
/// times `weight`.
pub fn gradient(distribution: &Matrix, noise: &Matrix, of_code: &Matrix, weight: f64) -> Matrix {
    let units = noise.columns;
    Matrix::from_fn(distribution.rows, distribution.columns, |row, column| match column.checked_sub(units) {
        None => of_code.at(row, column) + weight * distribution.at(row, column),
        Some(_) if distribution.at(row, column).abs() > LOG_VARIANCE_LIMIT => 0.0,
        Some(unit) => {
            let logarithm = log_variance(distribution, row, unit);
            let by_draw = of_code.at(row, unit) * (0.5 * logarithm).exp() * noise.at(row, unit);
            0.5 * (by_draw + weight * logarithm.exp_m1())
        }
    })
}

fn log_variance(distribution: &Matrix, row: usize, unit: usize) -> f64 {
    distribution.at(row, distribution.columns / 2 + unit).clamp(-LOG_VARIANCE_LIMIT, LOG_VARIANCE_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_means_and_the_variances_that_they_are_drawn_by() {
        let rows = 20_000;
        let distribution = Matrix::from_fn(rows, 4, |_, column| [0.5, -1.0, 0.0, 4.0f64.ln()][column]);
        let codes = draw(&distribution, &noise(7, 2, 100, rows, 2));
        for (unit, (mean, variance)) in [(0.5, 1.0), (-1.0, 4.0)].into_iter().enumerate() {
            let values: Vec<f64> = (0..rows).map(|row| codes.at(row, unit)).collect();
            let found = values.iter().sum::<f64>() / rows as f64;
            let spread = values.iter().map(|x| (x - found).powi(2)).sum::<f64>() / rows as f64;
            assert!((found - mean).abs() < 0.05 && (spread / variance - 1.0).abs() < 0.05, "{unit}: {found} {spread}");
        }
    }

    #[test]
    fn a_standard_normal_code_does_not_diverge_and_others_do() {
        let distribution = |mean: f64, logarithm: f64| Matrix::from_fn(1, 2, |_, column| [mean, logarithm][column]);
        assert_eq!(divergences(&distribution(0.0, 0.0)), [0.0]);
        assert_eq!(divergences(&distribution(2.0, 0.0)), [2.0]);
        // ∫ q ln(q/p) of two Gaussians: ln(1/σ) + (σ² + μ²)/2 − ½.
        let found = divergences(&distribution(1.0, 9.0f64.ln()))[0];
        assert!((found - ((1.0f64 / 3.0).ln() + 10.0 / 2.0 - 0.5)).abs() < 1e-12, "{found}");
    }
}
