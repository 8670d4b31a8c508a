//! What an adapter can do at most: multiply-adds, bytes moved, and dispatches that wait for each other.

use super::timer::{Spread, Timer};
use crate::gpu::{Gpu, GpuError, Tensor};
use crate::kernels::{copy, multiply_add};
use serde::Serialize;

/// An adapter's own measured limits.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AdapterLimits {
    /// Floating-point operations a second, in multiply-adds of f32 that stay in registers; each counts as two.
    pub operations_per_second: Spread,
    /// Bytes a second, read and written together, that a shader copies from one large tensor into another.
    pub bytes_per_second: Spread,
    /// Seconds from one dispatch to the next that waits for it, when both do next to nothing.
    pub dispatch_seconds: Spread,
}

/// Groups of four elements: enough lanes for the largest GPU.
const QUADS: usize = 1 << 17;
/// Operations of one run: short on a GPU, bearable on a CPU.
const ITERATIONS: usize = 64;
/// From whatever start, each run ends near 2.
const FACTOR: f32 = 0.5;
const ADDEND: f32 = 0.25;
/// Bytes of the tensor that is copied: beyond the caches of most adapters.
const COPIED_BYTES: u64 = 256 << 20;

impl AdapterLimits {
    /// Measures an adapter's limits, the copies over as large a tensor as there is memory for.
    ///
    /// # Errors
    /// A fault of the GPU, or no memory for the smallest tensors.
    pub fn measure(gpu: &Gpu, timer: &Timer<'_>) -> Result<Self, GpuError> {
        let tensor = |quads: usize| Tensor::zeros(gpu, "bench", quads, 4);
        let values = tensor(QUADS)?;
        let chains = multiply_add::call(QUADS, ITERATIONS, FACTOR, ADDEND).bind(gpu, None, &[&values])?;
        let operations = multiply_add::operations(QUADS, ITERATIONS);
        let operations_per_second = timer.seconds(&chains)?.rate(operations);

        let copy = |quads: usize| copy::call(quads).bind(gpu, None, &[&tensor(quads)?, &tensor(quads)?]);
        let mut quads = (COPIED_BYTES.min(gpu.largest_tensor()) / 16) as usize;
        let large = loop {
            match copy(quads) {
                Err(GpuError::OutOfMemory { .. }) if quads > QUADS => quads /= 2,
                result => break result?,
            }
        };
        let bytes_per_second = timer.seconds(&large)?.rate(32.0 * quads as f64);
        Ok(Self { operations_per_second, bytes_per_second, dispatch_seconds: timer.seconds(&copy(1)?)? })
    }

    /// Seconds below which no work of so many operations and bytes, and of so long a chain of dispatches, can come.
    pub fn least_seconds(&self, operations: f64, bytes: f64, dependent_dispatches: usize) -> f64 {
        let work = (operations / self.operations_per_second.median).max(bytes / self.bytes_per_second.median);
        work.max(dependent_dispatches as f64 * self.dispatch_seconds.median)
    }
}
