//! The buffers behind a graph's tensors, shared by every graph that names them.

use super::{Graph, TensorId, TensorShape};
use crate::gpu::{Gpu, GpuError, Tensor};
use crate::model::{Network, ParameterShape, Parameters, TrainingState};
use crate::reference::Moments;
use std::collections::BTreeMap;

/// Tensors by name and shape. Each has a buffer of its own, since wgpu tracks hazards by the buffer; but parts share that of the whole.
#[derive(Debug, Default)]
pub struct Memory {
    tensors: BTreeMap<TensorShape, Tensor>,
}

impl Memory {
    /// Makes the tensors that the graph names and that are not there yet; they hold zeros. If there is no room for all, none is made.
    ///
    /// # Errors
    /// No room for all of them, one beyond what the adapter allows in a buffer, or a lost device.
    pub fn place(&mut self, gpu: &Gpu, graph: &Graph) -> Result<(), GpuError> {
        let is_new = |shape: &&TensorShape| {
            !self.tensors.contains_key(shape) && graph.parts().iter().all(|part| part.shape != **shape)
        };
        let new = graph.tensors().iter().filter(is_new);
        let bytes = new.map(|shape| 4 * shape.rows as u64 * shape.columns as u64).fold(0, u64::saturating_add);
        gpu.refuse_without_room("the tensors of a step", 0, bytes)?;
        for part in graph.parts() {
            if !self.tensors.contains_key(&part.shape) {
                let shape = graph.shape(part.whole);
                let whole = self.tensor_named(gpu, &shape.name, shape.rows, shape.columns)?;
                let tensor = whole.part(part.offset, part.shape.rows, part.shape.columns);
                self.tensors.insert(part.shape.clone(), tensor);
            }
        }
        for shape in graph.tensors() {
            self.tensor_named(gpu, &shape.name, shape.rows, shape.columns)?;
        }
        Ok(())
    }

    /// The tensor of this name and shape, made of zeros if it is new.
    ///
    /// # Errors
    /// As for [`Tensor::zeros`].
    pub fn tensor_named(&mut self, gpu: &Gpu, name: &str, rows: usize, columns: usize) -> Result<Tensor, GpuError> {
        let shape = TensorShape { name: name.to_owned(), rows, columns };
        if let Some(tensor) = self.tensors.get(&shape) {
            return Ok(tensor.clone());
        }
        let tensor = Tensor::zeros(gpu, name, rows, columns)?;
        self.tensors.insert(shape, tensor.clone());
        Ok(tensor)
    }

    /// Puts every parameter tensor of the network on the GPU.
    ///
    /// # Errors
    /// As for [`Tensor::from_elements`].
    pub fn upload_parameters(&mut self, gpu: &Gpu, network: &Network, parameters: &Parameters) -> Result<(), GpuError> {
        for (shape, tensor) in network.parameter_shapes().iter().zip(parameters.tensors()) {
            self.tensor_named(gpu, &shape.name, shape.rows, shape.columns)?.upload(gpu, &tensor.values)?;
        }
        Ok(())
    }

    /// Copies every parameter tensor of the network from the GPU.
    ///
    /// # Errors
    /// A tensor that is not there, or a fault of the GPU.
    pub fn download_parameters(&self, gpu: &Gpu, network: &Network) -> Result<Parameters, GpuError> {
        Parameters::build(network, |_, shape| {
            let shape = TensorShape { name: shape.name.clone(), rows: shape.rows, columns: shape.columns };
            self.find(&shape)?.download(gpu)
        })
    }

    /// The tensors of a training that has been placed, in the order of [`TrainingState::names`].
    ///
    /// # Errors
    /// One of them has not been placed.
    pub fn state_tensors(&self, network: &Network, moments: Moments) -> Result<Vec<Tensor>, GpuError> {
        let names = TrainingState::names(network, moments);
        let find = |(name, shape): (String, ParameterShape)| {
            self.find(&TensorShape { name, rows: shape.rows, columns: shape.columns }).cloned()
        };
        names.into_iter().map(find).collect()
    }

    /// The tensor behind a graph's.
    ///
    /// # Errors
    /// It has not been placed.
    pub fn tensor(&self, graph: &Graph, id: TensorId) -> Result<&Tensor, GpuError> {
        self.find(graph.shape(id))
    }

    fn find(&self, shape: &TensorShape) -> Result<&Tensor, GpuError> {
        self.tensors.get(shape).ok_or_else(|| GpuError::NotPlaced { tensor: shape.name.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_that_was_not_placed_is_told_as_a_fault_of_the_program() {
        let mut graph = Graph::default();
        let weight = graph.tensor("encoder.0.weight", 2, 3);
        let message = Memory::default().tensor(&graph, weight).unwrap_err().to_string();
        assert!(message.starts_with("encoder.0.weight is not in the GPU's memory"), "{message}");
    }
}
