//! Which samples a batch takes, chosen by their labels before they are gathered.

use super::{Samples, Scope};
use crate::program::{Graph, Operation, TensorId};

/// What the labels of all samples are for.
#[derive(Clone, Copy, Debug)]
pub struct Labels {
    /// Samples in the set, each with a label.
    pub count: usize,
    /// Classes that have samples, where a step draws them class by class rather than each sample once in an epoch.
    pub balanced_classes: Option<usize>,
}

/// What the host fills so that samples can be chosen.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// [samples, 1], u32
    pub labels: TensorId,
    /// [1, classes + 1 + samples], u32: [`Balance::words`](crate::reference::balance::Balance::words).
    pub members: Option<TensorId>,
}

/// What was chosen for a batch.
pub struct Chosen {
    pub choice: Choice,
    /// [batch_size, 1], u32
    pub samples: TensorId,
    /// [batch_size, 1], u32: their classes.
    pub labels: TensorId,
}

impl Scope {
    /// A step's samples, in the order of the epoch or drawn class by class.
    pub(super) fn choose(&self, graph: &mut Graph, samples: Samples<'_>, of_all: Labels) -> Chosen {
        let labels = graph.tensor(format!("{}: labels", samples.name), of_all.count, 1);
        let members = of_all.balanced_classes.map(|classes| {
            let words = classes + 1 + of_all.count;
            (graph.tensor(format!("{}: members of classes", samples.name), 1, words), classes)
        });
        let chosen = self.tensor(graph, "chosen", 1);
        let batch_labels = self.tensor(graph, "labels", 1);
        graph.push(Operation::ChooseSamples { labels, members, chosen, batch_labels });
        let members = members.map(|(members, _)| members);
        Chosen { choice: Choice { labels, members }, samples: chosen, labels: batch_labels }
    }
}
