//! A batch with noise, for networks that do not take it from the data set.

use super::step::Step;
use super::{Call, Kernel, bindings, noise_number, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, TableRow, Write};
use crate::gpu::{Interface, Needs, Variant};
use crate::reference::Corruption;

shader_struct! {
    struct Parameters {
        columns: u32,
        noise: u32,
        amount: f32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "corrupt",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 step: TableRow(&Step::LAYOUT);
            2 batch: Read;
            3 corrupted_batch: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 0, features: &[] },
    variants: || vec![variant()],
};

fn variant() -> Variant {
    Variant::new("corrupt", include_str!("../../shaders/corrupt.wgsl"))
}

/// Binds `batch` and `corrupted_batch`, both [batch_size, columns].
pub fn call(corruption: Corruption, batch_size: usize, columns: usize) -> Call {
    let parameters =
        Parameters { columns: columns as u32, noise: noise_number(corruption.noise), amount: corruption.amount as f32 };
    Call {
        kernel: &KERNEL,
        variant: variant(),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: Vec::new(),
        workgroups: [batch_size as u32, 1, 1],
    }
}
