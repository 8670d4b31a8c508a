//! New codes: drawn from a distribution that is fitted to codes of images, or on straight lines between such.

use super::Codes;
use super::mixture::{Component, Fit};
use crate::error::Error;
use crate::reference::corruption::normal;
use crate::reference::philox::{Sequence, Stream, unit_interval};
use nalgebra::{DMatrix, DVector, SymmetricEigen};
use std::collections::BTreeMap;

/// A mixture of Gaussians with full covariances, one for each class of the codes that it is fitted to, or one of all where these have no
/// classes. Each number keeps within the range that it has in those codes, since a code of ReLU is never negative.
#[derive(Clone, Debug)]
pub struct Mixture {
    components: Vec<Component>,
    /// `[size]`: the least and the largest of each number of a code.
    ranges: Vec<[f32; 2]>,
}

impl Mixture {
    /// Fits the mixture by maximum likelihood, which for known classes is each one's mean and covariance.
    ///
    /// # Errors
    /// There are no codes.
    pub fn fit(codes: &Codes) -> Result<Self, Error> {
        if codes.is_empty() {
            return Err(Error::Usage("there are no codes to learn from: give a split that has images".to_owned()));
        }
        let mut groups: BTreeMap<u32, Vec<&[f32]>> = BTreeMap::new();
        for (image, code) in codes.values.chunks_exact(codes.size).enumerate() {
            let label = codes.labels.as_ref().map_or(0, |labels| labels[image]);
            groups.entry(label).or_default().push(code);
        }
        let components = groups.values().map(|group| of_group(group, codes.len())).collect();
        Ok(Self { components, ranges: codes.ranges() })
    }

    /// A mixture that was fitted to codes without their labels.
    pub fn of(fit: &Fit, codes: &Codes) -> Self {
        Self { components: fit.components.clone(), ranges: codes.ranges() }
    }

    /// What codes of `size` numbers are before any image is seen, by the prior of a variational autoencoder (Kingma & Welling 2014): normal.
    pub fn prior(size: usize) -> Self {
        let gaussian = Component { share: 1.0, mean: DVector::zeros(size), root: DMatrix::identity(size, size) };
        Self { components: vec![gaussian], ranges: vec![[f32::NEG_INFINITY, f32::INFINITY]; size] }
    }

    /// How many Gaussians it has.
    pub fn components(&self) -> usize {
        self.components.len()
    }

    /// So many codes, which follow from the seed.
    pub fn draw(&self, seed: u64, count: usize) -> Codes {
        let mut values = Vec::with_capacity(count * self.ranges.len());
        for index in 0..count {
            let mut random = Sequence::new(seed, Stream::Codes, (index >> 32) as u32, index as u32);
            let Some(gaussian) = self.component(f64::from(unit_interval(random.word()))) else { break };
            let z = DVector::from_fn(self.ranges.len(), |_, _| normal(random.word()));
            let code = &gaussian.mean + &gaussian.root * z;
            let within = |(number, &[least, largest]): (&f64, &[f32; 2])| (*number as f32).clamp(least, largest);
            values.extend(code.iter().zip(&self.ranges).map(within));
        }
        Codes::without_images(self.ranges.len(), values)
    }

    /// The component in whose share a number in [0, 1) lies.
    fn component(&self, drawn: f64) -> Option<&Component> {
        let mut sum = 0.0;
        let chosen = self.components.iter().find(|gaussian| {
            sum += gaussian.share;
            drawn < sum
        });
        // The shares may add up to a little less than 1.
        chosen.or(self.components.last())
    }
}

/// The Gaussian of some of so many codes.
fn of_group(codes: &[&[f32]], of: usize) -> Component {
    let (count, size) = (codes.len(), codes[0].len());
    let matrix = DMatrix::from_fn(count, size, |row, column| f64::from(codes[row][column]));
    let mean = matrix.row_mean();
    let mut centered = matrix;
    centered.row_iter_mut().for_each(|mut row| row -= &mean);
    let covariance = centered.tr_mul(&centered) / count as f64;
    // A number that is the same in all codes makes the covariance singular, which a Cholesky factor could not be of.
    let SymmetricEigen { eigenvectors, eigenvalues } = covariance.symmetric_eigen();
    let scales = eigenvalues.map(|value| value.max(0.0).sqrt());
    let root = eigenvectors * DMatrix::from_diagonal(&scales);
    Component { share: count as f64 / of as f64, mean: mean.transpose(), root }
}

