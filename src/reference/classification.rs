//! What a classifier is trained for, and a step of its training, in f64.

use super::layer::{DenseLayer, LayerGradient, LayerMoments};
use super::training::{BatchPlace, OfCode, backward, forward, observe};
use super::{Matrix, Optimizer};

/// The share of each class, exp(zᵢ) / Σ exp(zⱼ), with the largest logit subtracted first so that nothing overflows.
pub fn softmax(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shares: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f64 = shares.iter().sum();
    shares.into_iter().map(|share| share / sum).collect()
}

/// −ln of the share that [`softmax`] gives the class `label`, in nats, and its derivative with respect to each logit: the share less 1 for
/// that class, the share for others (Bishop 2006, equations 4.108 and 4.109).
pub fn softmax_cross_entropy(logits: &[f64], label: usize) -> (f64, Vec<f64>) {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    let mut gradient = softmax(logits);
    gradient[label] -= 1.0;
    (sum.ln() - (logits[label] - largest), gradient)
}

/// The mean of the losses of a batch's samples, each times the weight of its class, and the gradient of each layer from the one at
/// `frozen` on. At a place in a training outputs of these layers are dropped, and batch normalization goes by the batch.
pub fn loss_and_gradients(
    layers: &[DenseLayer],
    frozen: usize,
    batch: &Matrix,
    labels: &[u32],
    class_weights: &[f64],
    place: Option<BatchPlace>,
) -> (f64, Vec<LayerGradient>) {
    let passes = forward(&layers[frozen..], &given(&layers[..frozen], batch), place);
    let Some(last) = passes.last() else { return (0.0, Vec::new()) };
    let (mut value, mut elements) = (0.0, Vec::new());
    for (logits, &label) in last.logits.elements.chunks(last.logits.columns).zip(labels) {
        let weight = class_weights[label as usize] / batch.rows as f64;
        let (loss, gradient) = softmax_cross_entropy(logits, label as usize);
        value += weight * loss;
        elements.extend(gradient.into_iter().map(|g| weight * g));
    }
    let gradient = Matrix::new(last.logits.rows, last.logits.columns, elements);
    (value, backward(&layers[frozen..], &passes, gradient, OfCode::NONE, place))
}

/// What layers that stay as they are give of a batch, each of its rows for itself.
fn given(frozen: &[DenseLayer], batch: &Matrix) -> Matrix {
    let passes = forward(frozen, batch, None);
    passes.last().map_or_else(|| batch.clone(), |pass| pass.output.clone())
}

/// A classifier in training: layers the last of which gives logits, those before the one at `frozen` staying as they are.
#[derive(Clone, Debug)]
pub struct Trainer {
    /// All of them, as trained so far.
    pub layers: Vec<DenseLayer>,
    /// How many layers, from the first on, stay as they are.
    pub frozen: usize,
    /// `[classes]`: what the loss of a sample counts by its class.
    pub class_weights: Vec<f64>,
    /// How the others are updated.
    pub optimizer: Optimizer,
    /// Of each trained layer.
    moments: Vec<LayerMoments>,
    step: u64,
}

impl Trainer {
    /// A training that has not begun: moments are zero.
    pub fn new(layers: Vec<DenseLayer>, frozen: usize, class_weights: Vec<f64>, optimizer: Optimizer) -> Self {
        let moments = layers.iter().skip(frozen).map(LayerMoments::zeros).collect();
        Self { layers, frozen, class_weights, optimizer, moments, step: 0 }
    }

    /// Trains on a batch and its labels, at a place in the training and a learning rate; returns the loss before the update.
    pub fn step(&mut self, batch: &Matrix, labels: &[u32], place: BatchPlace, learning_rate: f64) -> f64 {
        let (value, gradients) =
            loss_and_gradients(&self.layers, self.frozen, batch, labels, &self.class_weights, Some(place));
        let (frozen, trained) = self.layers.split_at_mut(self.frozen);
        observe(trained, &given(frozen, batch), place);
        self.step += 1;
        let trained = self.layers.iter_mut().skip(self.frozen);
        for ((layer, gradient), moments) in trained.zip(&gradients).zip(&mut self.moments) {
            moments.update(self.optimizer, self.step, learning_rate, layer, gradient);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Activation;
    use crate::reference::philox::{Sequence, Stream};
    use proptest::prelude::*;

    #[test]
    fn gradients_of_layers_agree_with_central_differences() {
        let mut random = Sequence::new(11, Stream::Weights, 0, 0);
        let mut layer = |inputs, outputs, activation| {
            let weight = Matrix::from_fn(inputs, outputs, |_, _| f64::from(random.uniform(-0.8, 0.8)));
            let bias = (0..outputs).map(|_| f64::from(random.uniform(-0.3, 0.3))).collect();
            DenseLayer::new(weight, bias, activation)
        };
        let mut layers =
            vec![layer(5, 4, Activation::Tanh), layer(4, 4, Activation::Silu), layer(4, 3, Activation::Identity)];
        let batch = Matrix::from_fn(6, 5, |_, _| f64::from(random.uniform(0.0, 1.0)));
        let (labels, weights) = ([0, 2, 1, 1, 2, 2], [0.5, 2.0, 1.0]);
        let place = Some(BatchPlace { seed: 4, epoch: 2, first_position: 6 });
        let cases = (0..3).flat_map(|frozen| [(frozen, 0.0, false), (frozen, 0.4, false), (frozen, 0.4, true)]);
        for (frozen, dropout, is_residual) in cases {
            layers.iter_mut().for_each(|layer| layer.dropout = dropout);
            layers[1].is_residual = is_residual;
            let (_, gradients) = loss_and_gradients(&layers, frozen, &batch, &labels, &weights, place);
            assert_eq!(gradients.len(), 3 - frozen);
            for (index, gradient) in (frozen..).zip(&gradients) {
                let of_bias = gradient.weight.elements.len();
                for (element, computed) in gradient.weight.elements.iter().chain(&gradient.bias).enumerate() {
                    let shifted = |by: f64| {
                        let mut layers = layers.clone();
                        match element.checked_sub(of_bias) {
                            None => layers[index].weight.elements[element] += by,
                            Some(element) => layers[index].bias[element] += by,
                        }
                        loss_and_gradients(&layers, frozen, &batch, &labels, &weights, place).0
                    };
                    let difference = (shifted(1e-6) - shifted(-1e-6)) / 2e-6;
                    assert!((difference - computed).abs() < 1e-8, "layer {index}: {difference}, not {computed}");
                }
            }
        }
    }

    #[test]
    fn huge_logits_neither_overflow_nor_underflow() {
        let (loss, gradient) = softmax_cross_entropy(&[1000.0, 0.0, -1000.0], 1);
        assert_eq!((loss, gradient), (1000.0, vec![1.0, -1.0, 0.0]));
        let (loss, _) = softmax_cross_entropy(&[0.0; 4], 2);
        assert!((loss - 4f64.ln()).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn the_gradient_agrees_with_central_differences(
            (logits, label) in prop::collection::vec(-20f64..20.0, 1..9).prop_flat_map(|logits| { let n = logits.len(); (Just(logits), 0..n) }),
        ) {
            let (_, gradient) = softmax_cross_entropy(&logits, label);
            for class in 0..logits.len() {
                let shifted = |by: f64| {
                    let mut logits = logits.clone();
                    logits[class] += by;
                    softmax_cross_entropy(&logits, label).0
                };
                let difference = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
                prop_assert!((difference - gradient[class]).abs() < 1e-8, "{difference}, not {}", gradient[class]);
            }
        }
    }
}
