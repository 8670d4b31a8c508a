//! Dispatches that are prepared once and recorded as often as they are to run.

use super::buffer::Buffer;
use super::completion::Completion;
use super::{BindingKind, Gpu, GpuError, Interface, Pipeline, Tensor, Variant};
use std::sync::Arc;
use std::{iter, slice};

/// WebGPU's limit for each axis of a dispatch.
pub const MAXIMUM_WORKGROUPS_PER_AXIS: u32 = 65_535;

/// A pipeline with everything bound that it needs, except for the row of the table that a step uses.
#[derive(Debug)]
pub struct Dispatch {
    pipeline: Arc<Pipeline>,
    bind_group: wgpu::BindGroup,
    uses_table: bool,
    workgroups: [u32; 3],
}

/// Uniform structures of equal layout, one for each step of a submission.
#[derive(Debug)]
pub struct Table {
    buffer: Buffer,
    stride: usize,
}

impl Table {
    /// Room for `rows` structures of `row_bytes` bytes.
    ///
    /// # Errors
    /// No memory is left, or the device is lost.
    pub fn new(gpu: &Gpu, label: &str, row_bytes: usize, rows: usize) -> Result<Self, GpuError> {
        let stride = row_bytes.next_multiple_of(gpu.device.limits().min_uniform_buffer_offset_alignment as usize);
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        Ok(Self { buffer: gpu.create_buffer(label, (stride * rows) as u64, usage)?, stride })
    }

    /// Writes the first rows before the next submission runs; there are at most as many as the table has.
    ///
    /// # Errors
    /// The device is lost.
    pub fn upload<R: bytemuck::Pod>(&self, gpu: &Gpu, rows: &[R]) -> Result<(), GpuError> {
        let mut bytes = vec![0; self.stride * rows.len()];
        for (place, row) in bytes.chunks_exact_mut(self.stride).zip(rows) {
            place[..size_of::<R>()].copy_from_slice(bytemuck::bytes_of(row));
        }
        if bytes.is_empty() { Ok(()) } else { gpu.write(&self.buffer, 0, &bytes) }
    }
}

/// What a dispatch is made of.
pub struct DispatchDescriptor<'a> {
    /// The shader's bindings.
    pub interface: &'static Interface,
    /// The variant of it that runs.
    pub variant: &'a Variant,
    /// The bytes of the shader's uniform structure; empty where it has none.
    pub parameters: &'a [u8],
    /// The bytes of the first of its array of uniform structures, the others being zeros; empty where it has none.
    pub structures: &'a [u8],
    /// Needed where the shader reads a row of it.
    pub table: Option<&'a Table>,
    /// In the order of the interface's storage bindings.
    pub tensors: &'a [&'a Tensor],
    /// Workgroups along x, y and z, at most 65,535 each.
    pub workgroups: [u32; 3],
}

impl Dispatch {
    /// The variant that runs, for people.
    pub fn label(&self) -> &str {
        &self.pipeline.label
    }

