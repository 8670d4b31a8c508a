//! The numbers that training changes, on the host.

use super::{Dense, Network};
use crate::reference::Matrix;
use crate::reference::training::DenseLayer;

/// A parameter tensor, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterTensor {
    pub name: String,
    /// [inputs, outputs] of a weight, `[outputs]` of a bias.
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// Every parameter tensor of a network, in the order of [`Network::parameter_shapes`].
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    tensors: Vec<ParameterTensor>,
}

impl Parameters {
    /// Makes each tensor of the network from `values(place, name)`, which gives as many numbers as the shape at that place has.
    pub fn build<E>(
        network: &Network,
        mut values: impl FnMut(usize, &super::ParameterShape) -> Result<Vec<f32>, E>,
    ) -> Result<Self, E> {
        let mut tensors = Vec::new();
        for (place, shape) in network.parameter_shapes().into_iter().enumerate() {
            let values = values(place, &shape)?;
            let dimensions = if shape.is_bias { vec![shape.columns] } else { vec![shape.rows, shape.columns] };
            tensors.push(ParameterTensor { name: shape.name, shape: dimensions, values });
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
        for (index, layer) in network.layers().iter().enumerate() {
            if let Some(other) = layer.tied {
                let own = &self.tensors[2 * other].values;
                let (rows, columns) = (layer.inputs, layer.outputs);
                let values = (0..rows * columns).map(|place| own[place % columns * rows + place / columns]).collect();
                self.tensors[2 * index].values = values;
            }
        }
        self
    }

    /// The network with these numbers in f64, as the reference takes it.
    pub fn in_f64(&self, network: &Network) -> Vec<DenseLayer> {
        let layer = |(layer, tensors): (&Dense, &[ParameterTensor])| {
            let weight = Matrix::from_f32(layer.inputs, layer.outputs, &tensors[0].values);
            let bias = tensors[1].values.iter().copied().map(f64::from).collect();
            DenseLayer {
                learning_rate_factor: layer.learning_rate_factor,
                dropout: layer.dropout,
                active: layer.active,
                tied: layer.tied,
                is_variational: layer.is_variational,
                ..DenseLayer::new(weight, bias, layer.activation)
            }
        };
        network.layers().iter().zip(self.tensors.chunks_exact(2)).map(layer).collect()
    }

    pub fn tensors(&self) -> &[ParameterTensor] {
        &self.tensors
    }
}
