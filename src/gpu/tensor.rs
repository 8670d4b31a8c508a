//! A matrix of 32-bit numbers in the GPU's memory.

use super::buffer::Buffer;
use super::{Gpu, GpuError, readback};
use bytemuck::Pod;

/// What a tensor's elements are: shaders see four bytes each.
pub trait Element: Pod {}
impl Element for f32 {}
impl Element for u32 {}

/// The places at which a [part](Tensor::part) of a tensor may begin are multiples of this many elements: WebGPU wants 256 bytes at most.
pub const PART_ALIGNMENT: usize = 64;

/// A row-major matrix in a buffer of its own; a clone is another handle to the same buffer.
///
/// Each tensor has its own buffer because wgpu tracks hazards by the buffer: work on different tensors may overlap.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub(super) buffer: Buffer,
    rows: usize,
    columns: usize,
    /// Elements of the buffer before the first one of the matrix, and after its last.
    guards: [usize; 2],
}

/// The elements of a guarded tensor, and those that stand before and behind them.
pub struct GuardedElements<E> {
    /// Those before the first element of the matrix.
    pub front: Vec<E>,
    /// Those of the matrix, row by row.
    pub elements: Vec<E>,
    /// Those behind its last element.
    pub tail: Vec<E>,
}

impl Tensor {
    /// A zeroed tensor. `rows` and `columns` are at least 1.
    ///
    /// # Errors
    /// More bytes than the adapter allows in one buffer, no memory left, or a lost device.
    pub fn zeros(gpu: &Gpu, label: &str, rows: usize, columns: usize) -> Result<Self, GpuError> {
        Self::allocate(gpu, label, rows, columns, [0, 0])
    }

    /// A tensor holding `elements`, `rows × columns` of them.
    ///
    /// # Errors
    /// As for [`Self::zeros`].
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

    /// A tensor between two guards that hold `guard`, `guards` elements of them behind the matrix, and at least as many before it.
    ///
    /// A shader sees the guard behind the matrix as well: an access past the end lands there rather than being caught by the
    /// driver, so that a check finds it on every adapter. The one before the matrix is outside of the binding.
    ///
    /// # Errors
    /// As for [`Self::zeros`].
    pub fn guarded<E: Element>(
        gpu: &Gpu,
        label: &str,
        [rows, columns]: [usize; 2],
        elements: &[E],
        guard: E,
        guards: usize,
    ) -> Result<Self, GpuError> {
        let front = guards.next_multiple_of(gpu.storage_alignment() / size_of::<E>());
        let tensor = Self::allocate(gpu, label, rows, columns, [front, guards])?;
        let whole = [vec![guard; front].as_slice(), elements, vec![guard; guards].as_slice()].concat();
        gpu.write(&tensor.buffer, 0, bytemuck::cast_slice(&whole))?;
        Ok(tensor)
    }

    fn allocate(gpu: &Gpu, label: &str, rows: usize, columns: usize, guards: [usize; 2]) -> Result<Self, GpuError> {
        let bytes = 4 * (rows as u64 * columns as u64 + guards.iter().sum::<usize>() as u64);
        gpu.refuse_too_large(label, bytes)?;
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let buffer = gpu.create_buffer(label, bytes.max(4), usage)?;
        Ok(Self { buffer, rows, columns, guards })
    }

    /// What a shader sees: the matrix and the guard behind it.
    pub(super) fn binding(&self) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: &self.buffer, offset: self.offset(), size: None })
    }

    /// Bytes of the buffer before the first element of the matrix.
    pub(super) fn offset(&self) -> u64 {
        4 * self.guards[0] as u64
    }

    /// Replaces the elements from the first on; there are at most `rows × columns`.
    ///
    /// # Errors
    /// The device is lost.
    pub fn upload<E: Element>(&self, gpu: &Gpu, elements: &[E]) -> Result<(), GpuError> {
        if elements.is_empty() {
            return Ok(());
        }
        gpu.write(&self.buffer, self.offset(), bytemuck::cast_slice(elements))
    }

    /// `rows × columns` elements of this tensor from `offset` on, as a tensor of their own in the same buffer. `offset` is a multiple of
    /// [`PART_ALIGNMENT`], and the part lies within the tensor.
    pub fn part(&self, offset: usize, rows: usize, columns: usize) -> Self {
        let [front, _] = self.guards;
        let behind = self.len().saturating_sub(offset + rows * columns);
        Self { buffer: self.buffer.clone(), rows, columns, guards: [front + offset, behind] }
    }

    /// Copies all elements to the host and waits for them.
    ///
    /// # Errors
    /// No memory is left for the copy, the device is lost, or it does not finish within the wait limit.
    pub fn download<E: Element>(&self, gpu: &Gpu) -> Result<Vec<E>, GpuError> {
        let [front, _] = self.guards;
        let mut elements = readback::download(gpu, &self.buffer, front + self.len())?;
        Ok(elements.split_off(front))
    }

    /// Copies all elements and both guards to the host and waits for them.
    ///
    /// # Errors
    /// As for [`Self::download`].
    pub fn download_guarded<E: Element>(&self, gpu: &Gpu) -> Result<GuardedElements<E>, GpuError> {
        let [front, tail] = self.guards;
        let mut whole = readback::download(gpu, &self.buffer, front + self.len() + tail)?;
        let tail = whole.split_off(front + self.len());
        let elements = whole.split_off(front);
        Ok(GuardedElements { front: whole, elements, tail })
    }

    /// Rows of the matrix.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of the matrix.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.rows * self.columns
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