    /// Binds tensors to a variant of a shader.
    ///
    /// # Errors
    /// Too many workgroups, tensors or bytes that the shader's interface does not ask for, a shader that is not valid or that the driver
    /// refuses, or a lost device.
    pub fn new(gpu: &Gpu, descriptor: &DispatchDescriptor<'_>) -> Result<Self, GpuError> {
        let DispatchDescriptor { interface, variant, parameters, structures, table, tensors, workgroups } = *descriptor;
        if workgroups.iter().any(|&count| count > MAXIMUM_WORKGROUPS_PER_AXIS) {
            return Err(GpuError::TooManyWorkgroups { label: variant.to_string(), wanted: workgroups });
        }
        let pipeline = gpu.pipeline(interface, variant)?;
        let mismatch = |reason: &str| GpuError::Shader { shader: variant.to_string(), reason: reason.to_owned() };
        let uniform = |bytes: &[u8], size: usize| -> Result<Buffer, GpuError> {
            let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
            let buffer = gpu.create_buffer(&format!("parameters of {variant}"), size as u64, usage)?;
            gpu.write(&buffer, 0, bytes)?;
            Ok(buffer)
        };
        let mut uniforms = Vec::new();
        for binding in interface.bindings_of(variant) {
            uniforms.push(match binding.kind {
                BindingKind::Parameters(_) if parameters.is_empty() => return Err(mismatch("it has no parameters")),
                BindingKind::Structures(..) if structures.is_empty() => return Err(mismatch("it has no structures")),
                BindingKind::Parameters(layout) => Some(uniform(parameters, layout.size)?),
                BindingKind::Structures(layout, count) => Some(uniform(structures, layout.size * count)?),
                BindingKind::TableRow(_) | BindingKind::Read | BindingKind::Write => None,
            });
        }
        let mut unbound = tensors.iter();
        let mut entries = Vec::new();
        let mut uses_table = false;
        for (binding, uniform) in interface.bindings_of(variant).zip(&uniforms) {
            let resource = match (binding.kind, uniform) {
                (_, Some(uniform)) => uniform.as_entire_binding(),
                (BindingKind::TableRow(layout), _) => {
                    uses_table = true;
                    let table = table.ok_or_else(|| mismatch("it has no table"))?;
                    wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                        buffer: &table.buffer,
                        offset: 0,
                        size: std::num::NonZeroU64::new(layout.size as u64),
                    })
                }
                _ => unbound.next().ok_or_else(|| mismatch("too few tensors"))?.binding(),
            };
            entries.push(wgpu::BindGroupEntry { binding: binding.index, resource });
        }
        if unbound.next().is_some() {
            return Err(mismatch("too many tensors"));
        }
        let descriptor =
            wgpu::BindGroupDescriptor { label: Some(&pipeline.label), layout: &pipeline.layout, entries: &entries };
        let bind_group = gpu.checked(&pipeline.label, || gpu.device.create_bind_group(&descriptor))?;
        Ok(Self { pipeline, bind_group, uses_table, workgroups })
    }

    fn add_to(&self, pass: &mut wgpu::ComputePass<'_>, offset_in_table: &[u32]) {
        pass.set_pipeline(&self.pipeline.pipeline);
        pass.set_bind_group(0, &self.bind_group, if self.uses_table { offset_in_table } else { &[] });
        let [x, y, z] = self.workgroups;
        pass.dispatch_workgroups(x, y, z);
    }
}

/// Recorded work, to be submitted once.
pub struct Commands {
    pub(super) encoder: wgpu::CommandEncoder,
    /// Ends every pass.
    completion: Option<Arc<Completion>>,
    passes: u32,
}

/// Recorded work, encoded for the adapter.
pub struct FinishedCommands {
    pub(super) buffer: wgpu::CommandBuffer,
    pub(super) passes: u32,
}

impl Commands {
    /// Nothing yet.
    pub fn new(gpu: &Gpu) -> Self {
        Self { encoder: gpu.encoder(), completion: gpu.completion().cloned(), passes: 0 }
    }

    /// Encodes the work for the adapter now rather than when it is submitted.
    pub fn finish(self) -> FinishedCommands {
        FinishedCommands { buffer: self.encoder.finish(), passes: self.passes }
    }

    /// Runs the dispatches in order for each of the table's first `rows` rows, one row after the other.
    pub fn record(gpu: &Gpu, dispatches: &[Dispatch], table: &Table, rows: usize) -> Self {
        let mut commands = Self::new(gpu);
        commands.dispatch(dispatches, table, rows);
        commands
    }

    /// Adds what [`Self::record`] records.
    pub fn dispatch(&mut self, dispatches: &[Dispatch], table: &Table, rows: usize) {
        self.dispatch_rows(dispatches, table, 0..rows);
    }

    /// Adds so many runs of a dispatch, each with the table's first row.
    pub fn repeat(&mut self, dispatch: &Dispatch, table: &Table, runs: usize) {
        self.dispatch_rows(slice::from_ref(dispatch), table, iter::repeat_n(0, runs));
    }

    fn dispatch_rows(&mut self, dispatches: &[Dispatch], table: &Table, rows: impl Iterator<Item = usize>) {
        let mut pass = self.encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        for row in rows {
            let offset = [(row * table.stride) as u32];
            for dispatch in dispatches {
                dispatch.add_to(&mut pass, &offset);
            }
        }
        if let Some(completion) = &self.completion {
            completion.dispatch.add_to(&mut pass, &[]);
            self.passes += 1;
        }
    }

    /// Records a copy of the count of passes that have run to the first word of a buffer; gives what it must have come to by then.
    pub(super) fn copy_count(&mut self, target: &wgpu::Buffer) -> u32 {
        self.completion.as_ref().map_or(0, |completion| {
            completion.copy(&mut self.encoder, target);
            completion.after(self.passes)
        })
    }
}
