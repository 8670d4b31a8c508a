//! A whole training step of a stack of dense layers: forward, loss, backpropagation and the optimizer.

use super::clipping::{clip_scale, global_norm};
use super::code::Penalty;
use super::layer::LayerMoments;
pub use super::layer::{DenseLayer, LayerGradient};
use super::{CodeSettings, Loss, Matrix, Normalization, Optimizer, dropout, variational};

/// What training makes small.
#[derive(Clone, Copy, Debug)]
pub struct Objective {
    /// Of the outputs.
    pub loss: Loss,
    /// Of the code.
    pub code: CodeSettings,
    /// The layer that gives the code.
    pub code_layer: usize,
}

impl From<Loss> for Objective {
    /// A loss without anything asked of the code.
    fn from(loss: Loss) -> Self {
        Self { loss, code: CodeSettings::NONE, code_layer: 0 }
    }
}

/// What a batch's outputs are held against.
#[derive(Clone, Copy, Debug)]
pub struct Targets<'a> {
    /// [rows, outputs]
    pub values: &'a Matrix,
    /// `[rows]`: what each row's loss is multiplied by; 1 if there are none.
    pub weights: Option<&'a [f64]>,
}

impl<'a> From<&'a Matrix> for Targets<'a> {
    /// Rows that count alike.
    fn from(values: &'a Matrix) -> Self {
        Self { values, weights: None }
    }
}

impl Targets<'_> {
    /// Each row of a matrix times its weight.
    fn weighted(&self, matrix: &Matrix) -> Matrix {
        let weight = |row: usize| self.weights.map_or(1.0, |weights| weights[row]);
        Matrix::from_fn(matrix.rows, matrix.columns, |row, column| weight(row) * matrix.at(row, column))
    }
}

/// A network in training, with the moments of each parameter.
#[derive(Clone, Debug)]
pub struct Trainer {
    /// As trained so far.
    pub layers: Vec<DenseLayer>,
    /// What is made small.
    pub objective: Objective,
    /// How parameters are updated.
    pub optimizer: Optimizer,
    moments: Vec<LayerMoments>,
    step: u64,
}

/// What a layer takes for a batch [rows, inputs], and what it gives before its activation.
#[derive(Clone, Debug)]
pub struct Pass {
    /// [rows, inputs]
    pub input: Matrix,
    /// [rows, outputs]
    pub logits: Matrix,
    /// What the layer gives is multiplied by [rows, outputs], if something of it is dropped.
    pub mask: Option<Matrix>,
    /// What is handed on.
    pub output: Matrix,
}

impl Pass {
    /// The derivatives of what is left of the layer's outputs where some are dropped, without a shortcut's.
    fn derivatives(&self, layer: &DenseLayer) -> Matrix {
        kept(layer.derivatives(&self.logits), self.mask.as_ref())
    }
}

/// What a mask leaves of a layer's outputs, or of their derivatives, if there is one.
fn kept(outputs: Matrix, mask: Option<&Matrix>) -> Matrix {
    match mask {
        Some(mask) => outputs.zip(mask, |y, factor| y * factor),
        None => outputs,
    }
}

/// Where in a training a batch is: all that a step draws follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchPlace {
    /// Of the training.
    pub seed: u64,
    /// Counted from 0.
    pub epoch: u32,
    /// Of the batch's first image, in the epoch.
    pub first_position: u32,
}

impl BatchPlace {
    /// The noise that draws codes from distributions [rows, 2 · units].
    pub(super) fn noise_of(self, distribution: &Matrix) -> Matrix {
        let Self { seed, epoch, first_position } = self;
        variational::noise(seed, epoch, first_position, distribution.rows, distribution.columns / 2)
    }
}

