//! How parameters start.

use super::{Network, Parameters};
use crate::reference::philox::{Sequence, Stream};
use std::convert::Infallible;

/// Weights uniform over ±√(6 / (inputs + outputs)), biases zero (Glorot & Bengio 2010, equation 16).
pub fn glorot_uniform(network: &Network, seed: u64) -> Parameters {
    let built = Parameters::build(network, |place, shape| {
        let count = shape.rows * shape.columns;
        if shape.is_bias {
            return Ok::<_, Infallible>(vec![0.0; count]);
        }
        let limit = (6.0 / (shape.rows + shape.columns) as f64).sqrt() as f32;
        let mut random = Sequence::new(seed, Stream::Weights, 0, place as u32);
        Ok((0..count).map(|_| random.uniform(-limit, limit)).collect())
    });
    match built {
        Ok(parameters) => parameters,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Layer;
    use crate::reference::Activation;

    #[test]
    fn weights_fill_their_range_and_biases_are_zero() {
        let code = Layer { units: 40, activation: Activation::Relu };
        let network = Network::autoencoder(60, &[code], &[], Activation::Sigmoid);
        let parameters = glorot_uniform(&network, 3);
        let limit = (6.0f32 / 100.0).sqrt();
        let [weight, bias, ..] = parameters.tensors() else { unreachable!() };
        assert!(weight.values.iter().all(|w| w.abs() <= limit));
        assert!(weight.values.iter().any(|w| *w > 0.9 * limit) && weight.values.iter().any(|w| *w < -0.9 * limit));
        let mean = weight.values.iter().sum::<f32>() / 2400.0;
        assert!(mean.abs() < 0.02, "{mean}");
        assert!(bias.values.iter().all(|b| *b == 0.0));
        assert_ne!(parameters, glorot_uniform(&network, 4));
    }
}
