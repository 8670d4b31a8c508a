//! Operations over named tensors: what a step computes, before any buffer or kernel is chosen.

use crate::kernels::gather::Order;
use crate::reference::{Activation, Adam, Loss};

/// A tensor of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TensorId(usize);

/// A tensor's name and shape. Graphs that use the same name and shape share the tensor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TensorShape {
    pub name: String,
    pub rows: usize,
    pub columns: usize,
}

/// One operation; each becomes one dispatch.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// batch [batch_size, pixels] out of samples [sample_count, words].
    Gather { samples: TensorId, batch: TensorId, order: Order },
    /// output [batch_size, outputs] = activation(input · weight + bias).
    Dense { input: TensorId, weight: TensorId, bias: TensorId, output: TensorId, activation: Activation },
    /// sample_losses [batch_size, 1], and gradient [batch_size, outputs] of the mean loss with respect to the logits.
    Loss {
        loss: Loss,
        output_activation: Activation,
        logits: TensorId,
        targets: TensorId,
        gradient: TensorId,
        sample_losses: TensorId,
    },
    /// One element of losses: the mean of sample_losses.
    MeanLoss { sample_losses: TensorId, losses: TensorId },
    /// weight_gradient [inputs, outputs] = inputᵀ · gradient.
    WeightGradient { input: TensorId, gradient: TensorId, weight_gradient: TensorId },
    /// bias_gradient [1, outputs]: the column sums of gradient.
    BiasGradient { gradient: TensorId, bias_gradient: TensorId },
    /// input_gradient [batch_size, inputs] = gradient · weightᵀ · activation'(input), where the activation is that which gave the input.
    InputGradient {
        gradient: TensorId,
        weight: TensorId,
        activation: Activation,
        input: TensorId,
        input_gradient: TensorId,
    },
    /// One update of a parameter tensor.
    Adam { settings: Adam, gradient: TensorId, values: TensorId, first_moment: TensorId, second_moment: TensorId },
    /// scatter [pixels, pixels] = batchᵀ · batch.
    Scatter { batch: TensorId, scatter: TensorId },
    /// metrics [samples, 2]: cross-entropy and squared error of each sample.
    Metrics { output_activation: Activation, logits: TensorId, targets: TensorId, metrics: TensorId },
}

/// Tensors and the operations on them, in the order in which they run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    tensors: Vec<TensorShape>,
    operations: Vec<Operation>,
}

impl Graph {
    /// The tensor of this name and shape, declared now if it is new.
    pub fn tensor(&mut self, name: impl Into<String>, rows: usize, columns: usize) -> TensorId {
        let shape = TensorShape { name: name.into(), rows, columns };
        let known = self.tensors.iter().position(|tensor| *tensor == shape);
        TensorId(known.unwrap_or_else(|| {
            self.tensors.push(shape);
            self.tensors.len() - 1
        }))
    }

    pub fn push(&mut self, operation: Operation) {
        self.operations.push(operation);
    }

    pub fn tensors(&self) -> &[TensorShape] {
        &self.tensors
    }

    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    pub fn shape(&self, tensor: TensorId) -> &TensorShape {
        &self.tensors[tensor.0]
    }
}
