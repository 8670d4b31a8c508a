//! What is to be computed, as graphs: a training step, an evaluation, a reconstruction, a scatter matrix.

pub mod classification;
mod update;

use super::{FusedLayout, Graph, MomentTensors, Operation, TensorId, TensorShape};
use crate::kernels::gather::{Order, words_per_sample};
use crate::kernels::non_finite::FINDINGS;
use crate::kernels::propagate::Work;
use crate::model::{Dense, Network};
use crate::reference::{Activation, Corruption, Loss, Moments};
use update::LayerGradient;

/// Samples that are on the GPU as bytes: all of a data set, or those of a submission.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'a> {
    /// The name of their tensor, [count, words of a sample].
    pub name: &'a str,
    pub count: usize,
    /// Values of a sample.
    pub pixels: usize,
}

/// What a step of training is to do.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub loss: Loss,
    /// What the optimizer remembers.
    pub moments: Moments,
    /// The most that the gradient's global norm may be, if it is clipped.
    pub clip_norm: Option<f64>,
    /// In which order samples are taken.
    pub order: Order,
    /// What the network sees of them; their targets are without.
    pub corruption: Corruption,
    pub batch_size: usize,
    /// The most steps that are submitted together.
    pub steps_per_submission: usize,
    /// Whether the product that gives a layer's gradient updates the layer, rather than operations of their own.
    pub fuses_updates: bool,
}

/// One step of training, and what it leaves for the host.
pub struct Training {
    pub graph: Graph,
    /// [steps of a submission, 1]: the loss of each.
    pub losses: TensorId,
    /// Where numbers are not finite after the last step of a submission.
    pub watched: Watched,
}

/// Tensors that are looked through for numbers that are not finite. Such a number in a gradient stays in the moments for good.
#[derive(Clone, Debug)]
pub struct Watched {
    pub tensors: Vec<TensorId>,
    /// [tensors, [`FINDINGS`]], as [`crate::kernels::non_finite`] fills it.
    pub found: TensorId,
}

impl Watched {
    /// Has the graph look through these tensors after the last step of a submission.
    fn new(graph: &mut Graph, tensors: Vec<TensorId>) -> Self {
        let found = graph.tensor("non-finite places", tensors.len(), FINDINGS);
        for (row, &tensor) in tensors.iter().enumerate() {
            graph.push_last(Operation::FindNonFinite { tensor, row, found });
        }
        Self { tensors, found }
    }

    /// The name of the first tensor of the graph that these findings tell of, if any.
    pub fn first<'g>(&self, graph: &'g Graph, findings: &[u32]) -> Option<&'g str> {
        let mut rows = self.tensors.iter().zip(findings.chunks(FINDINGS));
        rows.find_map(|(&tensor, row)| {
            let place = row.iter().filter(|&&place| place > 0).min()?;
            Some(graph.name_of_element(tensor, *place as usize - 1))
        })
    }
}

/// One batch of an evaluation, and what it leaves for the host.
pub struct Evaluation {
    pub graph: Graph,
    /// [samples, 2]: cross-entropy and squared error of each sample, summed over its pixels.
    pub metrics: TensorId,
}

/// One batch of reconstructions, and what it leaves for the host.
pub struct Reconstruction {
    pub graph: Graph,
    /// [batch_size, pixels]: the samples as the network sees them.
    pub originals: TensorId,
    /// [batch_size, pixels]: the samples as the network gives them back.
    pub reconstructions: TensorId,
}

/// The scatter matrix of one batch.
pub struct Scatter {
    pub graph: Graph,
    /// [pixels, pixels]: the sum over the batch of xᵢ·xⱼ.
    pub scatter: TensorId,
}

