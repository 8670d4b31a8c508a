//! Adam on one parameter tensor (Kingma & Ba 2015, algorithm 1).

use super::step::Step;
use super::{Call, Kernel, bindings, linear_grid, shader_struct, whole_vectors};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, TableRow, Write};
use crate::gpu::{Interface, Needs, Variant};

shader_struct! {
    struct Parameters {
        count: u32,
        beta1: f32,
        beta2: f32,
        one_minus_beta1: f32,
        one_minus_beta2: f32,
        epsilon: f32,
    }
}

pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "adam",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 step: TableRow(&Step::LAYOUT);
            2 gradient: Read;
            3 values: Write;
            4 first_moment: Write;
            5 second_moment: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 0, features: &[] },
    variants: || [false, true].map(variant).into(),
};

/// `vector`: four elements at a time.
fn variant(vector: bool) -> Variant {
    Variant::new("adam", include_str!("../../shaders/adam.wgsl")).flag("VECTOR", vector)
}

/// Binds `gradient`, `values`, `first_moment`, `second_moment`, all of `count` elements.
pub fn call(count: usize, beta1: f64, beta2: f64, epsilon: f64) -> Call {
    let (vector, count) = whole_vectors(count);
    let parameters = Parameters {
        count: count as u32,
        beta1: beta1 as f32,
        beta2: beta2 as f32,
        one_minus_beta1: (1.0 - beta1) as f32,
        one_minus_beta2: (1.0 - beta2) as f32,
        epsilon: epsilon as f32,
    };
    Call {
        kernel: &KERNEL,
        variant: variant(vector),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: Vec::new(),
        workgroups: linear_grid(count, 64),
    }
}
