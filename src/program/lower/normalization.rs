//! Layers whose products are normalized, forward and backward.

use super::{Scope, beside, parameters};
use crate::model::Dense;
use crate::program::{Graph, Operation, TensorId};
use crate::reference::{Activation, Normalization};

impl Scope {
    /// What a layer makes of its input, and the activation's derivative there, if that is not to be 1.
    pub(super) fn layer(
        &self,
        graph: &mut Graph,
        layer: &Dense,
        input: TensorId,
        activation: Activation,
    ) -> (TensorId, Option<TensorId>) {
        let output = self.output(graph, layer);
        let derivative = (activation != Activation::Identity).then(|| self.gradient(graph, layer));
        let (weight, bias) = parameters(graph, layer);
        match layer.normalization {
            Normalization::None => {
                graph.push(Operation::Dense { input, weight, bias, output, derivative, activation });
            }
            Normalization::Layer => {
                let (values, inverse_deviations) = (self.normalized(graph, layer), self.deviations(graph, layer));
                graph.push(Operation::Product { input, weight, product: values });
                graph.push(Operation::NormalizeRows { values, inverse_deviations });
                let (normalized, scale, shift) = (values, scale(graph, layer), bias);
                graph.push(Operation::ScaleShift { normalized, scale, shift, output, derivative, activation });
            }
        }
        (output, derivative)
    }

    /// The gradient of a layer's product out of that of what its activation takes; the gradient of its scale is left beside that.
    pub(super) fn product_gradient(&self, graph: &mut Graph, layer: &Dense, gradient: TensorId) -> TensorId {
        match layer.normalization {
            Normalization::None => gradient,
            Normalization::Layer => {
                let (values, inverse_deviations) = (self.normalized(graph, layer), self.deviations(graph, layer));
                let scale = scale(graph, layer);
                let bias_gradient = beside(graph, scale, "gradient");
                graph.push(Operation::BiasGradient { gradient, normalized: Some(values), bias_gradient });
                graph.push(Operation::NormalizeRowsGradient { gradient, scale, inverse_deviations, values });
                values
            }
        }
    }

    /// A layer's product, normalized in place; then that product's gradient.
    fn normalized(&self, graph: &mut Graph, layer: &Dense) -> TensorId {
        self.tensor(graph, &format!("{}.normalized", layer.name), layer.outputs)
    }

    fn deviations(&self, graph: &mut Graph, layer: &Dense) -> TensorId {
        self.tensor(graph, &format!("{}.inverse_deviations", layer.name), 1)
    }
}

/// The scale of a layer that is normalized, under the name that the model file has for it.
pub(super) fn scale(graph: &mut Graph, layer: &Dense) -> TensorId {
    graph.tensor(format!("{}.scale", layer.name), 1, layer.outputs)
}
