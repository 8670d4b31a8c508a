//! The loss of each sample and its gradient with respect to the logits.

use super::step::Step;
use super::{Call, Kernel, activation_number, bindings, loss_number_and_delta, shader_struct, whole_vectors};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, TableRow, Write};
use crate::gpu::{Interface, Needs, Variant};
use crate::reference::{Activation, Loss};

shader_struct! {
    struct Parameters {
        columns: u32,
        loss: u32,
        activation: u32,
        huber_delta: f32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "loss",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 step: TableRow(&Step::LAYOUT);
            2 logits: Read;
            3 targets: Read;
            4 gradient: Write;
            5 sample_losses: Write;
            6 weights: Read, if "WEIGHTED";
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 256, features: &[] },
    variants: || [(false, false), (false, true), (true, false), (true, true)].map(|(a, b)| variant(a, b)).into(),
};

/// `vector`: rows are whole vec4s.
fn variant(is_weighted: bool, vector: bool) -> Variant {
    Variant::new("loss", include_str!("../../shaders/loss.wgsl")).flag("WEIGHTED", is_weighted).flag("VECTOR", vector)
}

/// Binds `logits`, `targets`, `gradient`, all [batch_size, columns], and `sample_losses`
/// [steps of a submission, batch_size], each sample's part of the mean loss, and if it `is_weighted` the `weights` `[batch_size]` that
/// these parts are multiplied by.
pub fn call(loss: Loss, output: Activation, is_weighted: bool, batch_size: usize, columns: usize) -> Call {
    let (vector, columns) = whole_vectors(columns);
    let (loss, huber_delta) = loss_number_and_delta(loss);
    let parameters = Parameters { columns: columns as u32, loss, activation: activation_number(output), huber_delta };
    Call {
        kernel: &KERNEL,
        variant: variant(is_weighted, vector),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: Vec::new(),
        workgroups: [batch_size as u32, 1, 1],
    }
}
