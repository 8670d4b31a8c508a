//! Layers whose products are normalized, forward and backward.

use super::{Scope, beside, parameters};
use crate::model::{Dense, ParameterKind};
use crate::program::{Graph, Operation, TensorId};
use crate::reference::{Activation, Normalization};

impl Scope {
    /// What a layer makes of its input, and the activation's derivative there, if that is not to be 1. In training, batch normalization goes
    /// by the batch.
    pub(super) fn layer(
        &self,
        graph: &mut Graph,
        layer: &Dense,
        input: TensorId,
        activation: Activation,
        trains: bool,
    ) -> (TensorId, Option<TensorId>) {
        let output = self.output(graph, layer);
        let derivative = (activation != Activation::Identity).then(|| self.gradient(graph, layer));
        let (weight, bias) = parameters(graph, layer);
        if layer.normalization.is_none() {
            graph.push(Operation::Dense { input, weight, bias, output, derivative, activation });
            return (output, derivative);
        }
        let values = self.normalized(graph, layer);
        graph.push(Operation::Product { input, weight, product: values });
        match layer.normalization {
            Normalization::None => {}
            Normalization::Layer => {
                let inverse_deviations = self.deviations(graph, layer);
                graph.push(Operation::NormalizeRows { values, inverse_deviations });
            }
            Normalization::Batch => {
                let [means, variances] =
                    [ParameterKind::RunningMean, ParameterKind::RunningVariance].map(|kind| row(graph, layer, kind));
                let inverse_deviations = trains.then(|| self.deviations(graph, layer));
                graph.push(match inverse_deviations {
                    None => Operation::NormalizeByRunningStatistics { means, variances, values },
                    Some(inverse_deviations) => {
                        let (running_means, running_variances) = (means, variances);
                        Operation::NormalizeColumns { values, inverse_deviations, running_means, running_variances }
                    }
                });
            }
        }
        let (normalized, scale, shift) = (values, scale(graph, layer), bias);
        graph.push(Operation::ScaleShift { normalized, scale, shift, output, derivative, activation });
        (output, derivative)
    }

    /// The gradient of a layer's product out of that of what its activation takes; the gradient of its scale is left beside that.
    pub(super) fn product_gradient(&self, graph: &mut Graph, layer: &Dense, gradient: TensorId) -> TensorId {
        if layer.normalization.is_none() {
            return gradient;
        }
        let (values, inverse_deviations) = (self.normalized(graph, layer), self.deviations(graph, layer));
        let scale = scale(graph, layer);
        let bias_gradient = beside(graph, scale, "gradient");
        graph.push(Operation::BiasGradient { gradient, normalized: Some(values), bias_gradient });
        graph.push(match layer.normalization {
            Normalization::Batch => Operation::NormalizeColumnsGradient { gradient, scale, inverse_deviations, values },
            Normalization::None | Normalization::Layer => {
                Operation::NormalizeRowsGradient { gradient, scale, inverse_deviations, values }
            }
        });
        values
    }

    /// A layer's product, normalized in place; then that product's gradient.
    fn normalized(&self, graph: &mut Graph, layer: &Dense) -> TensorId {
        self.tensor(graph, &format!("{}.normalized", layer.name), layer.outputs)
    }

    /// What each sample of a batch is multiplied by to be normalized, or each output.
    fn deviations(&self, graph: &mut Graph, layer: &Dense) -> TensorId {
        let name = format!("{}.inverse_deviations", layer.name);
        match layer.normalization {
            Normalization::Batch => graph.tensor(format!("{}: {name}", self.name), 1, layer.outputs),
            Normalization::None | Normalization::Layer => self.tensor(graph, &name, 1),
        }
    }
}

/// The scale of a layer that is normalized, under the name that the model file has for it.
pub(super) fn scale(graph: &mut Graph, layer: &Dense) -> TensorId {
    row(graph, layer, ParameterKind::Scale)
}

/// A parameter tensor of a layer, which is one row.
fn row(graph: &mut Graph, layer: &Dense, kind: ParameterKind) -> TensorId {
    graph.tensor(format!("{}.{}", layer.name, kind.name()), 1, layer.outputs)
}