/// For each pair of codes, `steps` codes, at least 2, at equal distances on the straight line from the first to the second, both included.
pub fn walks(codes: &Codes, pairs: &[(usize, usize)], steps: usize) -> Codes {
    let code = |place: usize| &codes.values[place * codes.size..][..codes.size];
    let mut values = Vec::with_capacity(pairs.len() * steps * codes.size);
    for &(from, to) in pairs {
        for step in 0..steps {
            let share = step as f64 / (steps - 1).max(1) as f64;
            let between = |(&from, &to): (&f32, &f32)| (f64::from(from) * (1.0 - share) + f64::from(to) * share) as f32;
            values.extend(code(from).iter().zip(code(to)).map(between));
        }
    }
    Codes::without_images(codes.size, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two classes: a line from (0, 0, 5) to (2, 4, 5), and a point.
    fn codes() -> Codes {
        let values = [[0.0, 0.0, 5.0], [1.0, 2.0, 5.0], [2.0, 4.0, 5.0], [-7.0, 1.0, 5.0]].concat();
        Codes { labels: Some(vec![3, 3, 3, 1]), ..Codes::without_images(3, values) }
    }

    #[test]
    fn codes_are_drawn_as_those_that_were_fitted_are_spread() {
        let mixture = Mixture::fit(&codes()).unwrap();
        assert_eq!(mixture.components(), 2);
        let drawn = mixture.draw(5, 4000);
        let (points, line): (Vec<_>, Vec<_>) = drawn.values.chunks_exact(3).partition(|code| code[0] < -3.0);
        assert!(points.iter().all(|code| (code[0] + 7.0).abs() < 1e-6 && (code[1] - 1.0).abs() < 1e-6));
        assert!((880..1120).contains(&points.len()), "{} of the class with a quarter of the codes", points.len());
        assert!(line.iter().all(|code| code[2] == 5.0 && (0.0..=4.0).contains(&code[1])));
        let mean = line.iter().map(|code| f64::from(code[0])).sum::<f64>() / line.len() as f64;
        assert!((mean - 1.0).abs() < 0.1, "{mean}");
        // About a fifth is beyond the range of a number, and kept within it; the others lie on the line.
        let on_line = line.iter().filter(|code| (code[1] - 2.0 * code[0]).abs() < 1e-4).count();
        assert!(on_line > 7 * line.len() / 10, "{on_line} of {}", line.len());
        assert_eq!(mixture.draw(5, 10).values, drawn.values[..30]);
        assert_ne!(mixture.draw(6, 10).values, drawn.values[..30]);
        let together = Mixture::fit(&Codes { labels: None, ..codes() }).unwrap();
        assert_eq!(together.components(), 1);
        assert_eq!(Mixture::fit(&Codes { values: vec![], ..codes() }).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn the_prior_is_normal_in_each_number() {
        let drawn = Mixture::prior(3).draw(5, 4000);
        for place in 0..3 {
            let numbers: Vec<f64> =
                drawn.values.iter().skip(place).step_by(3).map(|&number| f64::from(number)).collect();
            let mean = numbers.iter().sum::<f64>() / 4000.0;
            let variance = numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / 4000.0;
            assert!(mean.abs() < 0.08 && (variance - 1.0).abs() < 0.12, "{place}: {mean} {variance}");
        }
    }

    #[test]
    fn a_walk_begins_and_ends_at_its_codes() {
        let walk = walks(&codes(), &[(0, 2), (3, 3)], 5);
        assert_eq!(walk.values[..15], [0.0, 0.0, 5.0, 0.5, 1.0, 5.0, 1.0, 2.0, 5.0, 1.5, 3.0, 5.0, 2.0, 4.0, 5.0]);
        assert_eq!(walk.values[15..], [-7.0, 1.0, 5.0].repeat(5));
    }
}
