//! The numbers that training changes, on the host.

use super::{Dense, Network, ParameterKind};
use crate::reference::Matrix;
use crate::reference::normalization::RunningStatistics;
use crate::reference::training::DenseLayer;

/// A parameter tensor, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterTensor {
    /// The layer's name and the kind's, as in `encoder.0.weight`.
    pub name: String,
    /// What it is to its layer.
    pub kind: ParameterKind,
    /// [inputs, outputs] of a weight, `[outputs]` of the others.
    pub shape: Vec<usize>,
    /// Row by row, as many as the shape has.
    pub values: Vec<f32>,
}

/// Every parameter tensor of a network, in the order of [`Network::parameter_shapes`].
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    tensors: Vec<ParameterTensor>,
}

impl Parameters {
    /// Makes each tensor of the network from `values(place, shape)`, which gives as many numbers as the shape, the one at that place of
    /// [`Network::parameter_shapes`], has.
    ///
    /// # Errors
    /// What `values` gives as one.
    pub fn build<E>(
        network: &Network,
        mut values: impl FnMut(usize, &super::ParameterShape) -> Result<Vec<f32>, E>,
    ) -> Result<Self, E> {
        let mut tensors = Vec::new();
        for (place, shape) in network.parameter_shapes().into_iter().enumerate() {
            let values = values(place, &shape)?;
            let dimensions = shape.dimensions();
            tensors.push(ParameterTensor { name: shape.name, kind: shape.kind, shape: dimensions, values });
        }
        Ok(Self { tensors })
    }

    /// The same tensors with `f(place of the tensor, index of the element, value)` of each element.
    pub fn map(&self, f: impl Fn(usize, usize, f32) -> f32) -> Self {
        let tensors = self.tensors.iter().enumerate().map(|(place, tensor)| ParameterTensor {
            values: tensor.values.iter().enumerate().map(|(index, &value)| f(place, index, value)).collect(),
            ..tensor.clone()
        });
        Self { tensors: tensors.collect() }
    }

    /// The same where tied weights are what they are tied to, transposed.
    pub fn tied(mut self, network: &Network) -> Self {
        let weight_of = |parameters: &Self, layer: &Dense| {
            let name = format!("{}.weight", layer.name);
            parameters.tensors.iter().position(|tensor| tensor.name == name)
        };
        for layer in network.layers() {
            let other = layer.tied.and_then(|other| weight_of(&self, &network.layers()[other]));
            if let Some((own, other)) = weight_of(&self, layer).zip(other) {
                let values = &self.tensors[other].values;
                let (rows, columns) = (layer.inputs, layer.outputs);
                let transposed = (0..rows * columns).map(|place| values[place % columns * rows + place / columns]);
                self.tensors[own].values = transposed.collect();
            }
        }
        self
    }

    /// The network with these numbers in f64, as the reference takes it.
    pub fn in_f64(&self, network: &Network) -> Vec<DenseLayer> {
        let mut rest = self.tensors.as_slice();
        let layer = |layer: &Dense| {
            let (own, behind) = rest.split_at(layer.parameter_kinds().len());
            rest = behind;
            let of = |kind| -> Vec<f64> {
                let values = own.iter().filter(|tensor| tensor.kind == kind).flat_map(|tensor| &tensor.values);
                values.copied().map(f64::from).collect()
            };
            let weight = Matrix::new(layer.inputs, layer.outputs, of(ParameterKind::Weight));
            DenseLayer {
                normalization: layer.normalization,
                scale: of(ParameterKind::Scale),
                running: RunningStatistics {
                    means: of(ParameterKind::RunningMean),
                    variances: of(ParameterKind::RunningVariance),
                },
                learning_rate_factor: layer.learning_rate_factor,
                dropout: layer.dropout,
                active: layer.active,
                tied: layer.tied,
                is_variational: layer.is_variational,
                is_residual: layer.is_residual,
                ..DenseLayer::new(weight, of(ParameterKind::Bias), layer.activation)
            }
        };
        network.layers().iter().map(layer).collect()
    }

    /// All of them, in the order of [`Network::parameter_shapes`].
    pub fn tensors(&self) -> &[ParameterTensor] {
        &self.tensors
    }
}
