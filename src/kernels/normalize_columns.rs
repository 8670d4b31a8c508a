//! Batch normalization of what a layer's product gives.

use super::step::Step;
use super::{COLUMNS_OF_WORKGROUP, Call, Kernel, bindings, linear_grid, shader_struct};
use crate::gpu::BindingKind::{Parameters as Uniform, TableRow, Write};
use crate::gpu::{Interface, Needs, Variant};
use crate::reference::normalization::{EPSILON, MOMENTUM};

shader_struct! {
    struct Parameters {
        rows: u32,
        columns: u32,
        epsilon: f32,
        running_share: f32,
        batch_share: f32,
    }
}

/// The shader with its bindings, its needs and its variants.
pub static KERNEL: Kernel = Kernel {
    interface: Interface {
        name: "normalize_columns",
        bindings: bindings! {
            0 parameters: Uniform(&Parameters::LAYOUT);
            1 step: TableRow(&Step::LAYOUT);
            2 values: Write;
            3 inverse_deviations: Write;
            4 running_means: Write;
            5 running_variances: Write;
        },
    },
    needs: Needs { invocations: 256, workgroup_bytes: 1024, features: &[] },
    variants: || vec![variant()],
};

fn variant() -> Variant {
    Variant::new("normalize_columns", include_str!("../../shaders/normalize_columns.wgsl"))
}

/// Binds `values` [rows, columns], each column of which gets the mean 0 and the variance 1 over the rows that hold samples, and 0 in the
/// others, `inverse_deviations` `[columns]`: what each column was multiplied by for that, and `running_means` and `running_variances`
/// `[columns]`, which come a tenth of the way nearer to those of the batch, if that is more than one sample.
pub fn call(rows: usize, columns: usize) -> Call {
    let parameters = Parameters {
        rows: rows as u32,
        columns: columns as u32,
        epsilon: EPSILON as f32,
        running_share: (1.0 - MOMENTUM) as f32,
        batch_share: MOMENTUM as f32,
    };
    Call {
        kernel: &KERNEL,
        variant: variant(),
        parameters: bytemuck::bytes_of(&parameters).to_vec(),
        structures: Vec::new(),
        workgroups: linear_grid(columns, COLUMNS_OF_WORKGROUP),
    }
}
