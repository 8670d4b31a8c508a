//! A device: the adapter opened for work, its pipelines, and the one place that waits for it.

use super::buffer::{Buffer, BufferBytes};
use super::completion::Completion;
use super::error::{on_one_line, with_causes};
use super::readback::VALUES_START;
use super::{
    AdapterSummary, Commands, FinishedCommands, GpuError, Interface, Needs, Pipeline, Selection, Variant,
    available_adapters, feature, first_run, pipeline, shader,
};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a submission may take before the adapter counts as hung. Drivers reset a GPU after about two seconds; a software
/// adapter on a busy machine may honestly need longer.
const WAIT_LIMIT: Duration = Duration::from_secs(60);

/// Bytes that wgpu reserves together for buffers that are smaller. By default it would take 128 MiB and more; but buffers are few and
/// live long, so that there is nothing to gain from it.
const MEMORY_BLOCKS: Range<u64> = 4 << 20..8 << 20;

/// The most bytes of a binding. wgpu tells Metal's shaders of sizes in 32 bits, and they take what lies beyond for what lies at the end.
const LARGEST_BINDING: u64 = (1 << 32) - 256;

/// An open adapter. Errors of the driver reach the caller as [`GpuError`], never as a panic.
pub struct Gpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    selection: Selection,
    wait_limit: Duration,
    buffer_bytes: Arc<BufferBytes>,
    data_memory: Option<u64>,
    fault: Arc<Mutex<Option<GpuError>>>,
    pipelines: Mutex<HashMap<Variant, Arc<Pipeline>>>,
    /// There once the device is open.
    completion: Option<Arc<Completion>>,
}

impl Gpu {
    /// Opens a device with the adapter's own limits rather than WebGPU's defaults.
    ///
    /// # Errors
    /// The adapter gives no device, or no memory for its first buffers.
    pub fn open(selection: &Selection) -> Result<Self, GpuError> {
        let name = &selection.summary.name;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("diabolo"),
            required_features: selection.adapter.features() & feature::WANTED,
            required_limits: selection.adapter.limits(),
            memory_hints: wgpu::MemoryHints::Manual { suballocated_device_memory_block_size: MEMORY_BLOCKS },
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(selection.adapter.request_device(&descriptor))
            .map_err(|error| GpuError::NoDevice { adapter: name.clone(), reason: with_causes(&error) })?;
        let fault = Arc::new(Mutex::new(None));
        watch_for_faults(&device, name, &fault);
        let gpu = Self {
            device,
            queue,
            selection: selection.clone(),
            wait_limit: WAIT_LIMIT,
            buffer_bytes: Arc::default(),
            data_memory: None,
            fault,
            pipelines: Mutex::default(),
            completion: None,
        };
        let completion = Completion::new(&gpu)?;
        Ok(Self { completion: Some(Arc::new(completion)), ..gpu })
    }

    /// The adapter that `DIABOLO_ADAPTER` names, or the default one.
    #[cfg(test)]
    pub(crate) fn of_tests() -> Self {
        let wanted = std::env::var("DIABOLO_ADAPTER").ok();
        Self::open(&super::select_adapter(wanted.as_deref()).unwrap()).unwrap()
    }

    /// A new device of the same adapter, with the same limits, for when this one is lost. The adapter is looked for anew, since its
    /// driver may have been reset.
    ///
    /// # Errors
    /// The adapter is not there any more, or gives no other device.
    pub fn reopen(&self) -> Result<Self, GpuError> {
        let same = self.adapter();
        let is_same = |selection: &&Selection| {
            let AdapterSummary { index, name, backend, .. } = &selection.summary;
            (index, name, backend) == (&same.index, &same.name, &same.backend)
        };
        let adapters = available_adapters()?;
        let selection = adapters.iter().find(is_same).ok_or_else(|| GpuError::NoDevice {
            adapter: same.to_string(),
            reason: "it is not there any more".to_owned(),
        })?;
        Ok(Self { data_memory: self.data_memory, wait_limit: self.wait_limit, ..Self::open(selection)? })
    }

    /// Gives the device up while it may be at work, as a driver does that is reset: every call from then on finds it lost.
    pub fn destroy(&self) {
        self.device.destroy();
        lock(&self.fault).get_or_insert(GpuError::Lost {
            adapter: self.adapter().name.clone(),
            reason: "the device was destroyed".to_owned(),
        });
    }

    /// Lets a submission take at most this long, rather than a minute, before the adapter counts as hung.
    pub fn with_wait_limit(mut self, limit: Duration) -> Self {
        self.wait_limit = limit;
        self
    }

    /// Lets a data set take at most this many bytes of the GPU's memory, rather than a whole [tensor](Self::largest_tensor).
    pub fn with_data_memory(mut self, bytes: u64) -> Self {
        self.data_memory = Some(bytes);
        self
    }

    /// The most bytes that a data set may take of the GPU's memory; a larger one is streamed through that much.
    pub fn data_memory(&self) -> u64 {
        self.data_memory.unwrap_or_else(|| self.largest_tensor())
    }

