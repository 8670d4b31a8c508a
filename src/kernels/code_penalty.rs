//! What is added to the loss for each sample's code, and its gradient.

use super::step::Step;
use super::{Call, Kernel, activation_number, bindings, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, TableRow, Write};
use crate::gpu::{Interface, Needs, Variant};
use crate::reference::{Activation, CodeSettings};

shader_struct! {
    struct Parameters {
        columns: u32,
        activation: u32,
        l1: f32,
        kl: f32,
        target_activity: f32,
        negative_entropy: f32,
        contractive: f32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "code_penalty",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 step: TableRow(&Step::LAYOUT);
            2 code: Read;
            3 statistics: Read;
            4 penalty_gradient: Write;
            5 sample_losses: Write;
            6 derivative: Read, if "DERIVATIVE";
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 256, features: &[] },
    variants: || [false, true].map(variant).into(),
};

fn variant(has_derivative: bool) -> Variant {
    Variant::new("code_penalty", include_str!("../../shaders/code_penalty.wgsl")).flag("DERIVATIVE", has_derivative)
}

/// Binds `code` [batch_size, columns], `statistics` [2, columns], each unit's mean activity over the batch and the squared norm of its
/// weights, `penalty_gradient` [batch_size, columns], `sample_losses` [steps of a submission, batch_size], to which each sample's penalty is
/// added, and `derivative` [batch_size, columns] if there is one; the identity has none as long as all of a code stays.
pub fn call(
    settings: &CodeSettings,
    activation: Activation,
    has_derivative: bool,
    batch_size: usize,
    columns: usize,
) -> Call {
    let target = settings.target_activity;
    let parameters = Parameters {
        columns: columns as u32,
        activation: activation_number(activation),
        l1: settings.l1 as f32,
        kl: settings.kl as f32,
        target_activity: target as f32,
        negative_entropy: (target * target.ln() + (1.0 - target) * (1.0 - target).ln()) as f32,
        contractive: settings.contractive as f32,
    };
    Call {
        kernel: &KERNEL,
        variant: variant(has_derivative),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: Vec::new(),
        workgroups: [batch_size as u32, 1, 1],
    }
}
