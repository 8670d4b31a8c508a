//! What is to be computed, as graphs: a training step, an evaluation, a reconstruction, a decoding, a scatter matrix.

mod bound;
mod choice;
pub mod classification;
mod code;
mod decoding;
mod normalization;
mod residual;
mod training;
mod update;

pub use bound::{Bound, negative_bound};
pub use choice::{Choice, Labels};
pub use decoding::{Decoding, decoding};
pub use training::{StepSettings, Training, Watched, training, training_behind};

use super::{DrawGradients, Graph, Operation, TensorId};
use crate::data::ImageShape;
use crate::kernels::gather::{Order, words_per_sample};
use crate::model::{Dense, Network};
use crate::reference::{Activation, Augmentation, Corruption};
use code::OfCode;
use update::LayerGradient;

/// Samples that are on the GPU as bytes: all of a data set, or those of a submission.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'a> {
    /// The name of their tensor, [count, words of a sample].
    pub name: &'a str,
    /// How many they are.
    pub count: usize,
    /// Of each.
    pub shape: ImageShape,
}

impl Samples<'_> {
    /// Values of a sample.
    pub fn pixels(&self) -> usize {
        self.shape.pixels()
    }
}

/// One batch of an evaluation, and what it leaves for the host.
pub struct Evaluation {
    /// The operations and their tensors.
    pub graph: Graph,
    /// [samples, 2]: cross-entropy and squared error of each sample, summed over its pixels.
    pub metrics: TensorId,
}

/// One batch of reconstructions, and what it leaves for the host.
pub struct Reconstruction {
    /// The operations and their tensors.
    pub graph: Graph,
    /// [batch_size, pixels]: the samples as the network sees them.
    pub originals: TensorId,
    /// [batch_size, pixels]: the samples as the network gives them back.
    pub reconstructions: TensorId,
}

/// The scatter matrix of one batch.
pub struct Scatter {
    /// The operations and their tensors.
    pub graph: Graph,
    /// [pixels, pixels]: the sum over the batch of xᵢ·xⱼ.
    pub scatter: TensorId,
}

/// Samples as they are stored, with noise if there is a corruption, forward, and the errors of each against what it was without.
pub fn evaluation(network: &Network, samples: Samples<'_>, corruption: Corruption, batch_size: usize) -> Evaluation {
    let mut graph = Graph::default();
    let scope = Scope { name: format!("evaluation of {}", samples.name), batch_size };
    let (targets, input) = scope.gather_corrupted(&mut graph, samples, Order::Stored, corruption);
    let activations = scope.forward(&mut graph, network, input, Activation::Identity, Mode::INFERENCE);
    let logits = activations.last().copied().unwrap_or(input);
    let metrics = graph.tensor(format!("metrics of {}", samples.name), samples.count, 2);
    let output_activation = network.output_activation();
    graph.push(Operation::Metrics { output_activation, logits, targets, metrics });
    Evaluation { graph, metrics }
}

/// Samples as they are stored, augmented if they are to be, with noise if there is a corruption, forward to the last activation.
pub fn reconstruction(
    network: &Network,
    samples: Samples<'_>,
    augmentation: Option<Augmentation>,
    corruption: Corruption,
    batch_size: usize,
) -> Reconstruction {
    let mut graph = Graph::default();
    let scope = Scope { name: format!("reconstruction of {}", samples.name), batch_size };
    let (originals, input) = scope.gather_altered(&mut graph, samples, Order::Stored, augmentation, corruption);
    let activations = scope.forward(&mut graph, network, input, network.output_activation(), Mode::INFERENCE);
    let reconstructions = activations.last().copied().unwrap_or(input);
    Reconstruction { graph, originals, reconstructions }
}

/// Samples as they are stored, each value with each other.
pub fn scatter(samples: Samples<'_>, batch_size: usize) -> Scatter {
    let mut graph = Graph::default();
    let scope = Scope { name: format!("scatter of {}", samples.name), batch_size };
    let batch = scope.gather(&mut graph, samples, Order::Stored);
    let scatter = graph.tensor(format!("scatter of {}", samples.name), samples.pixels(), samples.pixels());
    graph.push(Operation::Scatter { batch, scatter });
    Scatter { graph, scatter }
}

/// In what a pass through a network differs from one that only uses it.
#[derive(Clone, Copy)]
struct Mode {
    /// Variational codes are drawn; they are the means otherwise.
    draws: bool,
    /// Outputs of layers are dropped, and batch normalization goes by the batch, whose statistics the running ones take their share of. All
    /// outputs stay otherwise, and batch normalization goes by the running statistics, so that each image stands for itself.
    trains: bool,
}