    /// The most bytes that buffers have taken at a time.
    pub fn most_buffer_bytes(&self) -> u64 {
        self.buffer_bytes.most()
    }

    /// Bytes that wgpu holds of the driver's memory for them at present, where it keeps a record: not on Metal and GL.
    pub fn reserved_bytes(&self) -> Option<u64> {
        self.device.generate_allocator_report().map(|report| report.total_reserved_bytes)
    }

    /// The adapter that the device was opened on.
    pub fn adapter(&self) -> &AdapterSummary {
        &self.selection.summary
    }

    /// Whether shaders run on the CPU, where workgroup memory and barriers cost much and uniform addresses little.
    pub fn is_software(&self) -> bool {
        self.adapter().kind == "software"
    }

    /// Whether a shader with these needs runs here.
    pub fn supports(&self, needs: &Needs) -> bool {
        let (features, limits) = (self.device.features(), self.device.limits());
        needs.invocations <= limits.max_compute_invocations_per_workgroup.min(limits.max_compute_workgroup_size_x)
            && needs.workgroup_bytes <= limits.max_compute_workgroup_storage_size
            && needs.features.iter().all(|feature| feature.is_in(features, self.adapter().subgroup_sizes))
    }

    /// The compute pipeline of a shader variant, compiled once.
    ///
    /// # Errors
    /// The shader is not valid, the driver refuses it, or the device is lost.
    pub fn pipeline(&self, interface: &'static Interface, variant: &Variant) -> Result<Arc<Pipeline>, GpuError> {
        if let Some(pipeline) = lock(&self.pipelines).get(variant) {
            return Ok(pipeline.clone());
        }
        let module = shader::compose(variant)?;
        let compiled = self.checked(&variant.to_string(), || pipeline::compile(self, interface, variant, module))?;
        let compiled = Arc::new(compiled);
        lock(&self.pipelines).insert(variant.clone(), compiled.clone());
        Ok(compiled)
    }

