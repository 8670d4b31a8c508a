//! A training step as a graph.

use super::code::{Divergence, OfCode};
use super::{Choice, Labels, Mode, Samples, Scope, update};
use crate::kernels::gather::{Order, words_per_sample};
use crate::kernels::non_finite::FINDINGS;
use crate::kernels::propagate::Work;
use crate::model::{Additions, Network};
use crate::program::{FusedLayout, Graph, MomentTensors, Operation, TensorId, TensorShape};
use crate::reference::{Activation, Corruption, Loss, Moments};

/// What a step of training is to do.
#[derive(Clone, Copy, Debug)]
pub struct StepSettings {
    /// How outputs are held against targets.
    pub loss: Loss,
    /// What the optimizer remembers.
    pub moments: Moments,
    /// What it does beside following the gradient of that loss.
    pub additions: Additions,
    /// Samples of the whole set, where each has a weight.
    pub weighted: Option<usize>,
    /// In which order samples are taken.
    pub order: Order,
    /// The labels of the samples, where these are drawn class by class rather than taken in that order.
    pub drawn: Option<Labels>,
    /// What the network sees of them; their targets are without.
    pub corruption: Corruption,
    /// Samples in a step.
    pub batch_size: usize,
    /// The most steps that are submitted together.
    pub steps_per_submission: usize,
    /// Whether the product that gives a layer's gradient updates the layer, rather than operations of their own.
    pub fuses_updates: bool,
}

/// One step of training, and what it leaves for the host.
pub struct Training {
    /// The operations and their tensors.
    pub graph: Graph,
    /// What samples are drawn by, where they are.
    pub choice: Option<Choice>,
    /// [samples of the whole set, 1]: what each counts, if that is not alike.
    pub weights: Option<TensorId>,
    /// [steps of a submission, 1]: the loss of each.
    pub losses: TensorId,
    /// Where numbers are not finite after the last step of a submission.
    pub watched: Watched,
}

/// Tensors that are looked through for numbers that are not finite. Such a number in a gradient stays in the moments for good.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Those that are looked through.
    pub tensors: Vec<TensorId>,
    /// [tensors, [`FINDINGS`]], as [`crate::kernels::non_finite`] fills it.
    pub found: TensorId,
}

