//! A whole training step of a stack of dense layers: forward, loss, backpropagation and the optimizer.

use super::clipping::{clip_scale, global_norm};
use super::{Activation, Loss, Matrix, Optimizer};

/// A dense layer: activation(input · weight + bias).
#[derive(Clone, Debug)]
pub struct DenseLayer {
    /// [inputs, outputs]
    pub weight: Matrix,
    /// `[outputs]`
    pub bias: Vec<f64>,
    pub activation: Activation,
}

/// The derivative of the loss with respect to one layer's parameters.
#[derive(Clone, Debug)]
pub struct LayerGradient {
    pub weight: Matrix,
    pub bias: Vec<f64>,
}

/// A network in training, with the moments of each parameter.
#[derive(Clone, Debug)]
pub struct Trainer {
    pub layers: Vec<DenseLayer>,
    pub loss: Loss,
    pub optimizer: Optimizer,
    /// For each layer: first moments of weight and bias, second moments of weight and bias.
    moments: Vec<[Vec<f64>; 4]>,
    step: u64,
}

impl DenseLayer {
    /// input · weight + bias, before the activation. `input` is [rows, inputs].
    pub fn logits(&self, input: &Matrix) -> Matrix {
        let product = input.times(&self.weight);
        Matrix::from_fn(product.rows, product.columns, |row, column| product.at(row, column) + self.bias[column])
    }
}

/// What a layer takes for a batch [rows, inputs], and what it gives before its activation.
#[derive(Clone, Debug)]
pub struct Pass {
    pub input: Matrix,
    /// [rows, outputs]
    pub logits: Matrix,
}

/// The way of a batch [rows, inputs] through each layer.
pub fn forward(layers: &[DenseLayer], batch: &Matrix) -> Vec<Pass> {
    let mut passes: Vec<Pass> = Vec::new();
    let mut input = batch.clone();
    for layer in layers {
        let logits = layer.logits(&input);
        let output = logits.map(|x| layer.activation.apply(x));
        passes.push(Pass { input, logits });
        input = output;
    }
    passes
}

/// The loss of a batch against `targets` and its gradient for every layer. Without layers both are nothing.
pub fn loss_and_gradients(
    layers: &[DenseLayer],
    loss: Loss,
    batch: &Matrix,
    targets: &Matrix,
) -> (f64, Vec<LayerGradient>) {
    let passes = forward(layers, batch);
    let (Some(layer), Some(Pass { logits, .. })) = (layers.last(), passes.last()) else { return (0.0, Vec::new()) };
    let output = layer.activation;
    let count = logits.elements.len() as f64;
    let value = logits.zip(targets, |z, t| loss.value(output, z, t)).elements.iter().sum::<f64>() / count;
    let mut gradient = logits.zip(targets, |z, t| loss.gradient(output, z, t) / count);
    let mut gradients = Vec::new();
    for (index, (layer, pass)) in layers.iter().zip(&passes).enumerate().rev() {
        let weight = pass.input.transposed().times(&gradient);
        gradients.push(LayerGradient { weight, bias: gradient.column_sums() });
        if index > 0 {
            let activation = layers[index - 1].activation;
            let behind = gradient.times(&layer.weight.transposed());
            gradient = behind.zip(&passes[index - 1].logits, |g, z| g * activation.derivative(z));
        }
    }
    gradients.reverse();
    (value, gradients)
}

/// Makes the gradients, all together, no longer than `most`.
fn clip(gradients: &mut [LayerGradient], most: f64) {
    let elements = gradients.iter().flat_map(|layer| layer.weight.elements.iter().chain(&layer.bias));
    let scale = clip_scale(global_norm(elements), most);
    for g in gradients.iter_mut().flat_map(|layer| layer.weight.elements.iter_mut().chain(&mut layer.bias)) {
        *g *= scale;
    }
}

impl Trainer {
    pub fn new(layers: Vec<DenseLayer>, loss: Loss, optimizer: Optimizer) -> Self {
        let zeros = |layer: &DenseLayer| {
            let (weight, bias) = (layer.weight.elements.len(), layer.bias.len());
            [vec![0.0; weight], vec![0.0; bias], vec![0.0; weight], vec![0.0; bias]]
        };
        let moments = layers.iter().map(zeros).collect();
        Self { layers, loss, optimizer, moments, step: 0 }
    }

