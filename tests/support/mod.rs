//! What the tests on an adapter share. A machine without any adapter fails them; none is skipped.
#![allow(dead_code, reason = "each test program uses a part of it")]

use diabolo::gpu::{Commands, Gpu, Table, Tensor, select_adapter};
use diabolo::kernels::Call;
use diabolo::kernels::step::Step;
use diabolo::reference::Matrix;
use diabolo::reference::philox::{Sequence, Stream};

/// The adapter that `DIABOLO_ADAPTER` names, or the default one.
pub fn gpu() -> Gpu {
    let wanted = std::env::var("DIABOLO_ADAPTER").ok();
    let adapter = select_adapter(wanted.as_deref()).unwrap_or_else(|error| panic!("{error}"));
    Gpu::open(&adapter).unwrap_or_else(|error| panic!("{error}"))
}

/// A tensor on the GPU with the same elements, rounded to f32.
pub fn upload(gpu: &Gpu, matrix: &Matrix) -> Tensor {
    let elements: Vec<f32> = matrix.elements.iter().map(|&x| x as f32).collect();
    Tensor::from_elements(gpu, "input", matrix.rows, matrix.columns, &elements).unwrap()
}

/// A tensor whose every element is NaN, so that what a kernel leaves out is seen.
pub fn poisoned(gpu: &Gpu, rows: usize, columns: usize) -> Tensor {
    Tensor::from_elements(gpu, "output", rows, columns, &vec![f32::NAN; rows * columns]).unwrap()
}

/// Runs a call once, with `step` in its table.
pub fn run(gpu: &Gpu, call: &Call, step: Step, tensors: &[&Tensor]) {
    let table = Table::new(gpu, "step table", size_of::<Step>(), 1).unwrap();
    table.upload(gpu, &[step]).unwrap();
    let dispatch = call.bind(gpu, Some(&table), tensors).unwrap();
    gpu.run(Commands::record(gpu, &[dispatch], &table, 1)).unwrap();
}

/// Numbers that f32 holds exactly, so that both sides compute from the same.
pub fn random_matrix(rows: usize, columns: usize, low: f32, high: f32, seed: u64) -> Matrix {
    let mut random = Sequence::new(seed, Stream::Weights, rows as u32, columns as u32);
    Matrix::from_fn(rows, columns, |_, _| f64::from(random.uniform(low, high)))
}