impl Watched {
    /// Has the graph look through these tensors after the last step of a submission.
    pub(super) fn new(graph: &mut Graph, tensors: Vec<TensorId>) -> Self {
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

/// A batch in this order forward, its loss, the gradients backward, and the optimizer's update of every parameter. Nothing
/// can be added to what is fused.
pub fn training(
    network: &Network,
    samples: Samples<'_>,
    settings: &StepSettings,
    fused: Option<FusedLayout>,
) -> Training {
    let StepSettings { additions, corruption, batch_size, .. } = *settings;
    if let Some(layout) = fused.filter(|_| additions.is_none()) {
        return fused_training(network, samples, settings, layout);
    }
    let mut graph = Graph::default();
    let scope = Scope { name: format!("training on {}", samples.name), batch_size };
    let (choice, (targets, input)) = scope.take(&mut graph, samples, settings, corruption);
    layered_training(graph, &scope, network, settings, choice, targets, input)
}

impl Scope {
    /// The samples of a step, as they are to be given back and as the network sees them, and what they are drawn by.
    fn take(
        &self,
        graph: &mut Graph,
        samples: Samples<'_>,
        settings: &StepSettings,
        corruption: Corruption,
    ) -> (Option<Choice>, (TensorId, TensorId)) {
        let augmentation = settings.additions.augmentation;
        match settings.drawn {
            None => (None, self.gather_altered(graph, samples, settings.order, augmentation, corruption)),
            Some(labels) => {
                let chosen = self.choose(graph, samples, labels);
                // Images have their noise after they have been changed.
                let at_once = if augmentation.is_none() { corruption } else { Corruption::NONE };
                let (batch, corrupted) = self.gather_chosen(graph, samples, chosen.samples, at_once);
                let targets = self.augmented(graph, batch, samples.shape, augmentation);
                let input = if augmentation.is_none() { corrupted } else { self.corrupted(graph, targets, corruption) };
                (Some(chosen.choice), (targets, input))
            }
        }
    }
}

/// The same of a network that takes what other layers give, whose parameters stay: that is what it is to give back, and what it sees of it is
/// corrupted.
pub fn training_behind(frozen: &Network, network: &Network, samples: Samples<'_>, settings: &StepSettings) -> Training {
    let StepSettings { corruption, batch_size, .. } = *settings;
    let mut graph = Graph::default();
    let scope = Scope { name: format!("training on {}", samples.name), batch_size };
    let (choice, (batch, _)) = scope.take(&mut graph, samples, settings, Corruption::NONE);
    let outputs = scope.forward(&mut graph, frozen, batch, frozen.output_activation(), Mode::INFERENCE);
    let targets = outputs.last().copied().unwrap_or(batch);
    let input = scope.corrupted(&mut graph, targets, corruption);
    layered_training(graph, &scope, network, settings, choice, targets, input)
}

/// From a batch forward, its loss, back, and the updates, in several operations for each layer.
fn layered_training(
    mut graph: Graph,
    scope: &Scope,
    network: &Network,
    settings: &StepSettings,
    choice: Option<Choice>,
    targets: TensorId,
    input: TensorId,
) -> Training {
    let StepSettings { loss, additions, batch_size, steps_per_submission, .. } = *settings;
    let activations = scope.forward(&mut graph, network, input, Activation::Identity, Mode::TRAINING);
    let logits = activations.last().copied().unwrap_or(input);
    let gradient = match network.layers().last() {
        Some(layer) => scope.gradient(&mut graph, layer),
        None => scope.tensor(&mut graph, "gradient", network.pixels()),
    };
    let sample_losses = graph.tensor("sample_losses", steps_per_submission, batch_size);
    let losses = graph.tensor("losses", steps_per_submission, 1);
    let output_activation = network.output_activation();
    let weights = settings.weighted.map(|count| graph.tensor("weights of samples", count, 1));
    let of_batch = weights.map(|weights| {
        let (chosen, of_batch) = (scope.tensor(&mut graph, "chosen", 1), scope.tensor(&mut graph, "weights", 1));
        let members = choice.and_then(|choice| choice.members);
        let members = members.zip(settings.drawn.and_then(|labels| labels.balanced_classes));
        let (labels, batch_labels) = (weights, of_batch);
        graph.push(Operation::ChooseSamples { labels, members, chosen, batch_labels });
        of_batch
    });
    graph.push(Operation::Loss {
        loss,
        output_activation,
        logits,
        targets,
        weights: of_batch,
        gradient,
        sample_losses,
    });
    graph.push_last(Operation::RowSums { matrix: sample_losses, sums: losses });
    let penalized = additions.code.filter(|code| code.penalizes()).zip(network.code_layer());
    let penalty = penalized.map(|(settings, index)| {
        let layer = (index, &network.layers()[index]);
        scope.penalty(&mut graph, layer, &settings, activations[index], sample_losses)
    });
    let variational = additions.code.filter(|code| code.is_variational());
    let divergence = variational.map(|code| Divergence { weight: code.variational, sample_losses });
    let of_code = OfCode { penalty, divergence };
    let gradients = scope.backward(&mut graph, network, input, &activations, gradient, of_code);
    let watched = update::updates(&mut graph, network, settings, &gradients);
    let watched = Watched::new(&mut graph, watched);
    Training { graph, choice, weights, losses, watched }
}

/// The same in two operations, over tensors that hold all parameters, all moments, and everything of a batch.
fn fused_training(network: &Network, samples: Samples<'_>, settings: &StepSettings, layout: FusedLayout) -> Training {
    let StepSettings { loss, moments, order, corruption, steps_per_submission, .. } = *settings;
    let mut graph = Graph::default();
    let stored = graph.tensor(samples.name, samples.count, words_per_sample(samples.pixels()));
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
    Training { graph, choice: None, weights: None, losses, watched }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::data::ImageShape;
    use crate::kernels::propagate::Tile;
    use crate::model::Layer;
    use crate::reference::{Augmentation, Noise};
    use std::collections::BTreeSet;

    pub fn network() -> Network {
        let encoder = [Layer::new(64, Activation::Relu), Layer::new(32, Activation::Identity)];
        Network::autoencoder(784, &encoder, &[Layer::new(64, Activation::Relu)], Activation::Sigmoid)
    }

    pub const SETTINGS: StepSettings = StepSettings {
        loss: Loss::BinaryCrossEntropy,
        moments: Moments { first: true, second: true },
        additions: Additions {
            clip_norm: None,
            code: None,
            ties: false,
            drops: false,
            augmentation: None,
            draws_classes_alike: false,
            weighs: false,
            normalizes: false,
            adds_shortcuts: false,
        },
        weighted: None,
        order: Order::Shuffled,
        drawn: None,
        corruption: Corruption::NONE,
        batch_size: 256,
        steps_per_submission: 16,
        fuses_updates: false,
    };

    pub const SAMPLES: Samples<'static> =
        Samples { name: "train", count: 1000, shape: ImageShape { height: 28, width: 28, channels: 1 } };

    #[test]
    fn a_training_step_reads_each_weight_before_it_writes_it() {
        for (fuses_updates, updates) in [(false, 8), (true, 4)] {
            let graph = training(&network(), SAMPLES, &StepSettings { fuses_updates, ..SETTINGS }, None).graph;
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
        let additions = Additions { clip_norm: Some(1.0), ..Additions::default() };
        let graph = training(&network(), SAMPLES, &StepSettings { additions, ..SETTINGS }, fused).graph;
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
    fn what_is_augmented_is_given_back_and_seen_with_noise() {
        let fused = FusedLayout::new(&network(), Tile::Workgroup, 256);
        let augmentation = Augmentation { shift: 0.1, ..Augmentation::NONE };
        let additions = Additions { augmentation: Some(augmentation), ..Additions::default() };
        for corruption in [Corruption::NONE, Corruption { noise: Noise::Masking, amount: 0.3 }] {
            let settings = StepSettings { additions, corruption, ..SETTINGS };
            let frozen = network().first_layers(1);
            for graph in [
                training(&network(), SAMPLES, &settings, fused.clone()).graph,
                training_behind(&frozen, &network().behind(1), SAMPLES, &settings).graph,
            ] {
                let augmented = graph.operations().iter().filter_map(|operation| match *operation {
                    Operation::Augment { batch, augmented, .. } => Some((batch, augmented)),
                    _ => None,
                });
                let [(batch, augmented)] = augmented.collect::<Vec<_>>()[..] else { panic!("not augmented once") };
                for operation in graph.operations() {
                    match *operation {
                        Operation::Gather { batch: gathered, corrupted, .. } => {
                            assert_eq!((gathered, corrupted), (batch, None));
                        }
                        Operation::Dense { input, .. } => assert_ne!(input, batch),
                        Operation::Loss { targets, .. } => assert_ne!(targets, batch),
                        Operation::Corrupt { batch, .. } if graph.shape(batch).columns == 784 => {
                            assert_eq!(batch, augmented);
                        }
                        _ => {}
                    }
                }
            }
        }
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
        let settings = StepSettings { fuses_updates: true, ..SETTINGS };
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
}
