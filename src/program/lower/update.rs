//! The last operations of a training step: the update of every parameter, by gradients that may be clipped.

use super::beside;
use crate::kernels::square_sums::SUMS;
use crate::program::{Graph, MomentTensors, Operation, TensorId};
use crate::reference::Moments;

/// A parameter tensor and its gradient.
pub struct ParameterGradient {
    pub is_weight: bool,
    pub values: TensorId,
    pub gradient: TensorId,
}

/// The update of every parameter. No gradient passes on through a weight any more that is changed here.
pub fn update(graph: &mut Graph, moments: Moments, clip_norm: Option<f64>, gradients: &[ParameterGradient]) {
    let clip_scale = clip_norm.map(|norm| {
        let sums = graph.tensor("square sums", gradients.len(), SUMS);
        for (row, &ParameterGradient { gradient, .. }) in gradients.iter().enumerate() {
            graph.push(Operation::SquareSums { gradient, row, sums, norm });
        }
        let scale = graph.tensor("clip scale", 1, 1);
        graph.push(Operation::ClipScale { sums, scale });
        scale
    });
    for &ParameterGradient { is_weight, values, gradient } in gradients {
        let moments = MomentTensors {
            first: moments.first.then(|| beside(graph, values, "first_moment")),
            second: moments.second.then(|| beside(graph, values, "second_moment")),
        };
        graph.push(Operation::Optimizer { is_weight, gradient, values, moments, clip_scale });
    }
}
