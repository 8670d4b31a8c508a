//! The way of a gradient back through layer normalization.

use super::{Call, Kernel, bindings, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, Write};
use crate::gpu::{Interface, Needs, Variant};

shader_struct! {
    struct Parameters {
        columns: u32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "normalize_rows_gradient",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 gradient: Read;
            2 scale: Read;
            3 inverse_deviations: Read;
            4 values: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 256, features: &[] },
    variants: || vec![variant()],
};

fn variant() -> Variant {
    Variant::new("normalize_rows_gradient", include_str!("../../shaders/normalize_rows_gradient.wgsl"))
}

/// Binds `gradient` [rows, columns] of what the layer's activation takes, `scale` `[columns]`, `inverse_deviations` `[rows]`, and `values`
/// [rows, columns], which are what [`normalize_rows`](super::normalize_rows) has left, and become the gradient of what it took.
pub fn call(rows: usize, columns: usize) -> Call {
    Call {
        kernel: &KERNEL,
        variant: variant(),
        parameters: bytemuck::bytes_of(&Parameters { columns: columns as u32 }).to_vec(),
        structures: Vec::new(),
        workgroups: [rows as u32, 1, 1],
    }
}