    /// Trains on a batch and its targets, at a learning rate; returns the loss before the update.
    pub fn step(&mut self, batch: &Matrix, targets: &Matrix, learning_rate: f64) -> f64 {
        let (value, mut gradients) = loss_and_gradients(&self.layers, self.loss, batch, targets);
        if self.optimizer.clips() {
            clip(&mut gradients, self.optimizer.max_gradient_norm);
        }
        self.step += 1;
        for ((layer, gradient), moments) in self.layers.iter_mut().zip(&gradients).zip(&mut self.moments) {
            let [weight_m, bias_m, weight_v, bias_v] = moments;
            let (step, values) = (self.step, &mut layer.weight.elements);
            self.optimizer.update(step, learning_rate, values, &gradient.weight.elements, weight_m, weight_v);
            let of_biases = self.optimizer.of_biases();
            of_biases.update(step, learning_rate, &mut layer.bias, &gradient.bias, bias_m, bias_v);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Algorithm;
    use crate::reference::philox::{Sequence, Stream};

    fn network(activation: Activation, output: Activation) -> Vec<DenseLayer> {
        let mut random = Sequence::new(11, Stream::Weights, 0, 0);
        let mut layer = |inputs, outputs, activation| DenseLayer {
            weight: Matrix::from_fn(inputs, outputs, |_, _| f64::from(random.uniform(-0.8, 0.8))),
            bias: (0..outputs).map(|_| f64::from(random.uniform(-0.3, 0.3))).collect(),
            activation,
        };
        vec![layer(5, 4, activation), layer(4, 3, activation), layer(3, 5, output)]
    }

    /// Central differences: relative 1e-3 and absolute 1e-5 would do; in f64 far less is reached.
    #[test]
    fn gradients_agree_with_central_differences_for_every_activation_and_loss() {
        let mut random = Sequence::new(5, Stream::Weights, 0, 0);
        let batch = Matrix::from_fn(4, 5, |_, _| f64::from(random.uniform(0.0, 1.0)));
        for loss in Loss::ALL {
            for (activation, &output) in Activation::ALL.iter().flat_map(|a| loss.outputs().iter().map(move |o| (a, o)))
            {
                let layers = network(*activation, output);
                let (_, gradients) = loss_and_gradients(&layers, loss, &batch, &batch);
                for (index, gradient) in gradients.iter().enumerate() {
                    for element in 0..gradient.weight.elements.len() {
                        let shifted = |by: f64| {
                            let mut layers = layers.clone();
                            layers[index].weight.elements[element] += by;
                            loss_and_gradients(&layers, loss, &batch, &batch).0
                        };
                        let difference = (shifted(1e-6) - shifted(-1e-6)) / 2e-6;
                        let error = (difference - gradient.weight.elements[element]).abs();
                        assert!(error < 1e-8, "{loss:?} {activation:?} {output:?} layer {index}: {error}");
                    }
                    for element in 0..gradient.bias.len() {
                        let shifted = |by: f64| {
                            let mut layers = layers.clone();
                            layers[index].bias[element] += by;
                            loss_and_gradients(&layers, loss, &batch, &batch).0
                        };
                        let difference = (shifted(1e-6) - shifted(-1e-6)) / 2e-6;
                        assert!((difference - gradient.bias[element]).abs() < 1e-8);
                    }
                }
            }
        }
    }

    #[test]
    fn training_makes_the_loss_smaller() {
        let mut random = Sequence::new(6, Stream::Weights, 0, 0);
        let batch = Matrix::from_fn(8, 5, |_, _| f64::from(random.uniform(0.0, 1.0)));
        let adam = Optimizer::new(Algorithm::Adam, 0.01);
        let layers = network(Activation::Tanh, Activation::Sigmoid);
        let mut trainer = Trainer::new(layers, Loss::MeanSquaredError, adam);
        let first = trainer.step(&batch, &batch, 0.01);
        let last = (0..200).map(|_| trainer.step(&batch, &batch, 0.01)).last().unwrap();
        assert!(last < first / 2.0, "{first} {last}");
    }
}
