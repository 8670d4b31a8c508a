//! The way to the GPU for rows of bytes: a buffer that the host fills while it is mapped and the GPU copies from.

use super::buffer::Buffer;
use super::{Commands, Gpu, GpuError, Tensor};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

/// A buffer that is filled and copied from again and again: mapped until its rows are on their way, and again once they have arrived.
pub struct UploadBuffer {
    buffer: Buffer,
    /// Tells when the buffer is mapped again; none while it is.
    mapping: Option<Receiver<Result<(), wgpu::BufferAsyncError>>>,
}

impl UploadBuffer {
    /// Room for `elements` elements of four bytes; at least 1.
    ///
    /// # Errors
    /// No memory is left, or the device is lost.
    pub fn new(gpu: &Gpu, elements: usize) -> Result<Self, GpuError> {
        let usage = wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC;
        Ok(Self { buffer: gpu.create_mapped_buffer("upload", 4 * elements as u64, usage)?, mapping: None })
    }

    /// Fills the buffer with `rows` and records their copy into the rows of `target` from `first_row` on.
    ///
    /// Each row's bytes are at most four for each column of `target`; the rest of it becomes zeros. The buffer and the target have room
    /// for all rows. If an earlier copy out of this buffer has not run yet, it is waited for.
    ///
    /// # Errors
    /// The device is lost, or an earlier copy does not finish within the wait limit.
    pub fn copy_rows<'r>(
        &mut self,
        gpu: &Gpu,
        commands: &mut Commands,
        target: &Tensor,
        first_row: usize,
        rows: impl ExactSizeIterator<Item = &'r [u8]>,
    ) -> Result<(), GpuError> {
        if rows.len() == 0 {
            return Ok(());
        }
        self.wait_until_mapped(gpu)?;
        let row_bytes = 4 * target.columns();
        let bytes = (row_bytes * rows.len()) as u64;
        let mut view = self.buffer.get_mapped_range_mut(0..bytes).map_err(|error| lost(gpu, &error.to_string()))?;
        let mut unfilled = view.slice(..);
        for row in rows {
            let (place, behind) = unfilled.split_at(row_bytes);
            let (mut filled, mut padding) = place.split_at(row.len());
            filled.copy_from_slice(row);
            padding.fill(0);
            unfilled = behind;
        }
        drop(view);
        self.buffer.unmap();
        commands.encoder.copy_buffer_to_buffer(
            &self.buffer,
            0,
            &target.buffer,
            target.offset() + (row_bytes * first_row) as u64,
            bytes,
        );
        let (sender, mapping) = sync_channel(1);
        commands.encoder.map_buffer_on_submit(&self.buffer, wgpu::MapMode::Write, .., move |result| {
            // Nobody listens any more only when the upload buffer is gone.
            let _ = sender.send(result);
        });
        self.mapping = Some(mapping);
        Ok(())
    }

    fn wait_until_mapped(&mut self, gpu: &Gpu) -> Result<(), GpuError> {
        let Some(mapping) = self.mapping.take() else { return Ok(()) };
        let mut mapped = mapping.try_recv();
        if mapped == Err(TryRecvError::Empty) {
            gpu.finish()?;
            mapped = mapping.try_recv();
        }
        match mapped {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(lost(gpu, &error.to_string())),
            Err(_) => Err(lost(gpu, "an upload was dropped")),
        }
    }
}

fn lost(gpu: &Gpu, reason: &str) -> GpuError {
    GpuError::Lost { adapter: gpu.adapter().name.clone(), reason: reason.to_owned() }
}