/// The way of a batch [rows, inputs] through each layer. At a place in a training a variational code is drawn, outputs are dropped, but
/// those of the last layer, and batch normalization goes by the batch; without one the code is the means, all stays, and batch
/// normalization goes by the running statistics.
pub fn forward(layers: &[DenseLayer], batch: &Matrix, place: Option<BatchPlace>) -> Vec<Pass> {
    let mut passes: Vec<Pass> = Vec::new();
    let mut input = batch.clone();
    for (index, layer) in layers.iter().enumerate() {
        let logits = if place.is_some() { layer.logits_in_training(&input) } else { layer.logits(&input) };
        let output = layer.handed_on(&logits, place);
        let place = place.filter(|_| layer.dropout > 0.0 && index + 1 < layers.len());
        let mask = place.map(|place| dropout::mask(place, index, layer.dropout, output.rows, output.columns));
        let output = layer.with_shortcut(kept(output, mask.as_ref()), &input);
        passes.push(Pass { input: std::mem::replace(&mut input, output.clone()), logits, mask, output });
    }
    passes
}

/// The objective of a batch against `targets` and its gradient for every layer, as [`forward`] goes at a place in a training or without
/// one. Without layers both are nothing.
pub fn loss_and_gradients<'a>(
    layers: &[DenseLayer],
    objective: impl Into<Objective>,
    batch: &Matrix,
    targets: impl Into<Targets<'a>>,
    place: Option<BatchPlace>,
) -> (f64, Vec<LayerGradient>) {
    let Objective { loss, code, code_layer } = objective.into();
    let passes = forward(layers, batch, place);
    let (Some(layer), Some(Pass { logits, .. })) = (layers.last(), passes.last()) else { return (0.0, Vec::new()) };
    let output = layer.activation;
    let count = logits.elements.len() as f64;
    let targets = targets.into();
    let losses = targets.weighted(&logits.zip(targets.values, |z, t| loss.value(output, z, t)));
    let mut value = losses.elements.iter().sum::<f64>() / count;
    let penalized = code.penalizes().then(|| layers.get(code_layer).zip(passes.get(code_layer))).flatten();
    let penalty = penalized.map(|(layer, pass)| code.penalty(layer, &pass.logits));
    value += penalty.iter().flat_map(|penalty| &penalty.of_samples).sum::<f64>() / count;
    let drawn = place.zip(layers.iter().zip(&passes).find(|(layer, _)| layer.is_variational));
    if let Some((_, (_, pass))) = drawn {
        value += code.variational * variational::divergences(&pass.logits).iter().sum::<f64>() / count;
    }
    let gradient = targets.weighted(&logits.zip(targets.values, |z, t| loss.gradient(output, z, t) / count));
    let of_code =
        OfCode { penalty: penalty.as_ref().map(|penalty| (code_layer, penalty)), variational: code.variational, count };
    let mut gradients = backward(layers, &passes, gradient, of_code, place);
    for index in 0..layers.len() {
        if let Some(other) = layers[index].tied {
            let of_tied = std::mem::replace(&mut gradients[index].weight, layers[index].weight.map(|_| 0.0));
            gradients[other].weight = gradients[other].weight.zip(&of_tied.transposed(), |a, b| a + b);
        }
    }
    (value, gradients)
}

/// What is asked of the code and shows on the way back.
#[derive(Clone, Copy)]
pub(super) struct OfCode<'a> {
    /// The layer that gives the code, and its penalty.
    penalty: Option<(usize, &'a Penalty)>,
    /// The weight of a variational code's divergence.
    variational: f64,
    /// What both are divided by.
    count: f64,
}

impl OfCode<'_> {
    pub(super) const NONE: Self = Self { penalty: None, variational: 0.0, count: 1.0 };
}

