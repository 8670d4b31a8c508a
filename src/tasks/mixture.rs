//! Mixtures of Gaussians fitted to codes without labels, by expectation and maximization (Dempster, Laird & Rubin 1977; Bishop 2006,
//! section 9.2.2).

use super::Codes;
use crate::error::Error;
use crate::reference::philox::{Sequence, Stream, unit_interval};
use nalgebra::{DMatrix, DVector};
use std::f64::consts::TAU;
use std::str::FromStr;

/// Rounds at most, and a gain of the mean log-likelihood in nats below which the fit is done, both as scikit-learn has them.
const MOST_ROUNDS: usize = 100;
const LEAST_GAIN: f64 = 1e-3;

/// What is added to each variance, as a share of the codes' mean variance: so no component shrinks to a point, and numbers that are the same
/// in all codes have a density.
const ADDED_VARIANCE: f64 = 1e-4;

/// Where draws of the starting means begin in their stream: those of codes have the places of these for their index.
const STEP: u32 = u32::MAX;

/// Which covariances a component may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Covariance {
    /// Any.
    #[default]
    Full,
    /// The numbers of a code are independent within a component.
    Diagonal,
}

impl FromStr for Covariance {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "full" => Ok(Self::Full),
            "diagonal" => Ok(Self::Diagonal),
            _ => Err("it is full or diagonal"),
        }
    }
}

/// A mixture as it was fitted.
#[derive(Clone, Debug)]
pub struct Fit {
    /// One for each Gaussian, in the order in which their first means were chosen.
    pub components: Vec<Component>,
    /// The mean over the codes of the logarithm of their density in nats, at the start and after each round.
    pub log_likelihoods: Vec<f64>,
}

/// One Gaussian.
#[derive(Clone, Debug)]
pub struct Component {
    /// Of the codes.
    pub share: f64,
    /// `[size]`
    pub mean: DVector<f64>,
    /// [size, size]: its product with its own transpose is the covariance, so that mean + root · z has it where the numbers of z are normal.
    /// Where it was fitted by [`fit`], it is lower triangular (Cholesky).
    pub root: DMatrix<f64>,
}

/// Fits a mixture of `count` Gaussians to codes, from means that are chosen among them, each the likelier the further it is from those before
/// (k-means++, Arthur & Vassilvitskii 2007), until a round gains less than a thousandth of a nat, or 100 rounds are over.
///
/// # Errors
/// There are fewer codes than Gaussians, or no Gaussians.
pub fn fit(codes: &Codes, count: usize, covariance: Covariance, seed: u64) -> Result<Fit, Error> {
    if count == 0 || codes.len() < count {
        return Err(Error::Usage(format!(
            "there are {} codes to fit {count} Gaussians to: use --components between 1 and as many as there are codes",
            codes.len()
        )));
    }
    // [codes, size]
    let data = DMatrix::from_row_iterator(codes.len(), codes.size, codes.values.iter().copied().map(f64::from));
    let variance = data.column_iter().map(|column| column.variance()).sum::<f64>() / codes.size as f64;
    // Codes that are all the same have a variance as well.
    let added = (ADDED_VARIANCE * variance).max(1e-12);
    let mut fit = Fit { components: start(&data, count, variance + added, seed), log_likelihoods: Vec::new() };
    loop {
        let (responsibilities, likelihood) = expect(&data, &fit.components);
        let gain = fit.log_likelihoods.last().map_or(f64::INFINITY, |before| likelihood - before);
        fit.log_likelihoods.push(likelihood);
        if gain < LEAST_GAIN || fit.log_likelihoods.len() > MOST_ROUNDS {
            return Ok(fit);
        }
        fit.components = maximize(&data, &responsibilities, fit.components, covariance, added)?;
    }
}

