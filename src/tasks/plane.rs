//! Codes in the plane: those of two numbers as they are, others by their first two principal components; and a grid of codes there.

use super::Codes;
use super::pca::{MOST_PIXELS, principal_components};
use super::ranking::quantile;
use crate::error::Error;
use crate::reference::corruption::normal_quantile;
use nalgebra::{DMatrix, DVector};

/// A plane in the space of codes.
pub struct Plane {
    /// `[size]`
    mean: DVector<f64>,
    /// [size, 2]: two directions, each of length 1.
    axes: DMatrix<f64>,
    /// [codes, 2]
    pub points: Vec<[f64; 2]>,
    /// What the two numbers of a point are.
    pub descriptions: [String; 2],
}

impl Plane {
    /// The plane of codes of two numbers, or the one through the mean of longer ones along which they vary most. Of more numbers than an
    /// eigenvalue problem should have, the first two are taken.
    ///
    /// # Errors
    /// Codes of a single number, or none.
    pub fn of(codes: &Codes) -> Result<Self, Error> {
        if codes.size < 2 {
            return Err(Error::Usage("the model's codes have one number each: the plane needs two or more".to_owned()));
        }
        if codes.is_empty() {
            return Err(Error::Usage("there are no codes to make a plane of: give a split that has images".to_owned()));
        }
        if codes.size == 2 || codes.size > MOST_PIXELS {
            let points = codes.values.chunks_exact(codes.size).map(|code| [code[0], code[1]].map(f64::from)).collect();
            let descriptions = ["code.0", "code.1"].map(str::to_owned);
            let axes = DMatrix::identity(codes.size, 2);
            let mean_of = |place: usize| {
                let numbers = codes.values.iter().skip(place).step_by(codes.size);
                numbers.map(|&number| f64::from(number)).sum::<f64>() / codes.len() as f64
            };
            let mean = DVector::from_fn(codes.size, |place, _| if place < 2 { 0.0 } else { mean_of(place) });
            return Ok(Self { mean, axes, points, descriptions });
        }
        // [images, size], a row for each code.
        let values = codes.values.iter().copied().map(f64::from);
        let mut centered = DMatrix::from_row_iterator(codes.len(), codes.size, values);
        let mut mean = DVector::zeros(codes.size);
        for (place, mut column) in centered.column_iter_mut().enumerate() {
            mean[place] = column.mean();
            column.add_scalar_mut(-mean[place]);
        }
        let covariance = centered.tr_mul(&centered) / codes.len() as f64;
        let variance = covariance.trace();
        let axes = principal_components(covariance, 2);
        let projected = centered * &axes;
        let share = |axis: usize| {
            let of_axis = projected.column(axis).norm_squared() / codes.len() as f64;
            // Codes that are all the same have no variance to share.
            if variance > 0.0 {
                format!(" ({:.0} % of the codes' variance)", 100.0 * of_axis / variance)
            } else {
                String::new()
            }
        };
        let descriptions = [format!("first principal component{}", share(0)), format!("second{}", share(1))];
        let points = projected.row_iter().map(|row| [row[0], row[1]]).collect();
        Ok(Self { mean, axes, points, descriptions })
    }

    /// Codes on a grid of `steps` by `steps` points, from above to below and from left to right, at the quantiles of the codes' own
    /// coordinates: as many codes lie between two neighbors as between two others. Each number keeps within the range that it has in the
    /// codes, since a code of ReLU is never negative.
    pub fn grid(&self, steps: usize, ranges: &[[f32; 2]]) -> Codes {
        let at = |axis: usize| -> Vec<f64> {
            let coordinates: Vec<f32> = self.points.iter().map(|point| point[axis] as f32).collect();
            shares(steps).map(|share| quantile(&coordinates, share)).collect()
        };
        let code = |x: f64, y: f64| {
            let code = &self.mean + &self.axes * DVector::from_vec(vec![x, y]);
            let within = |(number, &[least, largest]): (&f64, &[f32; 2])| (*number as f32).clamp(least, largest);
            code.iter().zip(ranges).map(within).collect::<Vec<_>>()
        };
        let (xs, ys) = (at(0), at(1));
        let values = ys.iter().rev().flat_map(|&y| xs.iter().flat_map(move |&x| code(x, y))).collect();
        Codes::without_images(self.mean.len(), values)
    }
}

