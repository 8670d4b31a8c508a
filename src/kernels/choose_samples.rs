//! The samples that a batch takes, and their classes.

use super::step::Step;
use super::{Call, Kernel, bindings, linear_grid, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, TableRow, Write};
use crate::gpu::{Interface, Needs, Variant};

shader_struct! {
    struct Parameters {
        batch_size: u32,
        sample_count: u32,
        class_count: u32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "choose_samples",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 step: TableRow(&Step::LAYOUT);
            2 labels: Read;
            3 members: Read, if "BALANCED";
            4 chosen: Write;
            5 batch_labels: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 0, features: &[] },
    variants: || [false, true].map(variant).into(),
};

fn variant(is_balanced: bool) -> Variant {
    Variant::new("choose_samples", include_str!("../../shaders/choose_samples.wgsl")).flag("BALANCED", is_balanced)
}

/// Binds `labels` `[sample_count]`, `chosen` `[batch_size]` and `batch_labels` `[batch_size]`, between the first two of them, where
/// samples are drawn class by class, `members` `[classes + 1 + sample_count]`: [`Balance::words`](crate::reference::balance::Balance::words).
pub fn call(batch_size: usize, sample_count: usize, balanced_classes: Option<usize>) -> Call {
    let class_count = balanced_classes.unwrap_or(0) as u32;
    let parameters = Parameters { batch_size: batch_size as u32, sample_count: sample_count as u32, class_count };
    Call {
        kernel: &KERNEL,
        variant: variant(balanced_classes.is_some()),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: Vec::new(),
        workgroups: linear_grid(batch_size, 64),
    }
}
