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

/// Elements of the guard behind a tensor: a tile's rows, so that a forgotten mask lands there; of very long rows a part.
fn tail(columns: usize) -> usize {
    (64 * columns + 64).min(1 << 17)
}

/// A tensor on the GPU with the same elements, rounded to f32, and NaN before and behind: a stray read that is used shows.
pub fn upload(gpu: &Gpu, matrix: &Matrix) -> Tensor {
    guarded(gpu, matrix, f32::NAN)
}

/// A tensor with the same elements that a kernel changes in place, and [`GUARD`] before and behind.
pub fn updated(gpu: &Gpu, matrix: &Matrix) -> Tensor {
    guarded(gpu, matrix, GUARD)
}

fn guarded(gpu: &Gpu, matrix: &Matrix, guard: f32) -> Tensor {
    let elements: Vec<f32> = matrix.elements.iter().map(|&x| x as f32).collect();
    let Matrix { rows, columns, .. } = *matrix;
    Tensor::guarded(gpu, "tensor", [rows, columns], &elements, guard, tail(columns)).unwrap()
}

/// A tensor whose every element is NaN, so that what a kernel leaves out is seen, with [`GUARD`] before and behind.
pub fn poisoned(gpu: &Gpu, rows: usize, columns: usize) -> Tensor {
    let elements = vec![f32::NAN; rows * columns];
    Tensor::guarded(gpu, "output", [rows, columns], &elements, GUARD, tail(columns)).unwrap()
}

/// What no kernel computes, so that a stray write shows.
const GUARD: f32 = -1.234_567_9e30;

/// Runs a call once, with `step` in its table, and looks at the guards of every tensor: none may have been written.
pub fn run(gpu: &Gpu, call: &Call, step: Step, tensors: &[&Tensor]) {
    let table = Table::new(gpu, "step table", size_of::<Step>(), 1).unwrap();
    table.upload(gpu, &[step]).unwrap();
    let dispatch = call.bind(gpu, Some(&table), tensors).unwrap();
    gpu.run(Commands::record(gpu, &[dispatch], &table, 1)).unwrap();
    for (place, tensor) in tensors.iter().enumerate() {
        let guards: [Vec<f32>; 2] = tensor.download_guards(gpu).unwrap();
        let is_whole = |value: &f32| value.is_nan() || *value == GUARD;
        assert!(guards.iter().flatten().all(is_whole), "{}: tensor {place} was written outside", call.variant);
        let mixed =
            guards.iter().flatten().any(|value| value.is_nan()) && guards.iter().flatten().any(|value| *value == GUARD);
        assert!(!mixed, "{}: tensor {place} was written outside", call.variant);
    }
}

/// Numbers that f32 holds exactly, so that both sides compute from the same.
pub fn random_matrix(rows: usize, columns: usize, low: f32, high: f32, seed: u64) -> Matrix {
    let mut random = Sequence::new(seed, Stream::Weights, rows as u32, columns as u32);
    Matrix::from_fn(rows, columns, |_, _| f64::from(random.uniform(low, high)))
}

/// A step whose batch has `rows` samples of `columns` values.
pub fn step_of(rows: usize, columns: usize) -> Step {
    Step { rows: rows as u32, inverse_element_count: (1.0 / (rows * columns) as f64) as f32, ..Step::default() }
}

/// Half the distance from 1 to the next f32: the relative error of one rounding.
pub const ROUNDING: f64 = 1.0 / 16_777_216.0;
