//! A matrix multiplied by another one, element by element.

use super::{Call, Kernel, bindings, linear_grid, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, Write};
use crate::gpu::{Interface, Needs, Variant};

shader_struct! {
    struct Parameters {
        count: u32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "multiply",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 factors: Read;
            2 product: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 0, features: &[] },
    variants: || vec![variant()],
};

fn variant() -> Variant {
    Variant::new("multiply", include_str!("../../shaders/multiply.wgsl"))
}

/// Binds `factors` [rows, columns], and `product` of the same shape, which is multiplied by them in place.
pub fn call(rows: usize, columns: usize) -> Call {
    let count = rows * columns;
    Call {
        kernel: &KERNEL,
        variant: variant(),
        parameters: bytemuck::bytes_of(&Parameters { count: count as u32 }).to_vec(),
        structures: Vec::new(),
        workgroups: linear_grid(count, 64),
    }
}
