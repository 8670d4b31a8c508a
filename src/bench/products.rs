//! Matrix products: those of a training step of the [`PRESETS`], and large square ones.

use super::timer::{Spread, Timer};
use super::{AdapterLimits, PIXELS, PRESETS};
use crate::config::Config;
use crate::error::Error;
use crate::gpu::{Gpu, GpuError, Tensor};
use crate::kernels::matmul::{Epilogue, Form, Matmul, Products};
use serde::Serialize;
use std::fmt;

/// Images in a step, for the products of the [`PRESETS`].
const BATCH_SIZE: usize = 256;

/// Sides of square products.
const SQUARES: [usize; 5] = [256, 512, 1024, 2048, 4096];

/// A product [rows, inner] · [inner, columns].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProductShape {
    form: Form,
    rows: usize,
    columns: usize,
    inner: usize,
}

impl fmt::Display for ProductShape {
    /// For example `256×784 · 784×64`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, columns, inner, .. } = self;
        write!(formatter, "{rows}×{inner} · {inner}×{columns}")
    }
}

/// How fast one product is.
#[derive(Clone, Debug, Serialize)]
pub struct ProductResult {
    /// `output`, `input gradient` or `weight gradient`: which of a layer's products it is.
    pub form: &'static str,
    /// Rows of the product.
    pub rows: usize,
    /// Its columns.
    pub columns: usize,
    /// What each of its elements is a sum of.
    pub inner: usize,
    /// The variant of the kernel that the program picks for it.
    pub variant: String,
    /// Floating-point operations a second: two for each multiply-add.
    pub operations_per_second: Spread,
    /// Of the adapter's multiply-adds.
    pub share_of_peak: f64,
    /// Operations for each byte of the three matrices.
    pub operations_per_byte: f64,
}

impl ProductShape {
    pub fn operations(&self) -> f64 {
        2.0 * (self.rows * self.columns) as f64 * self.inner as f64
    }

    fn bytes(&self) -> f64 {
        4.0 * (self.rows * self.inner + self.inner * self.columns + self.rows * self.columns) as f64
    }
}

/// Every product of a step of each of the [`PRESETS`], each once, and the square ones.
pub fn shapes() -> Result<Vec<ProductShape>, Error> {
    let mut shapes = Vec::new();
    for preset in PRESETS {
        for layer in Config::load(preset, &[])?.network(PIXELS).layers() {
            let (inputs, outputs) = (layer.inputs, layer.outputs);
            shapes.extend([
                ProductShape { form: Form::Plain, rows: BATCH_SIZE, inner: inputs, columns: outputs },
                ProductShape { form: Form::TransposedA, rows: inputs, inner: BATCH_SIZE, columns: outputs },
            ]);
            // The images themselves need no gradient.
            if inputs != PIXELS {
                shapes.push(ProductShape {
                    form: Form::TransposedB,
                    rows: BATCH_SIZE,
                    inner: outputs,
                    columns: inputs,
                });
            }
        }
    }
    shapes.extend(SQUARES.map(|side| ProductShape { form: Form::Plain, rows: side, columns: side, inner: side }));
    let mut unique: Vec<ProductShape> = Vec::new();
    for shape in shapes {
        if !unique.contains(&shape) {
            unique.push(shape);
        }
    }
    Ok(unique)
}

pub fn measure(
    gpu: &Gpu,
    timer: &Timer<'_>,
    shape: &ProductShape,
    limits: &AdapterLimits,
) -> Result<ProductResult, GpuError> {
    let ProductShape { form, rows, columns, inner } = *shape;
    let (schedule, epilogue) = (Products::of(gpu).schedule(rows, columns), Epilogue::Product);
    let call = Matmul { form, schedule, epilogue, rows, columns, inner }.call();
    let tensor = |rows, columns| Tensor::zeros(gpu, "bench", rows, columns);
    let dispatch = call.bind(gpu, None, &[&tensor(rows, inner)?, &tensor(inner, columns)?, &tensor(rows, columns)?])?;
    let operations_per_second = timer.seconds(&dispatch)?.rate(shape.operations());
    Ok(ProductResult {
        form: match form {
            Form::Plain => "output",
            Form::TransposedB => "input gradient",
            Form::TransposedA => "weight gradient",
        },
        rows,
        columns,
        inner,
        variant: call.variant.to_string(),
        operations_per_second,
        share_of_peak: operations_per_second.median / limits.operations_per_second.median,
        operations_per_byte: shape.operations() / shape.bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_a_step_is_measured_once() {
        let shapes = shapes().unwrap();
        let of_dense = ProductShape { form: Form::TransposedA, rows: 784, inner: 256, columns: 64 };
        assert_eq!(shapes.iter().filter(|shape| **shape == of_dense).count(), 1);
        assert!(shapes.iter().all(|shape| shapes.iter().filter(|other| *other == shape).count() == 1));
        assert_eq!(shapes.last().unwrap().operations(), 2.0 * 4096f64.powi(3));
    }
}