    /// Compiles those of these variants that are not compiled yet, as many at a time as the machine has cores, also where the driver leaves
    /// it for the first run.
    ///
    /// # Errors
    /// One of those that [`Self::pipeline`] has for them.
    pub fn compile<'a>(
        &self,
        variants: impl Iterator<Item = (&'static Interface, &'a Variant)>,
    ) -> Result<(), GpuError> {
        let mut wanted: BTreeMap<&Variant, &'static Interface> =
            variants.map(|(interface, variant)| (variant, interface)).collect();
        wanted.retain(|&variant, _| !lock(&self.pipelines).contains_key(variant));
        let wanted: Vec<(&'static Interface, &Variant)> =
            wanted.into_iter().map(|(variant, interface)| (interface, variant)).collect();
        let compile = |&(interface, variant): &(_, _)| self.pipeline(interface, variant).map(|_| ());
        // An OpenGL context serves one thread at a time; wgpu lets another wait for it for six seconds, and then panics.
        if self.adapter().backend == "gl" {
            return wanted.iter().try_for_each(compile);
        }
        wanted.par_iter().try_for_each(compile)?;
        if self.is_software() && self.adapter().backend == "vulkan" {
            return first_run::run_all(self, &self.selection, &wanted);
        }
        Ok(())
    }

    /// Submits recorded work; returns at once.
    ///
    /// # Errors
    /// A fault that came before; one of these commands shows in a later call.
    pub fn run(&self, commands: Commands) -> Result<(), GpuError> {
        self.submit(commands.finish()).map(|_| ())
    }

    /// The same with work that is encoded already.
    ///
    /// # Errors
    /// As for [`Self::run`].
    pub fn run_finished(&self, commands: FinishedCommands) -> Result<(), GpuError> {
        self.submit(commands).map(|_| ())
    }

    pub(super) fn submit(&self, commands: FinishedCommands) -> Result<wgpu::SubmissionIndex, GpuError> {
        let index = self.queue.submit([commands.buffer]);
        if let Some(completion) = &self.completion {
            completion.submit(commands.passes);
        }
        self.check()?;
        Ok(index)
    }

    pub(super) fn completion(&self) -> Option<&Arc<Completion>> {
        self.completion.as_ref()
    }

    pub(super) fn encoder(&self) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    /// Overwrites bytes of a buffer before the next submission runs. `offset` and the length are multiples of 4.
    pub(super) fn write(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) -> Result<(), GpuError> {
        self.queue.write_buffer(buffer, offset, bytes);
        self.check()
    }

    /// Waits until everything submitted has run.
    ///
    /// # Errors
    /// The device is lost, or not done within the wait limit.
    pub fn finish(&self) -> Result<(), GpuError> {
        self.wait(None)
    }

    /// Waits until a submission, or all of them, has run.
    pub(super) fn wait(&self, submission: Option<wgpu::SubmissionIndex>) -> Result<(), GpuError> {
        let poll = wgpu::PollType::Wait { submission_index: submission, timeout: Some(self.wait_limit) };
        // wgpu panics where a wait fails because the device is lost; that, too, has to reach the caller as an error.
        let polled = catch_unwind(AssertUnwindSafe(|| self.device.poll(poll)));
        self.check()?;
        let lost = |reason: String| GpuError::Lost { adapter: self.adapter().name.clone(), reason };
        match polled {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(wgpu::PollError::Timeout)) => {
                Err(GpuError::Timeout { adapter: self.adapter().name.clone(), seconds: self.wait_limit.as_secs_f64() })
            }
            Ok(Err(error)) => Err(lost(with_causes(&error))),
            Err(_) => Err(lost("waiting for it failed".to_owned())),
        }
    }

    /// The first fault that no call returned: a lost device, or an error the driver reported late.
    ///
    /// # Errors
    /// That fault.
    pub fn check(&self) -> Result<(), GpuError> {
        lock(&self.fault).clone().map_or(Ok(()), Err)
    }

    /// The most bytes of a tensor: what one binding holds, and a copy on its way to the host.
    pub fn largest_tensor(&self) -> u64 {
        let limits = self.device.limits();
        let of_copy = limits.max_buffer_size.saturating_sub(VALUES_START);
        of_copy.min(limits.max_storage_buffer_binding_size).min(LARGEST_BINDING)
    }

    /// Refuses what a tensor cannot hold, before anything is allocated for it.
    ///
    /// # Errors
    /// More bytes than the adapter allows in one buffer.
    pub fn refuse_too_large(&self, label: &str, bytes: u64) -> Result<(), GpuError> {
        self.refuse_more_than(self.largest_tensor(), label, bytes)
    }

    fn refuse_more_than(&self, limit: u64, label: &str, bytes: u64) -> Result<(), GpuError> {
        if bytes <= limit {
            return Ok(());
        }
        Err(GpuError::TooLarge { label: label.to_owned(), bytes, limit, adapter: self.adapter().name.clone() })
    }

    /// Bytes that the place of a storage binding in its buffer is a multiple of.
    pub(super) fn storage_alignment(&self) -> usize {
        self.device.limits().min_storage_buffer_offset_alignment as usize
    }

    /// A buffer of `bytes` bytes, zeroed, within the adapter's limits.
    pub(super) fn create_buffer(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> Result<Buffer, GpuError> {
        self.allocate(&wgpu::BufferDescriptor { label: Some(label), size: bytes, usage, mapped_at_creation: false })
    }

    /// The same, mapped for the host to write.
    pub(super) fn create_mapped_buffer(
        &self,
        label: &str,
        bytes: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<Buffer, GpuError> {
        self.allocate(&wgpu::BufferDescriptor { label: Some(label), size: bytes, usage, mapped_at_creation: true })
    }

    fn allocate(&self, descriptor: &wgpu::BufferDescriptor<'_>) -> Result<Buffer, GpuError> {
        let (label, bytes) = (descriptor.label.unwrap_or_default(), descriptor.size);
        self.refuse_more_than(self.device.limits().max_buffer_size, label, bytes)?;
        let out_of_memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffer = self.checked(label, || self.device.create_buffer(descriptor));
        match pollster::block_on(out_of_memory.pop()) {
            None => buffer.map(|buffer| Buffer::new(buffer, &self.buffer_bytes)),
            Some(_) => Err(GpuError::OutOfMemory {
                label: label.to_owned(),
                bytes,
                taken: self.buffer_bytes.now(),
                adapter: self.adapter().name.clone(),
            }),
        }
    }

    /// Runs a creation and turns what the driver holds against it into an error.
    pub(super) fn checked<T>(&self, label: &str, create: impl FnOnce() -> T) -> Result<T, GpuError> {
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        let created = create();
        let internal = pollster::block_on(internal.pop());
        let validation = pollster::block_on(validation.pop());
        // What a lost device gives is no error to it, and nothing that could be used.
        self.check()?;
        match internal.or(validation) {
            None => Ok(created),
            Some(error) => Err(GpuError::Refused {
                label: label.to_owned(),
                adapter: self.adapter().name.clone(),
                reason: with_causes(&error),
            }),
        }
    }
}

/// Keeps the first fault that wgpu reports outside any call, so that the next call can return it.
fn watch_for_faults(device: &wgpu::Device, adapter: &str, fault: &Arc<Mutex<Option<GpuError>>>) {
    let (kept, name) = (fault.clone(), adapter.to_owned());
    device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
        let (label, adapter, reason) = ("a command".into(), name.clone(), with_causes(&error));
        let fault = match error {
            wgpu::Error::OutOfMemory { .. } => GpuError::MemoryExhausted { adapter, reason },
            wgpu::Error::Validation { .. } | wgpu::Error::Internal { .. } => {
                GpuError::Refused { label, adapter, reason }
            }
        };
        lock(&kept).get_or_insert(fault);
    }));
    let (kept, name) = (fault.clone(), adapter.to_owned());
    device.set_device_lost_callback(move |reason, message| {
        if reason != wgpu::DeviceLostReason::Destroyed {
            // Whatever was kept before came of the loss.
            *lock(&kept) = Some(GpuError::Lost { adapter: name.clone(), reason: on_one_line(&message) });
        }
    });
}

/// A poisoned lock only means that another thread panicked while it held plain data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
