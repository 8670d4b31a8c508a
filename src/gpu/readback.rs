//! The way back from the GPU: copies into mappable staging buffers, waited for when their values are wanted.

use super::buffer::Buffer;
use super::completion::has_come_to;
use super::{Commands, Element, Gpu, GpuError, Tensor};
use std::ops::Range;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

/// Bytes before the values: those of the count of passes, and as many as places of mapped ranges are multiples of.
pub(super) const VALUES_START: u64 = 8;

/// A buffer that the GPU can write and the host can map, used again for one readback after the other; a clone is another handle to it.
#[derive(Clone)]
pub struct Staging {
    buffer: Buffer,
}

/// Values on their way to the host. Dropping it gives them up and frees the staging buffer.
pub struct PendingReadback {
    staging: Staging,
    /// Of the buffer, up to the last value.
    bytes: u64,
    mapped: Receiver<Result<(), wgpu::BufferAsyncError>>,
    /// The count of passes that the values are behind.
    awaited: u32,
    /// Which brings the values; none where the latest may have to be waited for.
    submission: Option<wgpu::SubmissionIndex>,
}

impl Staging {
    /// Room for `elements` values of four bytes.
    ///
    /// # Errors
    /// No memory is left, or the device is lost.
    pub fn new(gpu: &Gpu, elements: usize) -> Result<Self, GpuError> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        Ok(Self { buffer: gpu.create_buffer("staging", VALUES_START + 4 * elements as u64, usage)? })
    }

    /// Records copies of these elements of tensors, one behind the other, submits the commands and asks for the values, without
    /// waiting.
    ///
    /// # Errors
    /// The device is lost, or was lost before.
    pub fn submit_and_read(
        &self,
        gpu: &Gpu,
        mut commands: Commands,
        sources: &[(&Tensor, Range<usize>)],
    ) -> Result<PendingReadback, GpuError> {
        let mut pending = self.read(&mut commands, sources);
        pending.submission = Some(gpu.submit(commands.finish())?);
        Ok(pending)
    }

    /// Records copies of these elements of tensors, one behind the other; the values come once the commands have been submitted.
    fn read(&self, commands: &mut Commands, sources: &[(&Tensor, Range<usize>)]) -> PendingReadback {
        let place = |(tensor, range): &(&Tensor, Range<usize>)| tensor.offset() + 4 * range.start as u64;
        self.read_buffers(commands, sources.iter().map(|source| (&*source.0.buffer, place(source), source.1.len())))
    }

    /// The same of buffers, each from a byte on, so many values.
    fn read_buffers<'b>(
        &self,
        commands: &mut Commands,
        sources: impl Iterator<Item = (&'b wgpu::Buffer, u64, usize)>,
    ) -> PendingReadback {
        let mut bytes = VALUES_START;
        for (source, from, elements) in sources {
            commands.encoder.copy_buffer_to_buffer(source, from, &self.buffer, bytes, 4 * elements as u64);
            bytes += 4 * elements as u64;
        }
        // Behind the values, so that it does not come without them.
        let awaited = commands.copy_count(&self.buffer);
        let (sender, mapped) = sync_channel(1);
        commands.encoder.map_buffer_on_submit(&self.buffer, wgpu::MapMode::Read, 0..bytes, move |result| {
            // Nobody listens any more only when the readback was abandoned after another error.
            let _ = sender.send(result);
        });
        PendingReadback { staging: self.clone(), bytes, mapped, awaited, submission: None }
    }
}

impl PendingReadback {
    /// Waits for the values and takes them.
    ///
    /// # Errors
    /// The device is lost, does not finish within the wait limit, or has not run all passes that were submitted.
    pub fn wait<E: Element>(mut self, gpu: &Gpu) -> Result<Vec<E>, GpuError> {
        let lost = |reason: &str| GpuError::Lost { adapter: gpu.adapter().name.clone(), reason: reason.to_owned() };
        let mut mapped = self.mapped.try_recv();
        if mapped == Err(TryRecvError::Empty) {
            gpu.wait(self.submission.take())?;
            // The wait has run the callback.
            mapped = self.mapped.try_recv();
        }
        match mapped {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(lost(&error.to_string())),
            Err(_) => return Err(lost("a readback was dropped")),
        }
        let view = self.staging.buffer.get_mapped_range(0..self.bytes).map_err(|error| lost(&error.to_string()))?;
        let (count, values) = view.split_at(VALUES_START as usize);
        if !has_come_to(bytemuck::pod_read_unaligned(&count[..4]), self.awaited) {
            return Err(lost(
                "it ended work that it has not done; its memory or its time may have been too short for it",
            ));
        }
        Ok(bytemuck::pod_collect_to_vec(values))
    }
}

impl Drop for PendingReadback {
    fn drop(&mut self) {
        self.staging.buffer.unmap();
    }
}

/// Whole tensors that are copied to the host while the GPU goes on, again and again, one copy at a time.
pub struct Snapshot {
    tensors: Vec<Tensor>,
    staging: Vec<Staging>,
}

/// The values of a snapshot on their way to the host.
pub struct PendingSnapshot(Vec<PendingReadback>);

impl Snapshot {
    /// Makes room for the copies, which is as large as the tensors.
    ///
    /// # Errors
    /// No memory is left for the copies, or the device is lost.
    pub fn new(gpu: &Gpu, tensors: Vec<Tensor>) -> Result<Self, GpuError> {
        let staging = tensors.iter().map(|tensor| Staging::new(gpu, tensor.len())).collect::<Result<_, _>>()?;
        Ok(Self { tensors, staging })
    }

    /// Records copies of the tensors as they are when the commands have come so far. The snapshot before has been taken or given up.
    pub fn record(&self, commands: &mut Commands) -> PendingSnapshot {
        let copies = self.tensors.iter().zip(&self.staging);
        PendingSnapshot(copies.map(|(tensor, staging)| staging.read(commands, &[(tensor, 0..tensor.len())])).collect())
    }
}

impl PendingSnapshot {
    /// The values of each tensor. Waits only if the commands have not run yet.
    ///
    /// # Errors
    /// As for [`PendingReadback::wait`].
    pub fn wait<E: Element>(self, gpu: &Gpu) -> Result<Vec<Vec<E>>, GpuError> {
        self.0.into_iter().map(|pending| pending.wait(gpu)).collect()
    }
}

/// Copies the first `elements` values of a buffer to the host and waits for them.
pub(super) fn download<E: Element>(gpu: &Gpu, source: &wgpu::Buffer, elements: usize) -> Result<Vec<E>, GpuError> {
    let mut commands = Commands::new(gpu);
    let staging = Staging::new(gpu, elements)?;
    let mut pending = staging.read_buffers(&mut commands, [(source, 0, elements)].into_iter());
    pending.submission = Some(gpu.submit(commands.finish())?);
    pending.wait(gpu)
}