impl Mode {
    const INFERENCE: Self = Self { draws: false, trains: false };
    const DRAWING: Self = Self { draws: true, trains: false };
    const TRAINING: Self = Self { draws: true, trains: true };
}

/// The part of a graph whose tensors have a row for each sample of a batch.
struct Scope {
    name: String,
    batch_size: usize,
}

impl Scope {
    fn tensor(&self, graph: &mut Graph, name: &str, columns: usize) -> TensorId {
        graph.tensor(format!("{}: {name}", self.name), self.batch_size, columns)
    }

    /// What a layer gives.
    fn output(&self, graph: &mut Graph, layer: &Dense) -> TensorId {
        self.tensor(graph, &format!("{}.output", layer.name), layer.outputs)
    }

    /// The gradient of what a layer's activation takes.
    fn gradient(&self, graph: &mut Graph, layer: &Dense) -> TensorId {
        self.tensor(graph, &format!("{}.gradient", layer.name), layer.outputs)
    }

    fn gather(&self, graph: &mut Graph, samples: Samples<'_>, order: Order) -> TensorId {
        self.gather_corrupted(graph, samples, order, Corruption::NONE).0
    }

    /// The samples as they are, and as the network sees them.
    fn gather_corrupted(
        &self,
        graph: &mut Graph,
        samples: Samples<'_>,
        order: Order,
        corruption: Corruption,
    ) -> (TensorId, TensorId) {
        let stored = graph.tensor(samples.name, samples.count, words_per_sample(samples.pixels()));
        let batch = self.tensor(graph, "batch", samples.pixels());
        let corrupted = (!corruption.is_none()).then(|| self.tensor(graph, "corrupted batch", samples.pixels()));
        graph.push(Operation::Gather { samples: stored, batch, order, corruption, corrupted });
        (batch, corrupted.unwrap_or(batch))
    }

    /// The samples as they are to be given back, and as the network sees them.
    fn gather_altered(
        &self,
        graph: &mut Graph,
        samples: Samples<'_>,
        order: Order,
        augmentation: Option<Augmentation>,
        corruption: Corruption,
    ) -> (TensorId, TensorId) {
        if augmentation.is_none() {
            return self.gather_corrupted(graph, samples, order, corruption);
        }
        let batch = self.gather(graph, samples, order);
        let targets = self.augmented(graph, batch, samples.shape, augmentation);
        (targets, self.corrupted(graph, targets, corruption))
    }

    /// A batch of images, changed if they are to be.
    fn augmented(
        &self,
        graph: &mut Graph,
        batch: TensorId,
        shape: ImageShape,
        augmentation: Option<Augmentation>,
    ) -> TensorId {
        let Some(augmentation) = augmentation else { return batch };
        let augmented = self.tensor(graph, "augmented batch", shape.pixels());
        graph.push(Operation::Augment { batch, augmentation, shape, augmented });
        augmented
    }

    /// A batch with noise, if there is a corruption.
    fn corrupted(&self, graph: &mut Graph, batch: TensorId, corruption: Corruption) -> TensorId {
        if corruption.is_none() {
            return batch;
        }
        let columns = graph.shape(batch).columns;
        let corrupted = self.tensor(graph, "batch with noise", columns);
        graph.push(Operation::Corrupt { batch, corruption, corrupted });
        corrupted
    }

    /// The same of the samples that are chosen for each row, [batch_size, 1].
    fn gather_chosen(
        &self,
        graph: &mut Graph,
        samples: Samples<'_>,
        chosen: TensorId,
        corruption: Corruption,
    ) -> (TensorId, TensorId) {
        let stored = graph.tensor(samples.name, samples.count, words_per_sample(samples.pixels()));
        let batch = self.tensor(graph, "batch", samples.pixels());
        let corrupted = (!corruption.is_none()).then(|| self.tensor(graph, "corrupted batch", samples.pixels()));
        graph.push(Operation::GatherChosen { samples: stored, chosen, batch, corruption, corrupted });
        (batch, corrupted.unwrap_or(batch))
    }

    /// What each layer hands on, which is drawn from a variational code's distribution or its means; the last one gets `last_activation` in
    /// the place of its own, and all that it gives stays.
    fn forward(
        &self,
        graph: &mut Graph,
        network: &Network,
        batch: TensorId,
        last_activation: Activation,
        mode: Mode,
    ) -> Vec<TensorId> {
        let mut outputs = Vec::new();
        let mut input = batch;
        for (index, layer) in network.layers().iter().enumerate() {
            let is_last = index + 1 == network.layers().len();
            let activation = if is_last { last_activation } else { layer.activation };
            let (mut output, derivative) = self.layer(graph, layer, input, activation, mode.trains);
            if let Some(active) = layer.active {
                let (values, masks) = (output, derivative.is_none());
                let derivative = self.gradient(graph, layer);
                graph.push(Operation::KeepLargest { values, derivative, active, masks });
            }
            if mode.trains && layer.dropout > 0.0 && !is_last {
                let (values, share, masks) = (output, layer.dropout, derivative.is_none() && layer.active.is_none());
                let derivative = self.gradient(graph, layer);
                graph.push(Operation::Dropout { values, derivative, layer: index, share, masks });
            }
            self.add_shortcut(graph, layer, input, output);
            if layer.is_variational {
                let draws = mode.draws;
                let (distribution, code) = (output, self.tensor(graph, "drawn code", layer.hands_on()));
                graph.push(Operation::DrawCode { distribution, code, draws });
                output = code;
            }
            outputs.push(output);
            input = output;
        }
        outputs
    }