/// A batch in this order forward, its loss, the gradients backward, and the optimizer's update of every parameter. What is fused cannot be
/// clipped: it updates by each part of the gradient at once.
pub fn training(network: &Network, samples: Samples<'_>, settings: &Settings, fused: Option<FusedLayout>) -> Training {
    let Settings { loss, clip_norm, order, corruption, batch_size, steps_per_submission, .. } = *settings;
    if let Some(layout) = fused.filter(|_| clip_norm.is_none()) {
        return fused_training(network, samples, settings, layout);
    }
    let mut graph = Graph::default();
    let scope = Scope { name: format!("training on {}", samples.name), batch_size };
    let (targets, input) = scope.gather_corrupted(&mut graph, samples, order, corruption);
    let activations = scope.forward(&mut graph, network, input, Activation::Identity);
    let logits = activations.last().copied().unwrap_or(input);
    let gradient = match network.layers().last() {
        Some(layer) => scope.gradient(&mut graph, layer),
        None => scope.tensor(&mut graph, "gradient", network.pixels()),
    };
    let sample_losses = graph.tensor("sample_losses", steps_per_submission, batch_size);
    let losses = graph.tensor("losses", steps_per_submission, 1);
    let output_activation = network.output_activation();
    graph.push(Operation::Loss { loss, output_activation, logits, targets, gradient, sample_losses });
    graph.push_last(Operation::RowSums { matrix: sample_losses, sums: losses });
    let gradients = scope.backward(&mut graph, network, input, &activations, gradient);
    let watched = update::updates(&mut graph, network, settings, &gradients);
    let watched = Watched::new(&mut graph, watched);
    Training { graph, losses, watched }
}

/// The same in two operations, over tensors that hold all parameters, all moments, and everything of a batch.
fn fused_training(network: &Network, samples: Samples<'_>, settings: &Settings, layout: FusedLayout) -> Training {
    let Settings { loss, moments, order, corruption, steps_per_submission, .. } = *settings;
    let mut graph = Graph::default();
    let stored = graph.tensor(samples.name, samples.count, words_per_sample(samples.pixels));
    let mut whole = |suffix: &str, name: &str| {
        let whole = graph.tensor(name, 1, layout.values);
        for (shape, &offset) in network.parameter_shapes().into_iter().zip(&layout.offsets) {
            let name = format!("{}{suffix}", shape.name);
            graph.part(whole, offset, TensorShape { name, rows: shape.rows, columns: shape.columns });
        }
        whole
    };
    let values = whole("", "values");
    let moments = MomentTensors {
        first: moments.first.then(|| whole(".first_moment", "first_moments")),
        second: moments.second.then(|| whole(".second_moment", "second_moments")),
    };
    let batch = graph.tensor(format!("training on {}: batch", samples.name), layout.rows, layout.row);
    let sample_losses = graph.tensor("sample_losses", steps_per_submission, layout.rows);
    let losses = graph.tensor("losses", steps_per_submission, 1);
    graph.push(Operation::Propagate {
        work: Work { loss, order, corruption, targets: layout.targets },
        layout: layout.clone(),
        samples: stored,
        values,
        batch,
        sample_losses,
    });
    graph.push(Operation::Update { layout, batch, values, moments });
    graph.push_last(Operation::RowSums { matrix: sample_losses, sums: losses });
    let watched = Watched::new(&mut graph, [values].into_iter().chain(moments.tensors()).collect());
    Training { graph, losses, watched }
}

/// Samples as they are stored, forward, and the errors of each.
pub fn evaluation(network: &Network, samples: Samples<'_>, batch_size: usize) -> Evaluation {
    let mut graph = Graph::default();
    let scope = Scope { name: format!("evaluation of {}", samples.name), batch_size };
    let targets = scope.gather(&mut graph, samples, Order::Stored);
    let activations = scope.forward(&mut graph, network, targets, Activation::Identity);
    let logits = activations.last().copied().unwrap_or(targets);
    let metrics = graph.tensor(format!("metrics of {}", samples.name), samples.count, 2);
    let output_activation = network.output_activation();
    graph.push(Operation::Metrics { output_activation, logits, targets, metrics });
    Evaluation { graph, metrics }
}

/// Samples as they are stored, forward to the last activation.
pub fn reconstruction(network: &Network, samples: Samples<'_>, batch_size: usize) -> Reconstruction {
    let mut graph = Graph::default();
    let scope = Scope { name: format!("reconstruction of {}", samples.name), batch_size };
    let originals = scope.gather(&mut graph, samples, Order::Stored);
    let activations = scope.forward(&mut graph, network, originals, network.output_activation());
    let reconstructions = activations.last().copied().unwrap_or(originals);
    Reconstruction { graph, originals, reconstructions }
}

