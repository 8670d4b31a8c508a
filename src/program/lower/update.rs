//! The last operations of a training step: the gradient and the update of every layer's parameters.

use super::normalization::scale;
use super::{StepSettings, beside, parameters};
use crate::gpu::PART_ALIGNMENT;
use crate::kernels::square_sums::SUMS;
use crate::model::{Dense, Network, TrainingState};
use crate::program::{Graph, MomentTensors, Operation, TensorId, TensorShape};
use crate::reference::Moments;

/// What a layer's gradients are made of.
#[derive(Clone, Copy)]
pub struct LayerGradient {
    /// Of the layer in the network.
    pub index: usize,
    pub input: TensorId,
    /// Of the layer's result before its activation.
    pub gradient: TensorId,
    /// Of what it multiplies its input by its weight to; the same but where that is normalized.
    pub of_product: TensorId,
    /// [1, outputs]: what each column of the weight is multiplied by to be added to its gradient, if anything is.
    pub weight_factors: Option<TensorId>,
}

/// The update of every parameter, and the tensors that it changes. No gradient passes on through a weight any more that is changed here.
pub fn updates(
    graph: &mut Graph,
    network: &Network,
    settings: &StepSettings,
    gradients: &[LayerGradient],
) -> Vec<TensorId> {
    match settings.fuses_updates && !settings.additions.need_gradients() {
        true => in_products(graph, network, settings.moments, gradients),
        false => apart(graph, network, settings, gradients),
    }
}

/// One operation for each layer.
fn in_products(graph: &mut Graph, network: &Network, moments: Moments, gradients: &[LayerGradient]) -> Vec<TensorId> {
    let layers: Vec<_> = network.layers().iter().map(|layer| LayerTensors::new(graph, layer, moments)).collect();
    for &LayerGradient { index, input, gradient, .. } in gradients {
        let LayerTensors { values, moments, bias } = layers[index];
        let rate_factor = network.layers()[index].learning_rate_factor;
        graph.push(Operation::LayerUpdate { input, gradient, values, moments, bias, rate_factor });
    }
    layers.iter().flat_map(|layer| [layer.values].into_iter().chain(layer.moments.tensors())).collect()
}

/// A layer's parameters in one tensor, and its moments in others.
struct LayerTensors {
    values: TensorId,
    moments: MomentTensors,
    /// The bias's first element.
    bias: usize,
}

impl LayerTensors {
    /// Parts of them are the weight and the bias, and the moments of each.
    fn new(graph: &mut Graph, layer: &Dense, moments: Moments) -> Self {
        let bias = (layer.inputs * layer.outputs).next_multiple_of(PART_ALIGNMENT);
        let mut whole = |suffix: &str| {
            let whole = graph.tensor(format!("{}.parameters{suffix}", layer.name), 1, bias + layer.outputs);
            for (offset, name, rows) in [(0, "weight", layer.inputs), (bias, "bias", 1)] {
                let name = format!("{}.{name}{suffix}", layer.name);
                graph.part(whole, offset, TensorShape { name, rows, columns: layer.outputs });
            }
            whole
        };
        let values = whole("");
        let first = moments.first.then(|| whole(".first_moment"));
        let second = moments.second.then(|| whole(".second_moment"));
        Self { values, moments: MomentTensors { first, second }, bias }
    }
}

/// A parameter tensor and its gradient.
struct ParameterGradient {
    is_weight: bool,
    rate_factor: f64,
    values: TensorId,
    gradient: TensorId,
}

/// Operations for each parameter: its gradient, which may be clipped, and its update.
fn apart(graph: &mut Graph, network: &Network, settings: &StepSettings, gradients: &[LayerGradient]) -> Vec<TensorId> {
    let StepSettings { moments, additions, .. } = *settings;
    let layers = network.layers();
    let mut of_parameters = Vec::new();
    let mut transposed = Vec::new();
    for &LayerGradient { index, input, gradient, of_product, weight_factors } in gradients {
        let (weight, bias) = parameters(graph, &layers[index]);
        let rate_factor = layers[index].learning_rate_factor;
        let bias_gradient = beside(graph, bias, "gradient");
        graph.push(Operation::BiasGradient { gradient, normalized: None, bias_gradient });
        of_parameters.push(ParameterGradient { is_weight: false, rate_factor, values: bias, gradient: bias_gradient });
        if !layers[index].normalization.is_none() {
            let values = scale(graph, &layers[index]);
            let gradient = beside(graph, values, "gradient");
            of_parameters.push(ParameterGradient { is_weight: false, rate_factor, values, gradient });
        }
        if let Some(other) = layers[index].tied {
            transposed.push((parameters(graph, &layers[other]).0, weight));
            continue;
        }
        let weight_gradient = beside(graph, weight, "gradient");
        graph.push(Operation::WeightGradient { input, gradient: of_product, weight_gradient });
        // What a layer with the same weight, transposed, adds to it: its input and its gradient have changed their places.
        for tied in gradients.iter().filter(|tied| layers[tied.index].tied == Some(index)) {
            let (matrix, sum) = (beside(graph, weight, "gradient of the tied weight"), weight_gradient);
            let (input, gradient) = (tied.of_product, tied.input);
            graph.push(Operation::WeightGradient { input, gradient, weight_gradient: matrix });
            graph.push(Operation::Accumulate { matrix, factors: None, sum });
        }
        if let Some(factors) = weight_factors {
            let (matrix, sum) = (weight, weight_gradient);
            graph.push(Operation::Accumulate { matrix, factors: Some(factors), sum });
        }
        of_parameters.push(ParameterGradient {
            is_weight: true,
            rate_factor,
            values: weight,
            gradient: weight_gradient,
        });
    }
    let clip_scale = additions.clip_norm.map(|norm| clip_scale(graph, norm, &of_parameters));
    for ParameterGradient { is_weight, rate_factor, values, gradient } in of_parameters {
        let first = moments.first.then(|| beside(graph, values, "first_moment"));
        let second = moments.second.then(|| beside(graph, values, "second_moment"));
        let moments = MomentTensors { first, second };
        graph.push(Operation::Optimizer { is_weight, rate_factor, gradient, values, moments, clip_scale });
    }
    for (matrix, transposed) in transposed {
        graph.push(Operation::Transpose { matrix, transposed });
    }
    let names = TrainingState::names(network, moments);
    names.into_iter().map(|(name, shape)| graph.tensor(name, shape.rows, shape.columns)).collect()
}

/// What all gradients are multiplied by, so that their norm is at most this one.
fn clip_scale(graph: &mut Graph, norm: f64, gradients: &[ParameterGradient]) -> TensorId {
    let sums = graph.tensor("square sums", gradients.len(), SUMS);
    for (row, &ParameterGradient { gradient, .. }) in gradients.iter().enumerate() {
        graph.push(Operation::SquareSums { gradient, row, sums, norm });
    }
    let scale = graph.tensor("clip scale", 1, 1);
    graph.push(Operation::ClipScale { sums, scale });
    scale
}
