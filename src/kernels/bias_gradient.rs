//! The gradient of a bias: the sum of each column of the layer's gradient. And that of a scale, a sum of products.

use super::{COLUMNS_OF_WORKGROUP, Call, Kernel, bindings, linear_grid, shader_struct, whole_vectors};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, Write};
use crate::gpu::{Interface, Needs, Variant};

shader_struct! {
    struct Parameters {
        rows: u32,
        columns: u32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "bias_gradient",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 gradient: Read;
            2 bias_gradient: Write;
            3 normalized: Read, if "SCALE";
        },
    },
    needs: Needs { invocations: 256, workgroup_bytes: 4096, features: &[] },
    variants: || {
        [false, true].into_iter().flat_map(|vector| [false, true].map(|of_scale| variant(vector, of_scale))).collect()
    },
};

/// `vector`: four columns at a time.
fn variant(vector: bool, of_scale: bool) -> Variant {
    Variant::new("bias_gradient", include_str!("../../shaders/bias_gradient.wgsl"))
        .flag("VECTOR", vector)
        .flag("SCALE", of_scale)
}

/// Binds `gradient` [rows, columns], `bias_gradient` `[columns]`, and if that is to be the gradient of a scale `normalized` [rows, columns].
pub fn call(of_scale: bool, rows: usize, columns: usize) -> Call {
    let (vector, columns) = whole_vectors(columns);
    Call {
        kernel: &KERNEL,
        variant: variant(vector, of_scale),
        parameters: bytemuck::bytes_of(&Parameters { rows: rows as u32, columns: columns as u32 }).to_vec(),
        structures: Vec::new(),
        workgroups: linear_grid(columns, COLUMNS_OF_WORKGROUP),
    }
}
