//! A step of a classifier's training, and products of codes with each other.

use super::code::OfCode;
use super::{Choice, Labels, Mode, Samples, Scope, StepSettings, Watched, update};
use crate::kernels::gather::Order;
use crate::model::Network;
use crate::program::{Graph, Operation, TensorId};
use crate::reference::{Activation, Corruption};

/// One step of training, what it needs beside the samples, and what it leaves for the host.
pub struct ClassifierTraining {
    /// The operations and their tensors.
    pub graph: Graph,
    /// What samples are chosen by.
    pub choice: Choice,
    /// [1, classes]
    pub class_weights: TensorId,
    /// [steps of a submission, 1]: the loss of each.
    pub losses: TensorId,
    /// Where numbers are not finite after the last step of a submission.
    pub watched: Watched,
}

/// A batch through all layers, those that are trained with dropout, its cross-entropy, and the gradients back to the first layer that is
/// trained, whose parameters and those of all behind it are updated. Nothing is computed backward for the `frozen` layers before.
/// `settings.order` says how the samples lie; its loss and corruption have no part in it.
pub fn classifier_training(
    network: &Network,
    frozen: usize,
    samples: Samples<'_>,
    labels: Labels,
    settings: &StepSettings,
) -> ClassifierTraining {
    let StepSettings { additions, order, batch_size, steps_per_submission, .. } = *settings;
    let mut graph = Graph::default();
    let scope = Scope { name: format!("classification of {}", samples.name), batch_size };
    let chosen = scope.choose(&mut graph, samples, labels);
    let batch = match order {
        // A stream brings them in the order of the epoch.
        Order::Stored => scope.gather(&mut graph, samples, order),
        Order::Shuffled => scope.gather_chosen(&mut graph, samples, chosen.samples, Corruption::NONE).0,
    };
    let batch = scope.augmented(&mut graph, batch, samples.shape, additions.augmentation);
    let (before, trained) = (network.first_layers(frozen), network.behind(frozen));
    let given = scope.forward(&mut graph, &before, batch, before.output_activation(), Mode::INFERENCE);
    let input = given.last().copied().unwrap_or(batch);
    let mode = Mode { draws: false, ..Mode::TRAINING };
    let activations = scope.forward(&mut graph, &trained, input, Activation::Identity, mode);
    let logits = activations.last().copied().unwrap_or(input);
    let classes = graph.shape(logits).columns;
    let class_weights = graph.tensor(format!("{}: class weights", samples.name), 1, classes);
    let gradient = match network.layers().last() {
        Some(layer) => scope.gradient(&mut graph, layer),
        None => scope.tensor(&mut graph, "gradient", classes),
    };
    let sample_losses = graph.tensor("sample_losses", steps_per_submission, batch_size);
    let losses = graph.tensor("losses", steps_per_submission, 1);
    graph.push(Operation::SoftmaxCrossEntropy {
        logits,
        labels: chosen.labels,
        class_weights,
        gradient,
        sample_losses,
    });
    graph.push_last(Operation::RowSums { matrix: sample_losses, sums: losses });
    let gradients = scope.backward(&mut graph, &trained, input, &activations, gradient, OfCode::NONE);
    let watched = update::updates(&mut graph, &trained, settings, &gradients);
    let watched = Watched::new(&mut graph, watched);
    ClassifierTraining { graph, choice: chosen.choice, class_weights, losses, watched }
}

/// Products of codes with each other.
pub struct CodeProducts {
    /// The operations and their tensors.
    pub graph: Graph,
    /// [queries, size]
    pub queries: TensorId,
    /// [references, size]
    pub references: TensorId,
    /// [queries, references]
    pub products: TensorId,
}

/// The inner product of each of some codes with each of others.
pub fn code_products(queries: usize, references: usize, size: usize) -> CodeProducts {
    let mut graph = Graph::default();
    let a = graph.tensor("queries", queries, size);
    let b = graph.tensor("references", references, size);
    let products = graph.tensor("products", queries, references);
    graph.push(Operation::RowProducts { a, b, products });
    CodeProducts { graph, queries: a, references: b, products }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ImageShape;
    use crate::model::{Additions, Layer};
    use crate::reference::{Loss, Moments};

    #[test]
    fn frozen_layers_are_neither_differentiated_nor_updated() {
        let layer = |units| Layer::new(units, Activation::Relu);
        let network = Network::autoencoder(20, &[layer(12), layer(8)], &[], Activation::Sigmoid).classifier(20, 3);
        let settings = StepSettings {
            loss: Loss::BinaryCrossEntropy,
            moments: Moments { first: true, second: true },
            additions: Additions::default(),
            weighted: None,
            order: Order::Shuffled,
            drawn: None,
            corruption: Corruption::NONE,
            batch_size: 16,
            steps_per_submission: 4,
            fuses_updates: true,
        };
        let samples = Samples { name: "images", count: 100, shape: ImageShape { height: 4, width: 5, channels: 1 } };
        let labels = Labels { count: 100, balanced_classes: None };
        for (frozen, backward, updated) in [(2, 0, 1), (1, 1, 2), (0, 2, 3)] {
            for fuses_updates in [false, true] {
                let settings = StepSettings { fuses_updates, ..settings };
                let training = classifier_training(&network, frozen, samples, labels, &settings);
                let count = |is_such: fn(&Operation) -> bool| {
                    training.graph.operations().iter().filter(|operation| is_such(operation)).count()
                };
                assert_eq!(count(|operation| matches!(operation, Operation::InputGradient { .. })), backward);
                let updates =
                    count(|operation| matches!(operation, Operation::LayerUpdate { .. } | Operation::Optimizer { .. }));
                assert_eq!(updates, if fuses_updates { updated } else { 2 * updated });
                let watched = training.watched.tensors.iter().map(|&tensor| training.graph.shape(tensor).name.clone());
                assert!(watched.into_iter().all(|name| frozen < 2 || name.starts_with("classifier.")));
            }
        }
    }
}
