//! How alike two sets of images look.

use crate::data::ImageShape;

/// The peak signal-to-noise ratio in decibels, 10·log₁₀(1 / MSE) for values up to 1, of the squared error's mean over all images; infinite
/// where nothing differs (Salomon 2007, section 4.2.2).
pub fn psnr(images: &[f32], others: &[f32]) -> f64 {
    let squares: f64 = images.iter().zip(others).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    -10.0 * (squares / images.len() as f64).log10()
}

/// The width of the window in pixels, and the standard deviation of its weights (Wang et al. 2004, section III.B).
const WINDOW: usize = 11;
const DEVIATION: f64 = 1.5;
/// (K₁·L)² and (K₂·L)² for values up to L = 1.
const C1: f64 = 0.01 * 0.01;
const C2: f64 = 0.03 * 0.03;

/// The mean structural similarity of images [images, height, width, channels] of values in [0, 1]: the mean over all channels and all
/// places of a Gaussian window within the image, which is smaller than 11 × 11 pixels only where the image is (Wang, Bovik, Sheikh &
/// Simoncelli 2004, equation 13). 1 where nothing differs.
pub fn ssim(images: &[f32], others: &[f32], shape: ImageShape) -> f64 {
    let (rows, columns) = (weights(shape.height), weights(shape.width));
    let (mut sum, mut count) = (0.0, 0usize);
    for (image, other) in images.chunks_exact(shape.pixels()).zip(others.chunks_exact(shape.pixels())) {
        for channel in 0..shape.channels {
            for top in 0..=shape.height - rows.len() {
                for left in 0..=shape.width - columns.len() {
                    let mut moments = WindowMoments::default();
                    for (row, weight_of_row) in (top..).zip(&rows) {
                        for (column, weight_of_column) in (left..).zip(&columns) {
                            let place = (row * shape.width + column) * shape.channels + channel;
                            moments.add(weight_of_row * weight_of_column, image[place].into(), other[place].into());
                        }
                    }
                    sum += moments.similarity();
                    count += 1;
                }
            }
        }
    }
    sum / count as f64
}

/// The window's weights along a side of so many pixels; they add up to 1.
fn weights(side: usize) -> Vec<f64> {
    let length = WINDOW.min(side);
    let middle = (length as f64 - 1.0) / 2.0;
    let weight = |place: usize| (-((place as f64 - middle) / DEVIATION).powi(2) / 2.0).exp();
    let sum: f64 = (0..length).map(weight).sum();
    (0..length).map(|place| weight(place) / sum).collect()
}

/// Weighted means of two images' values in a window, of their squares, and of their product.
#[derive(Default)]
struct WindowMoments {
    means: [f64; 2],
    squares: [f64; 2],
    product: f64,
}

impl WindowMoments {
    fn add(&mut self, weight: f64, a: f64, b: f64) {
        for (which, value) in [a, b].into_iter().enumerate() {
            self.means[which] += weight * value;
            self.squares[which] += weight * value * value;
        }
        self.product += weight * a * b;
    }

    fn similarity(&self) -> f64 {
        let [a, b] = self.means;
        let variances = self.squares[0] - a * a + self.squares[1] - b * b;
        let covariance = self.product - a * b;
        (2.0 * a * b + C1) * (2.0 * covariance + C2) / ((a * a + b * b + C1) * (variances + C2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ratio_is_that_of_the_mean_squared_error() {
        assert!((psnr(&[0.0, 1.0], &[0.1, 0.9]) - 20.0).abs() < 1e-5);
        assert_eq!(psnr(&[0.5], &[0.5]), f64::INFINITY);
    }

    /// Of two constant images only the first factor of the equation is left.
    #[test]
    fn constant_images_are_as_alike_as_their_means() {
        let shape = ImageShape { height: 13, width: 12, channels: 3 };
        let constant = |value: f32| vec![value; 2 * shape.pixels()];
        let expected = (2.0 * 0.5 * 0.25 + C1) / (0.5 * 0.5 + 0.25 * 0.25 + C1);
        assert!((ssim(&constant(0.5), &constant(0.25), shape) - expected).abs() < 1e-9);
    }

    /// A window of four pixels that all weigh almost alike: by hand, from the equation.
    #[test]
    fn an_image_smaller_than_the_window_is_one_window() {
        let shape = ImageShape { height: 1, width: 2, channels: 1 };
        // Means 0.5 and 0.5, variances 0.25, covariance -0.25.
        let expected = (0.5 + C1) * (-0.5 + C2) / ((0.5 + C1) * (0.5 + C2));
        assert!((ssim(&[0.0, 1.0], &[1.0, 0.0], shape) - expected).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn an_image_is_most_like_itself_and_likeness_is_mutual(
            a in prop::collection::vec(0f32..1.0, 12 * 14), b in prop::collection::vec(0f32..1.0, 12 * 14)
        ) {
            let shape = ImageShape { height: 12, width: 14, channels: 1 };
            prop_assert!((ssim(&a, &a, shape) - 1.0).abs() < 1e-9);
            let (there, back) = (ssim(&a, &b, shape), ssim(&b, &a, shape));
            prop_assert!((there - back).abs() < 1e-12 && there <= 1.0);
        }
    }
}
