//! Chains of multiply-adds, which an adapter's peak rate is measured with.

use super::{Call, Kernel, bindings, linear_grid, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Write};
use crate::gpu::{Interface, Needs, Variant};

shader_struct! {
    struct Parameters {
        quads: u32,
        iterations: u32,
        factor: f32,
        addend: f32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "multiply_add",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 values: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 0, features: &[] },
    variants: || vec![variant()],
};

/// Chains that go on from one element.
pub const CHAINS: usize = 4;
/// Multiply-adds of a chain in an iteration.
pub const UNROLLED: usize = 4;

fn variant() -> Variant {
    Variant::new("multiply_add", include_str!("../../shaders/multiply_add.wgsl")).trusted(true)
}

/// Floating-point operations of a run.
pub fn operations(quads: usize, iterations: usize) -> f64 {
    2.0 * (4 * quads * CHAINS * UNROLLED) as f64 * iterations as f64
}

/// Binds `values`, `quads` groups of four elements.
pub fn call(quads: usize, iterations: usize, factor: f32, addend: f32) -> Call {
    let parameters = Parameters { quads: quads as u32, iterations: iterations as u32, factor, addend };
    Call {
        kernel: &KERNEL,
        variant: variant(),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: Vec::new(),
        workgroups: linear_grid(quads, 64),
    }
}
