//! A batch whose images are moved, mirrored, bent, covered and get noise, each in its own way.

use super::step::Step;
use super::{Call, Kernel, bindings, shader_struct};
use crate::data::ImageShape;
use crate::gpu::BindingKind::{Parameters as Uniform, Read, TableRow, Write};
use crate::gpu::{Interface, Needs, Variant};
use crate::reference::Augmentation;

shader_struct! {
    struct Parameters {
        height: u32,
        width: u32,
        channels: u32,
        flips: u32,
        most_down: f32,
        most_right: f32,
        quarter_turn: f32,
        quarter_shear: f32,
        scale: f32,
        elastic: f32,
        cut_side: u32,
        noise: f32,
        fill: f32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "augment",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 step: TableRow(&Step::LAYOUT);
            2 batch: Read;
            3 augmented_batch: Write;
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 50 * 8, features: &[] },
    variants: || vec![variant()],
};

fn variant() -> Variant {
    Variant::new("augment", include_str!("../../shaders/augment.wgsl"))
}

/// Binds `batch` and `augmented_batch`, both [batch_size, height · width · channels].
pub fn call(augmentation: &Augmentation, batch_size: usize, shape: ImageShape) -> Call {
    let ImageShape { height, width, channels } = shape;
    let [vertical, horizontal] = augmentation.flip.axes();
    let quarter = |degrees: f64| (0.25 * degrees.to_radians()) as f32;
    let parameters = Parameters {
        height: height as u32,
        width: width as u32,
        channels: channels as u32,
        flips: u32::from(horizontal) | u32::from(vertical) << 1,
        most_down: (augmentation.shift * height as f64) as f32,
        most_right: (augmentation.shift * width as f64) as f32,
        quarter_turn: quarter(augmentation.rotate),
        quarter_shear: quarter(augmentation.shear),
        scale: augmentation.scale as f32,
        elastic: augmentation.elastic as f32,
        cut_side: augmentation.cut_side(shape.dimensions()) as u32,
        noise: augmentation.noise as f32,
        fill: augmentation.fill as f32,
    };
    Call {
        kernel: &KERNEL,
        variant: variant(),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: Vec::new(),
        workgroups: [batch_size as u32, 1, 1],
    }
}
