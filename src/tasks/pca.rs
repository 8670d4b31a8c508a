//! Principal components as a linear autoencoder: what any autoencoder with a code of the same size has to beat.

use crate::data::Images;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::kernels::matmul::Products;
use crate::model::{Layer, Network, Parameters};
use crate::program::lower;
use crate::program::{Memory, Program};
use crate::reference::Activation;
use crate::train::{Loader, Submissions};
use nalgebra::{DMatrix, SymmetricEigen};
use std::convert::Infallible;
use std::ops::Range;

/// The most values an image may have: the eigenvectors of a larger covariance would take minutes.
pub const MOST_PIXELS: usize = 2048;

/// How many components training images have: no more than values, and one fewer than images, whose mean is taken off; of no images nothing
/// is known but their values.
pub fn available(images: &Images) -> usize {
    let values = images.shape().pixels();
    if images.is_empty() { values } else { values.min(images.len() - 1).max(1) }
}

/// What tables call so many components where so many are available.
pub fn name(components: usize, available: usize) -> String {
    if components < available { format!("PCA-{components}") } else { format!("PCA-{available}, all there are") }
}

/// [`linear_autoencoder`], where there can be one: of very large images and of none there is none, which is told.
///
/// # Errors
/// As of [`linear_autoencoder`].
pub fn comparison(gpu: &Gpu, images: &Images, code_size: usize) -> Result<Option<(Network, Parameters)>, Error> {
    if images.shape().pixels() > MOST_PIXELS {
        tracing::info!("images of more than {MOST_PIXELS} values are not held against principal components");
        return Ok(None);
    }
    if images.is_empty() {
        tracing::info!("there are no training images, of which principal components could be taken");
        return Ok(None);
    }
    linear_autoencoder(gpu, images, code_size).map(Some)
}

/// Images whose scatter matrix is taken together.
const MOST_IMAGES_TOGETHER: usize = 500;

/// The linear network of the first `code_size` principal components of `images`, or of all [`available`] ones, where images have at most
/// [`MOST_PIXELS`] values.
///
/// Its code is (x − mean) · components; its decoder goes back by the components transposed. Of all linear autoencoders with this
/// code size it has the least squared error (Baldi & Hornik 1989).
///
/// # Errors
/// A fault of the GPU, such as too little room for products of all values with each other.
pub fn linear_autoencoder(gpu: &Gpu, images: &Images, code_size: usize) -> Result<(Network, Parameters), Error> {
    tracing::info!("finding the principal components of {} images", images.len());
    let mean = mean_image(images);
    let covariance = covariance(gpu, images, &mean)?;
    let components = principal_components(covariance, code_size.min(available(images)));
    let code = Layer::new(components.ncols(), Activation::Identity);
    let network = Network::autoencoder(mean.len(), &[code], &[], Activation::Identity);
    let mean = DMatrix::from_row_slice(1, mean.len(), &mean);
    let encoder_bias = -(&mean * &components);
    // In the order of the network's parameters: a matrix of nalgebra is stored column by column, a tensor row by row.
    let values = [components.transpose(), encoder_bias.transpose(), components.clone(), mean.transpose()];
    let built = Parameters::build(&network, |place, _| {
        Ok::<_, Infallible>(values[place].iter().map(|&value| value as f32).collect())
    });
    match built {
        Ok(parameters) => Ok((network, parameters)),
    }
}

/// The mean of each value in [0, 1], summed exactly.
fn mean_image(images: &Images) -> Vec<f64> {
    let pixels = images.shape().pixels();
    let mut sums = vec![0u64; pixels];
    for image in images.bytes().chunks_exact(pixels) {
        for (sum, &byte) in sums.iter_mut().zip(image) {
            *sum += u64::from(byte);
        }
    }
    sums.iter().map(|&sum| sum as f64 / 255.0 / images.len() as f64).collect()
}

/// Products of each value with each other on the GPU, batch by batch; the batches are summed in f64.
fn covariance(gpu: &Gpu, images: &Images, mean: &[f64]) -> Result<DMatrix<f64>, Error> {
    let pixels = mean.len();
    let mut memory = Memory::default();
    let loader = Loader::new(gpu, &mut memory, "images", images, 1..=MOST_IMAGES_TOGETHER)?;
    let batches = loader.batches(gpu, pixels, pixels * pixels, MOST_IMAGES_TOGETHER);
    let lowered = lower::scatter(loader.samples(), batches.batch_size);
    memory.place(gpu, &lowered.graph)?;
    let program = Program::new(gpu, &lowered.graph, &memory, Products::of(gpu), 1)?;
    let scatter = memory.tensor(&lowered.graph, lowered.scatter)?;
    let mut sums = DMatrix::<f64>::zeros(pixels, pixels);
    Submissions::new(gpu, batches, loader, program, 1, scatter.len())?.run(
        gpu,
        0,
        None,
        |place, _| batches.stored(place),
        |_| vec![(scatter, 0..scatter.len())],
        &mut |_: Range<usize>, arrived: Vec<f32>| {
            sums.iter_mut().zip(&arrived).for_each(|(sum, &product)| *sum += f64::from(product));
            Ok(())
        },
    )?;
    Ok(DMatrix::from_fn(pixels, pixels, |i, j| sums[(i, j)] / images.len() as f64 - mean[i] * mean[j]))
}

/// The eigenvectors of the largest eigenvalues, as columns [pixels, count], largest first.
pub(super) fn principal_components(covariance: DMatrix<f64>, count: usize) -> DMatrix<f64> {
    let eigen = SymmetricEigen::new(covariance);
    let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    eigen.eigenvectors.select_columns(&order[..count])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ImageShape;

    #[test]
    fn no_more_components_are_told_than_there_are() {
        assert_eq!(name(32, 784), "PCA-32");
        assert_eq!([name(784, 784), name(1000, 784)], ["PCA-784, all there are"; 2].map(str::to_owned));
        let images = |count: usize| {
            let shape = ImageShape { height: 2, width: 3, channels: 1 };
            Images::new(shape, vec![0; count * shape.pixels()], None).unwrap()
        };
        assert_eq!([0, 1, 2, 5, 6, 7, 8].map(|count| available(&images(count))), [6, 1, 1, 4, 5, 6, 6]);
    }

    #[test]
    fn components_come_in_the_order_of_their_variance() {
        let covariance = DMatrix::from_diagonal(&nalgebra::DVector::from_vec(vec![1.0, 9.0, 4.0]));
        let components = principal_components(covariance, 2);
        assert_eq!((components.nrows(), components.ncols()), (3, 2));
        assert!((components[(1, 0)].abs() - 1.0).abs() < 1e-12 && (components[(2, 1)].abs() - 1.0).abs() < 1e-12);
    }
}
