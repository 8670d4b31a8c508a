//! The way back from the GPU: copies into mappable staging buffers, waited for when their values are wanted.

use super::buffer::Buffer;
use super::{Commands, Element, Gpu, GpuError, Tensor};
use futures_intrusive::channel::shared::{OneshotReceiver, oneshot_channel};
use std::ops::Range;

/// A buffer that the GPU can write and the host can map, used again for one readback after the other; a clone is another handle to it.
#[derive(Clone)]
pub struct Staging {
    buffer: Buffer,
}

/// Values on their way to the host. Dropping it gives them up and frees the staging buffer.
pub struct PendingReadback {
    staging: Staging,
    elements: usize,
    mapped: OneshotReceiver<Result<(), wgpu::BufferAsyncError>>,
    submission: Option<wgpu::SubmissionIndex>,
}

impl Staging {
    /// Room for `elements` values of four bytes.
    pub fn new(gpu: &Gpu, elements: usize) -> Result<Self, GpuError> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        Ok(Self { buffer: gpu.create_buffer("staging", 4 * elements.max(1) as u64, usage)? })
    }

    /// Records copies of these elements of tensors, one behind the other, submits the commands and asks for the values, without
    /// waiting.
    pub fn submit_and_read(
        &self,
        gpu: &Gpu,
        mut commands: Commands,
        sources: &[(&Tensor, Range<usize>)],
    ) -> Result<PendingReadback, GpuError> {
        let mut elements = 0;
        for (tensor, range) in sources {
            let (from, to) = (tensor.offset() + 4 * range.start as u64, 4 * elements as u64);
            commands.encoder.copy_buffer_to_buffer(&tensor.buffer, from, &self.buffer, to, 4 * range.len() as u64);
            elements += range.len();
        }
        self.submit_and_map(gpu, commands.encoder, elements)
    }

    fn submit_and_map(
        &self,
        gpu: &Gpu,
        encoder: wgpu::CommandEncoder,
        elements: usize,
    ) -> Result<PendingReadback, GpuError> {
        let bytes = 4 * elements as u64;
        let submission = gpu.submit(encoder)?;
        let (sender, mapped) = oneshot_channel();
        self.buffer.map_async(wgpu::MapMode::Read, 0..bytes, move |result| {
            // Nobody listens any more only when the readback was abandoned after another error.
            let _ = sender.send(result);
        });
        Ok(PendingReadback { staging: self.clone(), elements, mapped, submission: Some(submission) })
    }
}

impl PendingReadback {
    /// Waits for the values and takes them.
    pub fn wait<E: Element>(mut self, gpu: &Gpu) -> Result<Vec<E>, GpuError> {
        let lost = |reason: &str| GpuError::Lost { adapter: gpu.adapter().name.clone(), reason: reason.to_owned() };
        gpu.wait(self.submission.take())?;
        // The wait above has run the callback, so that this returns at once.
        match pollster::block_on(self.mapped.receive()) {
            Some(Ok(())) => {}
            Some(Err(error)) => return Err(lost(&error.to_string())),
            None => return Err(lost("a readback was dropped")),
        }
        let view = self
            .staging
            .buffer
            .get_mapped_range(0..4 * self.elements as u64)
            .map_err(|error| lost(&error.to_string()))?;
        let values = bytemuck::pod_collect_to_vec(&view);
        drop(view);
        Ok(values)
    }
}

impl Drop for PendingReadback {
    fn drop(&mut self) {
        self.staging.buffer.unmap();
    }
}

/// Copies the first `elements` values of a buffer to the host and waits for them.
pub(super) fn download<E: Element>(gpu: &Gpu, source: &wgpu::Buffer, elements: usize) -> Result<Vec<E>, GpuError> {
    let staging = Staging::new(gpu, elements)?;
    let mut encoder = gpu.encoder();
    encoder.copy_buffer_to_buffer(source, 0, &staging.buffer, 0, 4 * elements as u64);
    staging.submit_and_map(gpu, encoder, elements)?.wait(gpu)
}
