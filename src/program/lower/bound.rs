//! The lower bound of a variational autoencoder's likelihood as a graph.

use super::code::Divergence;
use super::{Mode, Samples, Scope};
use crate::kernels::gather::Order;
use crate::model::Network;
use crate::program::{Graph, Operation, TensorId};
use crate::reference::{Activation, Loss};

/// One batch of the negative lower bound, and what it leaves for the host.
pub struct Bound {
    /// The operations and their tensors.
    pub graph: Graph,
    /// [steps of a submission, 1]: the mean over a batch's images, divided by their values.
    pub bounds: TensorId,
}

/// Samples as they are stored, forward through codes that are drawn: the cross-entropy of what comes of them and the divergence of the
/// distributions that they are drawn from.
pub fn negative_bound(
    network: &Network,
    samples: Samples<'_>,
    batch_size: usize,
    steps_per_submission: usize,
) -> Bound {
    let mut graph = Graph::default();
    let scope = Scope { name: format!("lower bound of {}", samples.name), batch_size };
    let targets = scope.gather(&mut graph, samples, Order::Stored);
    let activations = scope.forward(&mut graph, network, targets, Activation::Identity, Mode::DRAWING);
    let logits = activations.last().copied().unwrap_or(targets);
    let gradient = scope.tensor(&mut graph, "gradient", network.pixels());
    let sample_losses = graph.tensor(format!("{}: parts", scope.name), steps_per_submission, batch_size);
    let bounds = graph.tensor(format!("{}: sums", scope.name), steps_per_submission, 1);
    let (loss, output_activation) = (Loss::BinaryCrossEntropy, network.output_activation());
    graph.push(Operation::Loss { loss, output_activation, logits, targets, weights: None, gradient, sample_losses });
    for layer in network.layers().iter().filter(|layer| layer.is_variational) {
        let distribution = scope.output(&mut graph, layer);
        graph.push(Divergence { weight: 1.0, sample_losses }.of(distribution, None));
    }
    graph.push_last(Operation::RowSums { matrix: sample_losses, sums: bounds });
    Bound { graph, bounds }
}