/// From the gradient of the logits back to the first layer: the gradient of every layer, the first one's first. What is asked of the code adds
/// its own.
pub(super) fn backward(
    layers: &[DenseLayer],
    passes: &[Pass],
    logits_gradient: Matrix,
    of_code: OfCode<'_>,
    place: Option<BatchPlace>,
) -> Vec<LayerGradient> {
    let OfCode { penalty, variational, count } = of_code;
    let mut gradients = Vec::new();
    // Of what a layer's activation takes, and of what it hands on, which no shortcut takes of the last one.
    let (mut gradient, mut of_output) = (logits_gradient.clone(), logits_gradient);
    for (index, (layer, pass)) in layers.iter().zip(passes).enumerate().rev() {
        let penalty = penalty.filter(|&(code_layer, _)| index == code_layer);
        if let Some((_, penalty)) = penalty {
            gradient = gradient.zip(&penalty.of_logits, |g, p| g + p / count);
        }
        let (mut of_layer, of_input) = layer.gradients(&pass.input, &gradient, place.is_some());
        if let Some((_, penalty)) = penalty {
            of_layer.weight = of_layer.weight.zip(&penalty.of_weight, |g, p| g + p / count);
        }
        gradients.push(of_layer);
        if index > 0 {
            let (before, of_before) = (&layers[index - 1], &passes[index - 1]);
            let logits = &of_before.logits;
            of_output = layer.with_shortcut(of_input, &of_output);
            gradient = match place.filter(|_| before.is_variational) {
                Some(place) => variational::gradient(logits, &place.noise_of(logits), &of_output, variational / count),
                None => of_output.zip(&of_before.derivatives(before), |g, d| g * d),
            };
        }
    }
    gradients.reverse();
    gradients
}

/// Has layers with batch normalization take their share of the statistics of a batch at a place in a training.
pub(super) fn observe(layers: &mut [DenseLayer], batch: &Matrix, place: BatchPlace) {
    if layers.iter().any(|layer| layer.normalization == Normalization::Batch) {
        let passes = forward(layers, batch, Some(place));
        layers.iter_mut().zip(&passes).for_each(|(layer, pass)| layer.observe(&pass.input));
    }
}

/// Makes tied weights what they are tied to, transposed.
pub fn tie(layers: &mut [DenseLayer]) {
    for index in 0..layers.len() {
        if let Some(other) = layers[index].tied {
            layers[index].weight = layers[other].weight.transposed();
        }
    }
}

/// Makes the gradients, all together, no longer than `most`.
fn clip(gradients: &mut [LayerGradient], most: f64) {
    let elements = gradients.iter().flat_map(LayerGradient::tensors).flatten();
    let scale = clip_scale(global_norm(elements), most);
    for g in gradients.iter_mut().flat_map(LayerGradient::tensors_mut).flatten() {
        *g *= scale;
    }
}

impl Trainer {
    /// A training that has not begun: moments are zero.
    pub fn new(layers: Vec<DenseLayer>, objective: impl Into<Objective>, optimizer: Optimizer) -> Self {
        let moments = layers.iter().map(LayerMoments::zeros).collect();
        Self { layers, objective: objective.into(), optimizer, moments, step: 0 }
    }

    /// Trains on a batch and its targets, at a learning rate, as [`forward`] goes at a place in a training or without one; returns the loss
    /// before the update.
    pub fn step<'a>(
        &mut self,
        batch: &Matrix,
        targets: impl Into<Targets<'a>>,
        place: Option<BatchPlace>,
        learning_rate: f64,
    ) -> f64 {
        let (value, mut gradients) = loss_and_gradients(&self.layers, self.objective, batch, targets, place);
        if self.optimizer.clips() {
            clip(&mut gradients, self.optimizer.max_gradient_norm);
        }
        if let Some(place) = place {
            observe(&mut self.layers, batch, place);
        }
        self.step += 1;
        for ((layer, gradient), moments) in self.layers.iter_mut().zip(&gradients).zip(&mut self.moments) {
            moments.update(self.optimizer, self.step, learning_rate, layer, gradient);
        }
        tie(&mut self.layers);
        value
    }
}

#[cfg(test)]
mod tests;
