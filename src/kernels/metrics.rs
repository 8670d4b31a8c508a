//! How well each sample is reconstructed: binary cross-entropy and squared error.

use super::step::Step;
use super::{Call, Kernel, activation_number, bindings, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, TableRow, Write};
use crate::gpu::{Interface, Needs, Variant};
use crate::reference::Activation;

shader_struct! {
    struct Parameters {
        columns: u32,
        activation: u32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "metrics",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 step: TableRow(&Step::LAYOUT);
            2 logits: Read;
            3 targets: Read;
            4 metrics: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 256, features: &[] },
    variants: || vec![variant()],
};

fn variant() -> Variant {
    Variant::new("metrics", include_str!("../../shaders/metrics.wgsl"))
}

/// Binds `logits` and `targets` [batch_size, columns], and `metrics` [samples, 2]: cross-entropy and squared error, summed over the columns.
pub fn call(output: Activation, batch_size: usize, columns: usize) -> Call {
    let parameters = Parameters { columns: columns as u32, activation: activation_number(output) };
    Call {
        kernel: &KERNEL,
        variant: variant(),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: Vec::new(),
        workgroups: [batch_size as u32, 1, 1],
    }
}
