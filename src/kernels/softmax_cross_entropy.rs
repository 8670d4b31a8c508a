//! The loss of a classifier for each sample, and its gradient with respect to the logits.

use super::step::Step;
use super::{Call, Kernel, bindings, linear_grid, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, TableRow, Write};
use crate::gpu::{Interface, Needs, Variant};

shader_struct! {
    struct Parameters {
        batch_size: u32,
        classes: u32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "softmax_cross_entropy",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 step: TableRow(&Step::LAYOUT);
            2 logits: Read;
            3 labels: Read;
            4 class_weights: Read;
            5 gradient: Write;
            6 sample_losses: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 0, features: &[] },
    variants: || vec![variant()],
};

fn variant() -> Variant {
    Variant::new("softmax_cross_entropy", include_str!("../../shaders/softmax_cross_entropy.wgsl"))
}

/// Binds `logits` [batch_size, classes], `labels` `[batch_size]`, `class_weights` `[classes]`, `gradient` of the logits' shape, and
/// `sample_losses` [steps of a submission, batch_size], each sample's part of the mean loss. The step's `inverse_element_count` is
/// 1 / rows.
pub fn call(batch_size: usize, classes: usize) -> Call {
    let parameters = Parameters { batch_size: batch_size as u32, classes: classes as u32 };
    Call {
        kernel: &KERNEL,
        variant: variant(),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: Vec::new(),
        workgroups: linear_grid(batch_size, 64),
    }
}
