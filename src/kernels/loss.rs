//! The loss of each sample and its gradient with respect to the logits.

use super::step::Step;
use super::{Call, Kernel, activation_number, bindings, loss_number, shader_struct, whole_vectors};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, TableRow, Write};
use crate::gpu::{Interface, Needs, Variant};
use crate::reference::{Activation, Loss};

shader_struct! {
    struct Parameters {
        columns: u32,
    }
}

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
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 256, features: &[] },
    variants: || {
        let both = |(loss, output)| [false, true].map(|vector| variant(loss, output, vector));
        Loss::with_outputs().flat_map(both).collect()
    },
};

/// `vector`: rows are whole vec4s.
fn variant(loss: Loss, output: Activation, vector: bool) -> Variant {
    Variant::new("loss", include_str!("../../shaders/loss.wgsl"))
        .number("LOSS", loss_number(loss))
        .number("ACTIVATION", activation_number(output))
        .flag("VECTOR", vector)
}

/// Binds `logits`, `targets`, `gradient`, all [batch_size, columns], and `sample_losses`
/// [steps of a submission, batch_size], each sample's part of the mean loss.
pub fn call(loss: Loss, output: Activation, batch_size: usize, columns: usize) -> Call {
    let (vector, columns) = whole_vectors(columns);
    Call {
        kernel: &KERNEL,
        variant: variant(loss, output, vector),
        parameters: bytemuck::bytes_of(&Parameters { columns: columns as u32 }).to_vec(),
        structures: Vec::new(),
        workgroups: [batch_size as u32, 1, 1],
    }
}
