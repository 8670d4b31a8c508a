//! The loss of a step: the mean over the batch.

use super::step::Step;
use super::{Call, Kernel, bindings};
use crate::gpu::BindingKind::{Read, TableRow, Write};
use crate::gpu::{Interface, Needs, Variant};

pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "mean_loss",
        bindings: bindings! {
            0 step: TableRow(&Step::LAYOUT);
            1 sample_losses: Read;
            2 losses: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 256, features: &[] },
    variants: || vec![variant()],
};

fn variant() -> Variant {
    Variant::new("mean_loss", include_str!("../../shaders/mean_loss.wgsl"))
}

/// Binds `sample_losses` `[batch_size]` and `losses` [steps of a submission].
pub fn call() -> Call {
    Call { kernel: &KERNEL, variant: variant(), parameters: Vec::new(), workgroups: [1, 1, 1] }
}
