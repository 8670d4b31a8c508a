//! One update of one parameter tensor, by any optimizer.

use super::step::Step;
use super::{Call, Kernel, bindings, linear_grid, shader_struct, whole_vectors};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, TableRow, Write};
use crate::gpu::{Interface, Needs, Variant};
use crate::reference::Moments;

shader_struct! {
    struct Parameters {
        count: u32,
        decay: f32,
        rate_factor: f32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "optimizer",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 step: TableRow(&Step::LAYOUT);
            2 gradient: Read;
            3 values: Write;
            4 first_moment: Write, if "FIRST_MOMENT";
            5 second_moment: Write, if "SECOND_MOMENT";
            6 clip_scale: Read, if "CLIP";
        },
    },
    needs: Needs { invocations: 64, workgroup_bytes: 0, features: &[] },
    variants: || {
        let of_moments = |moments| {
            [(false, false), (false, true), (true, false), (true, true)]
                .map(|(clips, vector)| variant(moments, clips, vector))
        };
        Moments::ALL.into_iter().flat_map(of_moments).collect()
    },
};

/// `vector`: four elements at a time.
fn variant(moments: Moments, clips: bool, vector: bool) -> Variant {
    remembering(Variant::new("optimizer", include_str!("../../shaders/optimizer.wgsl")), moments)
        .flag("CLIP", clips)
        .flag("VECTOR", vector)
}

/// The variant of what imports `lib/optimizer.wgsl`.
pub(super) fn remembering(variant: Variant, moments: Moments) -> Variant {
    variant.flag("FIRST_MOMENT", moments.first).flag("SECOND_MOMENT", moments.second)
}

/// Binds `gradient`, `values` and the moments that the algorithm keeps, first before second, all of `count` elements, and, if it `clips`,
/// `clip_scale` `[1]`, which the gradient is multiplied by. Weights decay as the step says, biases do not; the learning rate is the step's
/// times `rate_factor`.
pub fn call(moments: Moments, clips: bool, count: usize, is_weight: bool, rate_factor: f64) -> Call {
    let (vector, count) = whole_vectors(count);
    let parameters =
        Parameters { count: count as u32, decay: f32::from(u8::from(is_weight)), rate_factor: rate_factor as f32 };
    Call {
        kernel: &KERNEL,
        variant: variant(moments, clips, vector),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: Vec::new(),
        workgroups: linear_grid(count, 64),
    }
}
