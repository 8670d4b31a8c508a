//! Whether the GPU has done what it calls finished.
//!
//! wgpu takes a command buffer that Metal has given up, because it took too long or memory was short, for one that has run: the copies behind it
//! then bring whatever was there before. So every compute pass ends with a dispatch that counts passes on the GPU, every readback brings
//! the count along behind its values, and one that is short of a pass counts as the loss of the device.

use super::{Binding, BindingKind, Dispatch, DispatchDescriptor, Gpu, GpuError, Interface, Tensor, Variant};
use std::sync::atomic::{AtomicU32, Ordering};

/// What the counting shader binds.
pub const INTERFACE: Interface = Interface {
    name: "count_completion",
    bindings: &[Binding { name: "completed", index: 0, kind: BindingKind::Write, only_with: None }],
};

/// The counting shader; one workgroup of it is a pass.
pub fn variant() -> Variant {
    Variant::new("count_completion", include_str!("../../shaders/count_completion.wgsl"))
}

/// The passes of a device, as the GPU and the host count them. Both begin again at 0 behind 2³² − 1.
pub(super) struct Completion {
    pub dispatch: Dispatch,
    /// `[1]` of u32.
    completed: Tensor,
    submitted: AtomicU32,
}

impl Completion {
    pub fn new(gpu: &Gpu) -> Result<Self, GpuError> {
        let completed = Tensor::zeros(gpu, "completed passes", 1, 1)?;
        let dispatch = Dispatch::new(
            gpu,
            &DispatchDescriptor {
                interface: &INTERFACE,
                variant: &variant(),
                parameters: &[],
                structures: &[],
                table: None,
                tensors: &[&completed],
                workgroups: [1, 1, 1],
            },
        )?;
        Ok(Self { dispatch, completed, submitted: AtomicU32::new(0) })
    }

    /// Records a copy of the GPU's count to the first word of a buffer.
    pub fn copy(&self, encoder: &mut wgpu::CommandEncoder, target: &wgpu::Buffer) {
        encoder.copy_buffer_to_buffer(&self.completed.buffer, 0, target, 0, 4);
    }

    /// Tells of commands with so many passes that are being submitted.
    pub fn submit(&self, passes: u32) {
        self.submitted.fetch_add(passes, Ordering::Relaxed);
    }

    /// The count that the GPU will have come to when commands with so many passes, submitted next, have run.
    pub fn after(&self, passes: u32) -> u32 {
        self.submitted.load(Ordering::Relaxed).wrapping_add(passes)
    }
}

/// Whether a count has come to another one that is less than 2³¹ passes away.
pub(super) fn has_come_to(counted: u32, awaited: u32) -> bool {
    counted.wrapping_sub(awaited) < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{Commands, Snapshot, Table};

    #[test]
    fn counts_are_compared_past_their_end() {
        assert!(has_come_to(7, 7) && has_come_to(9, 7) && !has_come_to(6, 7));
        assert!(has_come_to(1, u32::MAX) && !has_come_to(u32::MAX, 1));
    }

    #[test]
    fn passes_that_have_run_are_all_counted() {
        let gpu = Gpu::of_tests();
        let (tensor, table) = (Tensor::zeros(&gpu, "tensor", 1, 1).unwrap(), Table::new(&gpu, "table", 16, 1).unwrap());
        for passes in 0..5 {
            let mut commands = Commands::new(&gpu);
            (0..passes).for_each(|_| commands.dispatch(&[], &table, 1));
            gpu.run(commands).unwrap();
            assert_eq!(tensor.download::<f32>(&gpu).unwrap(), [0.0]);
        }
        assert_eq!(gpu.completion().unwrap().completed.download::<u32>(&gpu).unwrap(), [10]);
    }

    #[test]
    fn work_that_was_given_up_is_the_loss_of_the_device_to_the_next_readback() {
        let gpu = Gpu::of_tests();
        let tensor = Tensor::from_elements(&gpu, "tensor", 1, 2, &[1.0f32, 2.0]).unwrap();
        let snapshot = Snapshot::new(&gpu, vec![tensor.clone()]).unwrap();
        assert_eq!(tensor.download::<f32>(&gpu).unwrap(), [1.0, 2.0]);
        // As if the adapter had not run one of the passes that it was given.
        gpu.completion().unwrap().submit(1);
        let is_lost = |error: GpuError| assert!(matches!(error, GpuError::Lost { .. }), "{error}");
        is_lost(tensor.download::<f32>(&gpu).unwrap_err());
        let mut commands = Commands::new(&gpu);
        let pending = snapshot.record(&mut commands);
        gpu.run(commands).unwrap();
        gpu.finish().unwrap();
        is_lost(pending.wait::<f32>(&gpu).unwrap_err());
    }
}
