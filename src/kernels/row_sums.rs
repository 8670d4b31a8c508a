//! The sum of each row of a matrix.

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
        name: "row_sums",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 matrix: Read;
            2 sums: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 256, features: &[] },
    variants: || vec![variant()],
};

fn variant() -> Variant {
    Variant::new("row_sums", include_str!("../../shaders/row_sums.wgsl"))
}

/// Binds `matrix` [rows, columns] and `sums` `[rows]`.
pub fn call(rows: usize, columns: usize) -> Call {
    Call {
        kernel: &KERNEL,
        variant: variant(),
        parameters: bytemuck::bytes_of(&Parameters { columns: columns as u32 }).to_vec(),
        structures: Vec::new(),
        workgroups: [rows as u32, 1, 1],
    }
}
