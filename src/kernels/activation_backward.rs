//! The gradient before an activation from the gradient behind it, in place.

use super::{Call, Kernel, activation_number, bindings, linear_grid, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, Write};
use crate::gpu::{Interface, Needs, Variant};
use crate::reference::Activation;

shader_struct! {
    struct Parameters {
        count: u32,
    }
}

pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "activation_backward",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 output: Read;
            2 gradient: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 0, features: &[] },
    // The identity's gradient is left as it is, without a dispatch.
    variants: || {
        Activation::ALL.into_iter().filter(|&activation| activation != Activation::Identity).map(variant).collect()
    },
};

fn variant(activation: Activation) -> Variant {
    Variant::new("activation_backward", include_str!("../../shaders/activation_backward.wgsl"))
        .number("ACTIVATION", activation_number(activation))
}

/// Binds `output`, `gradient`, both of `count` elements.
pub fn call(activation: Activation, count: usize) -> Call {
    Call {
        kernel: &KERNEL,
        variant: variant(activation),
        parameters: bytemuck::bytes_of(&Parameters { count: count as u32 }).to_vec(),
        workgroups: linear_grid(count, 64),
    }
}