    /// From the gradient of the logits back to the first layer, the last one's gradient first. What is asked of the code adds its own.
    fn backward(
        &self,
        graph: &mut Graph,
        network: &Network,
        batch: TensorId,
        activations: &[TensorId],
        logits_gradient: TensorId,
        of_code: OfCode,
    ) -> Vec<LayerGradient> {
        let mut gradients = Vec::new();
        // Of what a layer's activation takes, and of what it hands on, which are one tensor where they need not be two.
        let (mut gradient, mut of_output) = (logits_gradient, logits_gradient);
        for (index, layer) in network.layers().iter().enumerate().rev() {
            let input = if index == 0 { batch } else { activations[index - 1] };
            let weight_factors = of_code.penalty.filter(|it| it.layer == index).and_then(|it| it.weight_factors);
            let of_product = self.product_gradient(graph, layer, gradient);
            gradients.push(LayerGradient { index, input, gradient, of_product, weight_factors });
            if index > 0 {
                let before = &network.layers()[index - 1];
                let (weight, _) = parameters(graph, layer);
                let of_logits = self.gradient(graph, before);
                let is_apart = self.is_gradient_apart(before, layer);
                let has_derivative = self.has_derivative(before) && !is_apart;
                let divergence = of_code.divergence.filter(|_| before.is_variational);
                let input_gradient = match divergence {
                    Some(_) => self.tensor(graph, "drawn code gradient", before.hands_on()),
                    None if is_apart => self.tensor(graph, &format!("{}.output_gradient", before.name), before.outputs),
                    None => of_logits,
                };
                graph.push(Operation::InputGradient { gradient: of_product, weight, has_derivative, input_gradient });
                self.add_shortcut(graph, layer, of_output, input_gradient);
                if is_apart {
                    graph.push(Operation::Multiply { factors: input_gradient, product: of_logits });
                }
                if let Some(divergence) = divergence {
                    let distribution = self.output(graph, before);
                    let gradients = DrawGradients { code: input_gradient, distribution: of_logits };
                    graph.push(divergence.of(distribution, Some(gradients)));
                }
                if let Some(penalty) = of_code.penalty.filter(|penalty| penalty.layer + 1 == index) {
                    let (matrix, sum) = (penalty.gradient, of_logits);
                    graph.push(Operation::Accumulate { matrix, factors: None, sum });
                }
                (gradient, of_output) = (of_logits, input_gradient);
            }
        }
        gradients
    }
}

/// A layer's weight and bias, under the names that the model file has for them.
fn parameters(graph: &mut Graph, layer: &Dense) -> (TensorId, TensorId) {
    let weight = graph.tensor(format!("{}.weight", layer.name), layer.inputs, layer.outputs);
    let bias = graph.tensor(format!("{}.bias", layer.name), 1, layer.outputs);
    (weight, bias)
}

/// A tensor that goes with a parameter: of the same shape, its name led by the parameter's.
fn beside(graph: &mut Graph, parameter: TensorId, name: &str) -> TensorId {
    let shape = graph.shape(parameter).clone();
    graph.tensor(format!("{}.{name}", shape.name), shape.rows, shape.columns)
}

#[cfg(test)]
mod tests {
    use super::training::tests::{SAMPLES, SETTINGS, network};
    use super::*;

    #[test]
    fn evaluation_and_training_share_parameters_and_nothing_that_is_written() {
        let training = training(&network(), SAMPLES, &SETTINGS, None).graph;
        let evaluation = evaluation(&network(), Samples { name: "test", ..SAMPLES }, Corruption::NONE, 256).graph;
        let shared: Vec<&str> = evaluation
            .tensors()
            .iter()
            .filter(|tensor| training.tensors().contains(tensor))
            .map(|tensor| tensor.name.as_str())
            .collect();
        assert_eq!(shared.len(), 8);
        assert!(shared.iter().all(|name| name.ends_with(".weight") || name.ends_with(".bias")), "{shared:?}");
    }
}