/// The same grid of codes of two numbers at the quantiles of a normal distribution, the prior of a variational autoencoder (Kingma &
/// Welling 2014, figure 4).
pub fn grid_of_prior(steps: usize) -> Codes {
    let at: Vec<f32> = shares(steps).map(|share| normal_quantile(share) as f32).collect();
    Codes::without_images(2, at.iter().rev().flat_map(|&y| at.iter().flat_map(move |&x| [x, y])).collect())
}

/// The middles of as many equal parts of 1.
fn shares(steps: usize) -> impl Iterator<Item = f64> {
    (0..steps).map(move |step| (step as f64 + 0.5) / steps as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(size: usize, values: Vec<f32>) -> Codes {
        Codes::without_images(size, values)
    }

    /// As many codes lie below the first point of the grid as above the last, and each point is where the codes are.
    #[test]
    fn a_grid_is_at_the_quantiles_of_the_codes() {
        let (across, upwards) = ([0.0, 1.0, 2.0, 10.0, 20.0], [5.0, 6.0, 7.0, 8.0, 9.0]);
        let two = codes(2, across.iter().zip(upwards).flat_map(|(&x, y)| [x, y]).collect());
        let grid = Plane::of(&two).unwrap().grid(2, &two.ranges());
        assert_eq!(grid.values, [1.0, 8.0, 10.0, 8.0, 1.0, 6.0, 10.0, 6.0]);
        // Codes on a plane through (1, 2, 3): so is their grid, within their ranges.
        let place = |s: f32, t: f32| [1.0 + s, 2.0 + s, 3.0 + t];
        let values = (0..99).flat_map(|i| place((i % 11) as f32 - 5.0, ((i / 11) as f32 - 4.0) * 0.2)).collect();
        let three = codes(3, values);
        let grid = Plane::of(&three).unwrap().grid(5, &three.ranges());
        assert_eq!((grid.len(), grid.size), (25, 3));
        for code in grid.values.chunks_exact(3) {
            assert!((code[1] - code[0] - 1.0).abs() < 1e-5 && (code[0] - 1.0).abs() <= 5.0, "{code:?}");
        }
        let middle = &grid.values[12 * 3..][..3];
        assert!(middle.iter().zip(place(0.0, 0.0)).all(|(a, b)| (a - b).abs() < 1e-5), "{middle:?}");
    }

    #[test]
    fn a_grid_of_the_prior_is_at_the_quantiles_of_a_normal_distribution() {
        let grid = grid_of_prior(3);
        assert_eq!((grid.len(), grid.size, &grid.values[8..10]), (9, 2, &[0.0, 0.0][..]));
        // A sixth and five sixths.
        assert!((grid.values[0] + 0.967_42).abs() < 1e-4 && (grid.values[1] - 0.967_42).abs() < 1e-4, "{grid:?}");
    }

    #[test]
    fn codes_of_two_numbers_stay_and_longer_ones_are_turned_to_their_widest_side() {
        let two = Plane::of(&codes(2, vec![1.0, 2.0, 3.0, 4.0])).unwrap();
        assert_eq!((two.points, &*two.descriptions[1]), (vec![[1.0, 2.0], [3.0, 4.0]], "code.1"));
        // Along (0, 1, 1) by ±√2, along (1, 0, 0) by ±0.5.
        let values = vec![0.5, 1.0, 1.0, -0.5, 1.0, 1.0, 0.5, -1.0, -1.0, -0.5, -1.0, -1.0];
        let Plane { points, descriptions, .. } = Plane::of(&codes(3, values)).unwrap();
        for [x, y] in points {
            assert!((x.abs() - 2f64.sqrt()).abs() < 1e-12 && (y.abs() - 0.5).abs() < 1e-12, "{x} {y}");
        }
        assert_eq!(descriptions[0], "first principal component (89 % of the codes' variance)");
        assert_eq!(Plane::of(&codes(1, vec![1.0])).err().unwrap().exit_code(), 2);
    }

    #[test]
    fn codes_that_are_all_the_same_are_one_point() {
        let Plane { points, descriptions, .. } = Plane::of(&codes(3, vec![0.0, 7.0, 1.0, 0.0, 7.0, 1.0])).unwrap();
        assert_eq!(points, [[0.0; 2]; 2]);
        assert_eq!(descriptions, ["first principal component", "second"]);
    }

    #[test]
    fn very_long_codes_show_their_first_two_numbers() {
        let plane = Plane::of(&codes(3000, [vec![1.0; 3000], vec![2.0; 3000]].concat())).unwrap();
        assert_eq!(plane.points, [[1.0; 2], [2.0; 2]]);
    }
}
