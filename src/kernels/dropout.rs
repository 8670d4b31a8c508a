//! Dropout of a layer's outputs in training, and of their derivatives.

use super::step::Step;
use super::{Call, Kernel, bindings, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, TableRow, Write};
use crate::gpu::{Interface, Needs, Variant};
use crate::reference::dropout::{UNIT_BITS, scale};

shader_struct! {
    struct Parameters {
        columns: u32,
        first_block: u32,
        share: f32,
        scale: f32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "dropout",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 step: TableRow(&Step::LAYOUT);
            2 values: Write;
            3 derivative: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 0, features: &[] },
    variants: || [false, true].map(variant).into(),
};

/// `masks`: the derivative is written rather than changed.
fn variant(masks: bool) -> Variant {
    Variant::new("dropout", include_str!("../../shaders/dropout.wgsl")).flag("MASK", masks)
}

/// Binds the `values` [batch_size, columns] that the layer at a place gives, a share of which, below 1, is dropped, and their `derivative`
/// of the same shape. If it `masks`, there is none yet, and it becomes what the values are multiplied by.
pub fn call(layer: usize, share: f64, masks: bool, batch_size: usize, columns: usize) -> Call {
    let parameters = Parameters {
        columns: columns as u32,
        first_block: (layer as u32) << UNIT_BITS,
        share: share as f32,
        scale: scale(share) as f32,
    };
    Call {
        kernel: &KERNEL,
        variant: variant(masks),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: Vec::new(),
        workgroups: [batch_size as u32, 1, 1],
    }
}
