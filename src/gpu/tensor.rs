//! A matrix of 32-bit numbers in the GPU's memory.

use super::{Gpu, GpuError, readback};
use bytemuck::Pod;

/// What a tensor's elements are: shaders see four bytes each.
pub trait Element: Pod {}
impl Element for f32 {}
impl Element for u32 {}

/// A row-major matrix in a buffer of its own; a clone is another handle to the same buffer.
///
/// Each tensor has its own buffer because wgpu tracks hazards by the buffer: work on different tensors may overlap.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub(super) buffer: wgpu::Buffer,
    label: String,
    rows: usize,
    columns: usize,
}

impl Tensor {
    /// A zeroed tensor. `rows` and `columns` are at least 1.
    pub fn zeros(gpu: &Gpu, label: &str, rows: usize, columns: usize) -> Result<Self, GpuError> {
        let bytes = 4 * rows as u64 * columns as u64;
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let buffer = gpu.create_buffer(label, bytes.max(4), usage)?;
        Ok(Self { buffer, label: label.to_owned(), rows, columns })
    }

    /// A tensor holding `elements`, `rows × columns` of them.
    pub fn from_elements<E: Element>(
        gpu: &Gpu,
        label: &str,
        rows: usize,
        columns: usize,
        elements: &[E],
    ) -> Result<Self, GpuError> {
        let tensor = Self::zeros(gpu, label, rows, columns)?;
        tensor.upload(gpu, elements)?;
        Ok(tensor)
    }

    /// Replaces the elements from the first on; there are at most `rows × columns`.
    pub fn upload<E: Element>(&self, gpu: &Gpu, elements: &[E]) -> Result<(), GpuError> {
        if elements.is_empty() { Ok(()) } else { gpu.write(&self.buffer, 0, bytemuck::cast_slice(elements)) }
    }

    /// Copies all elements to the host and waits for them.
    pub fn download<E: Element>(&self, gpu: &Gpu) -> Result<Vec<E>, GpuError> {
        readback::download(gpu, &self.buffer, self.len())
    }

    pub fn label(&self) -> &str {
        &self.label
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.rows * self.columns
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