/// Components of one size each, round, around codes that are far from each other.
fn start(data: &DMatrix<f64>, count: usize, variance: f64, seed: u64) -> Vec<Component> {
    let mut random = Sequence::new(seed, Stream::Codes, STEP, STEP);
    let mut draw = |weights: &[f64]| -> usize {
        let wanted = f64::from(unit_interval(random.word())) * weights.iter().sum::<f64>();
        let mut sum = 0.0;
        let chosen = weights.iter().position(|weight| {
            sum += weight;
            wanted < sum
        });
        // Where all codes are means already, any will do.
        chosen.unwrap_or(weights.len() - 1)
    };
    let mut distances = vec![1.0; data.nrows()];
    let mut components: Vec<Component> = Vec::with_capacity(count);
    for number in 0..count {
        let mean = data.row(draw(&distances)).transpose();
        for (row, distance) in data.row_iter().zip(&mut distances) {
            let from_this = row.iter().zip(mean.iter()).map(|(a, b)| (a - b).powi(2)).sum();
            *distance = if number == 0 { from_this } else { distance.min(from_this) };
        }
        let root = DMatrix::from_diagonal_element(data.ncols(), data.ncols(), variance.sqrt());
        components.push(Component { share: 1.0 / count as f64, mean, root });
    }
    components
}

/// How much of each code each component stands for, [codes, components], and the mean log-likelihood.
fn expect(data: &DMatrix<f64>, components: &[Component]) -> (DMatrix<f64>, f64) {
    // First the logarithms of share · density.
    let mut densities = DMatrix::zeros(data.nrows(), components.len());
    for (place, Component { share, mean, root }) in components.iter().enumerate() {
        let inverse = root.clone().solve_lower_triangular(&DMatrix::identity(root.nrows(), root.nrows()));
        let Some(inverse) = inverse else { continue };
        // In these coordinates the component is the standard normal distribution.
        let whitened = centered(data, mean) * inverse.transpose();
        let scale: f64 = root.diagonal().iter().map(|deviation| deviation.ln()).sum();
        let constant = share.ln() - scale - 0.5 * root.nrows() as f64 * TAU.ln();
        for (row, code) in whitened.row_iter().enumerate() {
            densities[(row, place)] = constant - 0.5 * code.norm_squared();
        }
    }
    let mut total = 0.0;
    for mut row in densities.row_iter_mut() {
        let most = row.max();
        row.apply(|logarithm| *logarithm = (*logarithm - most).exp());
        let sum = row.sum();
        row /= sum;
        total += most + sum.ln();
    }
    (densities, total / data.nrows() as f64)
}

/// The components that fit the codes best that they stand for; one that stands for none stays.
fn maximize(
    data: &DMatrix<f64>,
    responsibilities: &DMatrix<f64>,
    before: Vec<Component>,
    covariance: Covariance,
    added: f64,
) -> Result<Vec<Component>, Error> {
    let of_component = |(place, before): (usize, Component)| -> Result<Component, Error> {
        let weights = responsibilities.column(place);
        let weight = weights.sum();
        if weight < f64::MIN_POSITIVE.sqrt() {
            return Ok(Component { share: f64::MIN_POSITIVE, ..before });
        }
        let mean = data.tr_mul(&weights) / weight;
        let mut scaled = centered(data, &mean);
        for (mut row, weight) in scaled.row_iter_mut().zip(weights.iter()) {
            row *= weight.sqrt();
        }
        let mut spread = match covariance {
            Covariance::Full => scaled.transpose() * &scaled / weight,
            Covariance::Diagonal => {
                let of_column = |column: usize| scaled.column(column).norm_squared() / weight;
                DMatrix::from_diagonal(&DVector::from_fn(scaled.ncols(), |column, _| of_column(column)))
            }
        };
        for place in 0..spread.nrows() {
            spread[(place, place)] += added;
        }
        let root = spread.cholesky().ok_or_else(|| {
            Error::Run(
                "a covariance of the codes is not positive: use fewer --components, or --covariance diagonal".into(),
            )
        })?;
        Ok(Component { share: weight / data.nrows() as f64, mean, root: root.unpack() })
    };
    before.into_iter().enumerate().map(of_component).collect()
}

