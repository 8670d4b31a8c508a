//! What a training step adds for what is asked of its code.

use super::Scope;
use crate::kernels::column_sums::ColumnSum;
use crate::model::Dense;
use crate::program::{DrawGradients, Graph, Operation, TensorId};
use crate::reference::{Activation, CodeSettings};

/// What is asked of the code and shows on the way back.
#[derive(Clone, Copy)]
pub struct OfCode {
    pub penalty: Option<Penalty>,
    /// Of a variational code.
    pub divergence: Option<Divergence>,
}

impl OfCode {
    pub const NONE: Self = Self { penalty: None, divergence: None };
}

/// What the divergence of a distribution of codes is added to.
#[derive(Clone, Copy)]
pub struct Divergence {
    pub weight: f64,
    /// [steps of a submission, batch_size]
    pub sample_losses: TensorId,
}

impl Divergence {
    /// The operation for a distribution [batch_size, 2 · units].
    pub fn of(self, distribution: TensorId, gradients: Option<DrawGradients>) -> Operation {
        let Self { weight, sample_losses } = self;
        Operation::Divergence { distribution, weight, sample_losses, gradients }
    }
}

/// What a code's penalty adds to gradients.
#[derive(Clone, Copy)]
pub struct Penalty {
    /// The layer that gives the code.
    pub layer: usize,
    /// [batch_size, units]: to the gradient of what the code's activation takes.
    pub gradient: TensorId,
    /// [1, units]: what each column of the weight is multiplied by to be added to its gradient, if it stands in the penalty itself.
    pub weight_factors: Option<TensorId>,
}

impl Scope {
    /// Adds the penalty of each sample's code to its loss. Derivatives still stand where gradients will stand.
    pub(super) fn penalty(
        &self,
        graph: &mut Graph,
        (index, layer): (usize, &Dense),
        settings: &CodeSettings,
        code: TensorId,
        sample_losses: TensorId,
    ) -> Penalty {
        let units = layer.outputs;
        let derivative = self.has_derivative(layer).then(|| self.gradient(graph, layer));
        // What is not asked for stays 0, and so does what it is multiplied by.
        let statistics = graph.tensor(format!("{}: code statistics", self.name), 2, units);
        if settings.kl > 0.0 {
            graph.push(Operation::ColumnSums { matrix: code, sum: ColumnSum::MeanOfBatch, row: 0, sums: statistics });
        }
        let mut weight_factors = None;
        if let Some(derivative) = derivative.filter(|_| settings.contractive > 0.0) {
            let (weight, _) = super::parameters(graph, layer);
            graph.push(Operation::ColumnSums { matrix: weight, sum: ColumnSum::Squares, row: 1, sums: statistics });
            let sums = graph.tensor(format!("{}: weight penalty factors", self.name), 1, units);
            let sum = ColumnSum::SquaresOfBatch(2.0 * settings.contractive);
            graph.push(Operation::ColumnSums { matrix: derivative, sum, row: 0, sums });
            weight_factors = Some(sums);
        }
        let penalty_gradient = self.tensor(graph, "penalty gradient", units);
        graph.push(Operation::CodePenalty {
            settings: *settings,
            activation: layer.activation,
            code,
            derivative,
            statistics,
            penalty_gradient,
            sample_losses,
        });
        Penalty { layer: index, gradient: penalty_gradient, weight_factors }
    }

    /// Whether the derivative of a layer's results is other than 1.
    pub(super) fn has_derivative(&self, layer: &Dense) -> bool {
        layer.activation != Activation::Identity || layer.active.is_some() || layer.dropout > 0.0
    }
}
