//! The gradient of a layer's weight and bias as one product, and the optimizer's update by it on the way out: for GPUs.

use super::{Form, TileSize, TiledParameters, tiled};
use crate::gpu::BindingKind::{Parameters as Uniform, Read, TableRow, Write};
use crate::gpu::{Interface, Needs, Variant};
use crate::kernels::optimizer::remembering;
use crate::kernels::step::Step;
use crate::kernels::{Call, Kernel, bindings, folded_y};
use crate::reference::Moments;

/// The product is `matmul_tiled`'s.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "matmul_tiled",
        bindings: bindings! {
            0 parameters: Uniform(&TiledParameters::LAYOUT);
            1 a: Read;
            2 b: Read;
            4 c: Write;
            6 first_moments: Write, if "FIRST_MOMENT";
            7 second_moments: Write, if "SECOND_MOMENT";
            8 step: TableRow(&Step::LAYOUT);
        },
    },
    needs: Needs { invocations: 256, workgroup_bytes: 16384, features: &[] },
    variants: || {
        let of =
            |size| Moments::ALL.into_iter().flat_map(move |m| [false, true].map(|vector| variant(size, m, vector)));
        TileSize::ALL.into_iter().flat_map(of).collect()
    },
};

fn variant(size: TileSize, moments: Moments, vector: bool) -> Variant {
    remembering(tiled(size), moments)
        .number("FORM", Form::TransposedA.number())
        .flag("UPDATE", true)
        .flag("VECTOR", vector)
}

/// A layer with its batch.
#[derive(Clone, Copy, Debug)]
pub struct LayerUpdate {
    /// Numbers that the layer takes.
    pub inputs: usize,
    /// Numbers that it gives.
    pub outputs: usize,
    /// Samples in a batch.
    pub batch_size: usize,
    /// Elements from the weight's first to the bias's first, a multiple of four.
    pub bias: usize,
    /// What its learning rate is times that of the step.
    pub rate_factor: f64,
}

impl LayerUpdate {
    /// Binds the layer's `input` [batch_size, inputs], its `gradient` [batch_size, outputs], its `values`, the weight [inputs, outputs]
    /// and the bias [1, outputs], and the moments that the algorithm keeps, which stand as the values do.
    pub fn call(&self, size: TileSize, moments: Moments) -> Call {
        let Self { inputs, outputs, batch_size, bias, rate_factor } = *self;
        let parameters = TiledParameters {
            rows: inputs as u32,
            columns: outputs as u32,
            inner: batch_size as u32,
            activation: 0,
            bias: bias as u32,
            rate_factor: rate_factor as f32,
        };
        let vector = inputs.is_multiple_of(4) && outputs.is_multiple_of(4);
        Call {
            kernel: &KERNEL,
            variant: variant(size, moments, vector),
            parameters: bytemuck::bytes_of(&parameters).to_vec(),
            structures: Vec::new(),
            workgroups: folded_y(outputs.div_ceil(size.side()), (inputs + 1).div_ceil(size.side())),
        }
    }
}
