//! How parameters start.

use super::{Network, ParameterKind, Parameters};
use crate::reference::philox::{Sequence, Stream};
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::f64::consts::TAU;

/// How weights start; biases and running means start at zero, scales and running variances at one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Initialization {
    /// Uniform over ±√(6 / (inputs + outputs)) (Glorot & Bengio 2010, equation 16).
    Glorot,
    /// Uniform over ±√(6 / inputs), for ReLU and its kin (He et al. 2015, equation 10).
    He,
    /// Uniform over ±√(3 / inputs) (LeCun et al. 1998, section 4.6).
    Lecun,
    /// Rows or columns, whichever are fewer, that are orthogonal to each other and of length 1, in a uniformly random direction (Saxe,
    /// McClelland & Ganguli 2014).
    Orthogonal,
    /// Each unit has 15 incoming weights that are not zero, or as many as it has inputs, at places and with values of its own, which are
    /// normal with variance 1 (Martens 2010, section 5; Sutskever et al. 2013, section 3.1).
    Sparse,
}

/// The weights of a unit that are not zero in a sparse initialization.
const SPARSE_WEIGHTS: usize = 15;

impl Initialization {
    /// Every way.
    pub const ALL: [Self; 5] = [Self::Glorot, Self::He, Self::Lecun, Self::Orthogonal, Self::Sparse];

    /// A weight [inputs, outputs], row by row.
    fn weight(self, inputs: usize, outputs: usize, random: &mut Sequence) -> Vec<f32> {
        let variance = match self {
            Self::Glorot => 2.0 / (inputs + outputs) as f64,
            Self::He => 2.0 / inputs as f64,
            Self::Lecun => 1.0 / inputs as f64,
            Self::Orthogonal => return orthogonal(inputs, outputs, random),
            Self::Sparse => return sparse(inputs, outputs, random),
        };
        let limit = (3.0 * variance).sqrt() as f32;
        (0..inputs * outputs).map(|_| random.uniform(-limit, limit)).collect()
    }
}

/// The parameters that a training starts from; the same for the same seed.
pub fn initial_parameters(network: &Network, initialization: Initialization, seed: u64) -> Parameters {
    let built = Parameters::build(network, |place, shape| {
        Ok::<_, Infallible>(match shape.kind {
            ParameterKind::Bias | ParameterKind::RunningMean => vec![0.0; shape.columns],
            ParameterKind::Scale | ParameterKind::RunningVariance => vec![1.0; shape.columns],
            ParameterKind::Weight => {
                let mut random = Sequence::new(seed, Stream::Weights, 0, place as u32);
                initialization.weight(shape.rows, shape.columns, &mut random)
            }
        })
    });
    match built {
        Ok(parameters) => parameters.tied(network),
    }
}

/// The same by [`Initialization::Glorot`].
pub fn glorot_uniform(network: &Network, seed: u64) -> Parameters {
    initial_parameters(network, Initialization::Glorot, seed)
}

/// The orthogonal factor of a matrix of normal numbers. Its columns get the signs that make it uniform over all such matrices (Mezzadri
/// 2007).
fn orthogonal(inputs: usize, outputs: usize, random: &mut Sequence) -> Vec<f32> {
    let (long, short) = (inputs.max(outputs), inputs.min(outputs));
    let (q, r) = DMatrix::from_fn(long, short, |_, _| normal(random)).qr().unpack();
    let signed = DMatrix::from_fn(long, short, |i, j| if r[(j, j)] < 0.0 { -q[(i, j)] } else { q[(i, j)] });
    let weight = if inputs >= outputs { signed } else { signed.transpose() };
    (0..inputs * outputs).map(|place| weight[(place / outputs, place % outputs)] as f32).collect()
}

/// A weight [inputs, outputs] whose columns have [`SPARSE_WEIGHTS`] normal numbers each, and zeros.
fn sparse(inputs: usize, outputs: usize, random: &mut Sequence) -> Vec<f32> {
    let mut weight = vec![0.0; inputs * outputs];
    // In any order: the first few places of each shuffle are drawn from all, whatever the shuffle before has left.
    let mut order: Vec<usize> = (0..inputs).collect();
    for output in 0..outputs {
        for place in 0..SPARSE_WEIGHTS.min(inputs) {
            let left = (inputs - place) as u64;
            order.swap(place, place + ((u64::from(random.word()) * left) >> 32) as usize);
            weight[order[place] * outputs + output] = normal(random) as f32;
        }
    }
    weight
}