/// Each row without the mean.
fn centered(data: &DMatrix<f64>, mean: &DVector<f64>) -> DMatrix<f64> {
    let mut centered = data.clone();
    for (mut column, mean) in centered.column_iter_mut().zip(mean.iter()) {
        column.add_scalar_mut(-mean);
    }
    centered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::corruption::normal;

    /// Codes of three Gaussians: a half, three tenths and a fifth of them.
    fn codes(count: usize) -> Codes {
        let mut random = Sequence::new(8, Stream::Cases, 0, 0);
        let mut values = Vec::new();
        for _ in 0..count {
            let which = unit_interval(random.word());
            let [x, y] = [normal(random.word()), normal(random.word())];
            let code = if which < 0.5 {
                [x, 0.8 * x + 0.6 * y]
            } else if which < 0.8 {
                [6.0 + 0.5 * x, -3.0 + 2.0 * y]
            } else {
                [-5.0 + x, 5.0 + 0.3 * y]
            };
            values.extend(code.map(|number| number as f32));
        }
        Codes::without_images(2, values)
    }

    #[test]
    fn a_known_mixture_is_found_again() {
        let codes = codes(3000);
        let mut fit = fit(&codes, 3, Covariance::Full, 1).unwrap();
        fit.components.sort_by(|a, b| b.share.total_cmp(&a.share));
        let expected = [
            (0.5, [0.0, 0.0], [1.0, 0.8, 1.0]),
            (0.3, [6.0, -3.0], [0.25, 0.0, 4.0]),
            (0.2, [-5.0, 5.0], [1.0, 0.0, 0.09]),
        ];
        for (Component { share, mean, root }, (of, at, spread)) in fit.components.iter().zip(expected) {
            let covariance = root * root.transpose();
            let found = [*share, mean[0], mean[1], covariance[(0, 0)], covariance[(0, 1)], covariance[(1, 1)]];
            for (found, wanted) in found.into_iter().zip([of, at[0], at[1]].into_iter().chain(spread)) {
                assert!((found - wanted).abs() < 0.1 + 0.1 * wanted.abs(), "{found}, not {wanted}: {fit:?}");
            }
        }
        let shares: f64 = fit.components.iter().map(|component| component.share).sum();
        assert!((shares - 1.0).abs() < 1e-9);
    }

    #[test]
    fn no_round_makes_the_codes_less_likely() {
        let codes = codes(400);
        for covariance in [Covariance::Full, Covariance::Diagonal] {
            for (count, seed) in [(1, 1), (2, 3), (5, 1), (9, 2)] {
                let Fit { log_likelihoods, .. } = fit(&codes, count, covariance, seed).unwrap();
                assert!(log_likelihoods.len() > 1);
                // What is added to the variances moves it a little from where it is the most likely.
                let falls = log_likelihoods.windows(2).find(|pair| pair[1] < pair[0] - 1e-3);
                assert_eq!(falls, None, "{count} {covariance:?}");
            }
        }
    }

    #[test]
    fn one_gaussian_has_the_likelihood_of_its_mean_and_covariance() {
        let codes = codes(500);
        let Fit { components, log_likelihoods } = fit(&codes, 1, Covariance::Full, 1).unwrap();
        // The mean log-density of a Gaussian at its own codes is −½·(ln det 2πΣ + size).
        let covariance = &components[0].root * components[0].root.transpose();
        let expected = -0.5 * ((covariance * TAU).determinant().ln() + 2.0);
        let found = log_likelihoods[log_likelihoods.len() - 1];
        assert!((found - expected).abs() < 1e-3, "{found}, not {expected}");
    }

    #[test]
    fn the_fit_is_the_seed_s_and_codes_that_are_the_same_have_one() {
        let means = |seed| {
            let Fit { components, .. } = fit(&codes(200), 4, Covariance::Diagonal, seed).unwrap();
            components.into_iter().map(|component| component.mean).collect::<Vec<_>>()
        };
        assert_eq!(means(1), means(1));
        let same = Codes::without_images(3, [1.0, 2.0, 3.0].repeat(10));
        let Fit { components, log_likelihoods } = fit(&same, 2, Covariance::Full, 1).unwrap();
        assert!(components.iter().all(|component| (component.mean[2] - 3.0).abs() < 1e-9));
        assert!(log_likelihoods.iter().all(|likelihood| likelihood.is_finite()));
        assert_eq!(fit(&same, 11, Covariance::Full, 1).unwrap_err().exit_code(), 2);
    }
}
