//! Shaders that a driver compiles when they first run.
//!
//! Mesa's CPU driver does so, on a device's one thread, takes half a second to two for a product, and keeps what it has compiled on disk.
//! So shaders are run without workgroups before they are needed, on as many devices as the machine has cores: what one of them has had
//! compiled, the others load.

use super::{
    BindingKind, Commands, Dispatch, DispatchDescriptor, Gpu, GpuError, Interface, Selection, Table, Tensor, Variant,
};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A first run that takes longer waited for a compiler: one that was compiled before is loaded in some milliseconds.
const LONGEST_LOAD: Duration = Duration::from_millis(100);

/// A compiled shader that has not run yet.
pub(super) type Unrun<'a> = (&'static Interface, &'a Variant);

/// Runs the shaders without workgroups, and as soon as one of them has to be compiled for it, does so on other devices as well.
///
/// # Errors
/// What the driver holds against a shader, or the loss of the device.
pub(super) fn run_all(gpu: &Gpu, selection: &Selection, shaders: &[Unrun<'_>]) -> Result<(), GpuError> {
    let taken = AtomicUsize::new(0);
    let next = || shaders.get(taken.fetch_add(1, Ordering::Relaxed));
    // What another device cannot do is left to this one, which needs it.
    let help = || {
        if let Ok(other) = Gpu::open(selection) {
            while next().is_some_and(|&shader| run(&other, shader).is_ok()) {}
        }
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let mut is_helped = false;
        while let Some(&shader) = next() {
            let started = Instant::now();
            run(gpu, shader)?;
            if !is_helped && started.elapsed() > LONGEST_LOAD {
                is_helped = true;
                let left = shaders.len().saturating_sub(taken.load(Ordering::Relaxed));
                (1..cores.min(left)).for_each(|_| drop(scope.spawn(help)));
            }
        }
        Ok(())
    })
}

/// Runs a shader without workgroups, bound to zeros.
fn run(gpu: &Gpu, (interface, variant): Unrun<'_>) -> Result<(), GpuError> {
    let (mut parameters, mut structures, mut row_bytes, mut tensors) = (Vec::new(), Vec::new(), 0, Vec::new());
    for binding in interface.bindings_of(variant) {
        match binding.kind {
            BindingKind::Parameters(layout) => parameters = vec![0; layout.size],
            BindingKind::Structures(layout, _) => structures = vec![0; layout.size],
            BindingKind::TableRow(layout) => row_bytes = layout.size,
            BindingKind::Read | BindingKind::Write => tensors.push(Tensor::zeros(gpu, binding.name, 1, ELEMENTS)?),
        }
    }
    let table = Table::new(gpu, "table of a first run", row_bytes.max(1), 1)?;
    let dispatch = Dispatch::new(
        gpu,
        &DispatchDescriptor {
            interface,
            variant,
            parameters: &parameters,
            structures: &structures,
            table: Some(&table),
            tensors: &tensors.iter().collect::<Vec<&Tensor>>(),
            workgroups: [0, 0, 0],
        },
    )?;
    gpu.run(Commands::record(gpu, &[dispatch], &table, 1))?;
    gpu.finish()
}

/// As many as any shader's array has of elements at least.
const ELEMENTS: usize = 64;