/// Samples as they are stored, each value with each other.
pub fn scatter(samples: Samples<'_>, batch_size: usize) -> Scatter {
    let mut graph = Graph::default();
    let scope = Scope { name: format!("scatter of {}", samples.name), batch_size };
    let batch = scope.gather(&mut graph, samples, Order::Stored);
    let scatter = graph.tensor(format!("scatter of {}", samples.name), samples.pixels, samples.pixels);
    graph.push(Operation::Scatter { batch, scatter });
    Scatter { graph, scatter }
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
        let stored = graph.tensor(samples.name, samples.count, words_per_sample(samples.pixels));
        let batch = self.tensor(graph, "batch", samples.pixels);
        let corrupted = (!corruption.is_none()).then(|| self.tensor(graph, "corrupted batch", samples.pixels));
        graph.push(Operation::Gather { samples: stored, batch, order, corruption, corrupted });
        (batch, corrupted.unwrap_or(batch))
    }

    /// The output of each layer; the last one gets `last_activation` in the place of its own.
    fn forward(
        &self,
        graph: &mut Graph,
        network: &Network,
        batch: TensorId,
        last_activation: Activation,
    ) -> Vec<TensorId> {
        let mut outputs = Vec::new();
        let mut input = batch;
        for (index, layer) in network.layers().iter().enumerate() {
            let is_last = index + 1 == network.layers().len();
            let activation = if is_last { last_activation } else { layer.activation };
            let output = self.tensor(graph, &format!("{}.output", layer.name), layer.outputs);
            let derivative = (activation != Activation::Identity).then(|| self.gradient(graph, layer));
            let (weight, bias) = parameters(graph, layer);
            graph.push(Operation::Dense { input, weight, bias, output, derivative, activation });
            outputs.push(output);
            input = output;
        }
        outputs
    }

    /// From the gradient of the logits back to the first layer, the last one's gradient first.
    fn backward(
        &self,
        graph: &mut Graph,
        network: &Network,
        batch: TensorId,
        activations: &[TensorId],
        logits_gradient: TensorId,
    ) -> Vec<LayerGradient> {
        let mut gradients = Vec::new();
        let mut gradient = logits_gradient;
        for (index, layer) in network.layers().iter().enumerate().rev() {
            let input = if index == 0 { batch } else { activations[index - 1] };
            gradients.push(LayerGradient { index, input, gradient });
            if index > 0 {
                let before = &network.layers()[index - 1];
                let (weight, _) = parameters(graph, layer);
                let input_gradient = self.gradient(graph, before);
                let activation = before.activation;
                graph.push(Operation::InputGradient { gradient, weight, activation, input_gradient });
                gradient = input_gradient;
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
    use super::*;
    use crate::kernels::propagate::Tile;
    use crate::model::Layer;
    use std::collections::BTreeSet;

    fn network() -> Network {
        let layer = |units, activation| Layer { units, activation };
        let encoder = [layer(64, Activation::Relu), layer(32, Activation::Identity)];
        Network::autoencoder(784, &encoder, &[layer(64, Activation::Relu)], Activation::Sigmoid)
    }

    const SETTINGS: Settings = Settings {
        loss: Loss::BinaryCrossEntropy,
        moments: Moments { first: true, second: true },
        clip_norm: None,
        order: Order::Shuffled,
        corruption: Corruption::NONE,
        batch_size: 256,
        steps_per_submission: 16,
        fuses_updates: false,
    };

    const SAMPLES: Samples<'static> = Samples { name: "train", count: 1000, pixels: 784 };

    #[test]
    fn a_training_step_reads_each_weight_before_it_writes_it() {
        for (fuses_updates, updates) in [(false, 8), (true, 4)] {
            let graph = training(&network(), SAMPLES, &Settings { fuses_updates, ..SETTINGS }, None).graph;
            let mut written = Vec::new();
            for operation in graph.operations() {
                match *operation {
                    Operation::InputGradient { weight, .. } | Operation::Dense { weight, .. } => {
                        assert!(!written.contains(&graph.whole(weight)), "{operation:?}");
                    }
                    Operation::Optimizer { values, .. } | Operation::LayerUpdate { values, .. } => written.push(values),
                    _ => {}
                }
            }
            let distinct: BTreeSet<_> = written.iter().collect();
            assert_eq!((written.len(), distinct.len()), (updates, updates), "every weight and bias is updated once");
        }
    }

    #[test]
    fn a_gradient_is_clipped_when_all_of_it_is_there() {
        let fused = FusedLayout::new(&network(), Tile::Workgroup, 256);
        let graph = training(&network(), SAMPLES, &Settings { clip_norm: Some(1.0), ..SETTINGS }, fused).graph;
        let place = |wanted: fn(&Operation) -> bool| {
            let places: Vec<usize> =
                graph.operations().iter().enumerate().filter(|(_, it)| wanted(it)).map(|(place, _)| place).collect();
            (places.len(), places.first().copied(), places.last().copied())
        };
        let gradients = place(|it| matches!(it, Operation::WeightGradient { .. } | Operation::BiasGradient { .. }));
        let sums = place(|it| matches!(it, Operation::SquareSums { .. }));
        let scale = place(|it| matches!(it, Operation::ClipScale { .. }));
        let updates = place(|it| matches!(it, Operation::Optimizer { clip_scale: Some(_), .. }));
        assert_eq!((gradients.0, sums.0, scale.0, updates.0), (8, 8, 1, 8));
        assert!(gradients.2 < sums.1 && sums.2 < scale.1 && scale.1 < updates.1);
    }

    #[test]
    fn findings_name_the_tensor_that_they_are_in() {
        for fused in [None, FusedLayout::new(&network(), Tile::Workgroup, 256)] {
            let Training { graph, watched, .. } = training(&network(), SAMPLES, &SETTINGS, fused);
            let findings = |row: usize, place: u32| {
                let mut findings = vec![0; watched.tensors.len() * FINDINGS];
                // The smallest counts, whichever workgroup has found it.
                findings[row * FINDINGS..][..3].copy_from_slice(&[0, place + 7, place]);
                findings
            };
            assert_eq!(watched.first(&graph, &vec![0; watched.tensors.len() * FINDINGS]), None);
            assert_eq!(watched.first(&graph, &findings(0, 784 * 64)), Some("encoder.0.weight"));
            let rows = watched.tensors.len() / 3;
            assert_eq!(watched.first(&graph, &findings(rows, 1)), Some("encoder.0.weight.first_moment"));
            let bias = if rows == 1 { (0, 784 * 64 + 1) } else { (1, 1) };
            assert_eq!(watched.first(&graph, &findings(bias.0, bias.1)), Some("encoder.0.bias"));
        }
    }

    #[test]
    fn findings_name_the_tensor_of_a_layer_that_they_are_in() {
        let settings = Settings { fuses_updates: true, ..SETTINGS };
        let Training { graph, watched, .. } = training(&network(), SAMPLES, &settings, None);
        let first = |row: usize, place: u32| {
            let mut findings = vec![0; watched.tensors.len() * FINDINGS];
            findings[row * FINDINGS] = place;
            watched.first(&graph, &findings)
        };
        assert_eq!(watched.tensors.len(), 4 * 3);
        assert_eq!(first(0, 784 * 64), Some("encoder.0.weight"));
        assert_eq!(first(0, 784 * 64 + 1), Some("encoder.0.bias"));
        assert_eq!(first(1, 1), Some("encoder.0.weight.first_moment"));
        assert_eq!(first(5, 64 * 32 + 1), Some("encoder.1.bias.second_moment"));
    }

    #[test]
    fn evaluation_and_training_share_parameters_and_nothing_that_is_written() {
        let training = training(&network(), SAMPLES, &SETTINGS, None).graph;
        let evaluation = evaluation(&network(), Samples { name: "test", ..SAMPLES }, 256).graph;
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