/// A number of mean 0 and variance 1 (Box & Muller 1958).
fn normal(random: &mut Sequence) -> f64 {
    let [a, b] = [(); 2].map(|()| (f64::from(random.word()) + 0.5) / (f64::from(u32::MAX) + 1.0));
    (-2.0 * a.ln()).sqrt() * (TAU * b).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Layer, ParameterTensor};
    use crate::reference::Activation;

    /// Weights 60 × 40 and 40 × 60.
    fn network() -> Network {
        let code = Layer::new(40, Activation::Relu);
        Network::autoencoder(60, &[code], &[], Activation::Sigmoid)
    }

    #[test]
    fn weights_fill_their_range_and_biases_are_zero() {
        for (initialization, limit) in [
            (Initialization::Glorot, 6.0 / 100.0),
            (Initialization::He, 6.0 / 60.0),
            (Initialization::Lecun, 3.0 / 60.0),
        ] {
            let limit = f32::sqrt(limit);
            let parameters = initial_parameters(&network(), initialization, 3);
            let [weight, bias, ..] = parameters.tensors() else { unreachable!() };
            assert!(weight.values.iter().all(|w| w.abs() <= limit), "{initialization:?}");
            assert!(weight.values.iter().any(|w| *w > 0.9 * limit) && weight.values.iter().any(|w| *w < -0.9 * limit));
            let mean = weight.values.iter().sum::<f32>() / 2400.0;
            assert!(mean.abs() < 0.03, "{mean}");
            assert!(bias.values.iter().all(|b| *b == 0.0));
        }
    }

    #[test]
    fn orthogonal_weights_are_orthogonal_whichever_side_is_longer() {
        let parameters = initial_parameters(&network(), Initialization::Orthogonal, 3);
        let matrix =
            |tensor: &ParameterTensor| DMatrix::from_row_slice(tensor.shape[0], tensor.shape[1], &tensor.values);
        let [encoder, _, decoder, _] = parameters.tensors() else { unreachable!() };
        let (encoder, decoder) = (matrix(encoder), matrix(decoder));
        for product in [encoder.transpose() * &encoder, &decoder * decoder.transpose()] {
            let difference = (product - DMatrix::identity(40, 40)).abs().max();
            assert!(difference < 1e-5, "{difference}");
        }
        assert!(encoder.mean().abs() < 0.01, "{}", encoder.mean());
    }

    #[test]
    fn a_sparse_weight_has_fifteen_normal_numbers_for_each_unit_wherever() {
        let code = Layer::new(2000, Activation::Sigmoid);
        let parameters = initial_parameters(
            &Network::autoencoder(40, &[code, Layer { units: 10, ..code }], &[], Activation::Sigmoid),
            Initialization::Sparse,
            5,
        );
        let [weight, _, deeper, bias, decoder, _] = parameters.tensors() else { unreachable!() };
        let used = |tensor: &ParameterTensor, unit: usize| -> Vec<usize> {
            let [inputs, outputs] = tensor.shape[..] else { unreachable!() };
            (0..inputs).filter(|input| tensor.values[input * outputs + unit] != 0.0).collect()
        };
        let places: Vec<Vec<usize>> = (0..2000).map(|unit| used(weight, unit)).collect();
        assert!(places.iter().all(|places| places.len() == 15) && places[0] != places[1]);
        assert!((0..10).all(|unit| used(deeper, unit).len() == 15) && bias.values.iter().all(|b| *b == 0.0));
        // Layers with fewer inputs have all of them.
        assert!((0..40).all(|unit| used(decoder, unit).len() == 10));
        // Each input is taken by 15 in 40 units, 750 of them; the standard deviation is 22.
        for input in 0..40 {
            let taken = places.iter().filter(|places| places.contains(&input)).count();
            assert!((640..860).contains(&taken), "{input}: {taken}");
        }
        let numbers: Vec<f64> = weight.values.iter().filter(|w| **w != 0.0).map(|&w| f64::from(w)).collect();
        let moment = |power: i32| numbers.iter().map(|number| number.powi(power)).sum::<f64>() / numbers.len() as f64;
        assert!(moment(1).abs() < 0.03 && (moment(2) - 1.0).abs() < 0.05 && (moment(4) - 3.0).abs() < 0.3);
    }

    #[test]
    fn another_seed_gives_other_weights_and_the_same_seed_the_same() {
        for initialization in Initialization::ALL {
            let start = |seed| initial_parameters(&network(), initialization, seed);
            assert_eq!(start(3), start(3));
            assert_ne!(start(3), start(4));
        }
    }
}
