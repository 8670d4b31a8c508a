//! Kernels at the shapes of the preset `dense`, in floating-point operations or bytes a second.
//!
//! `DIABOLO_ADAPTER` chooses the adapter, as for the program.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use diabolo::gpu::{Commands, Dispatch, Gpu, Table, Tensor, select_adapter};
use diabolo::kernels::gather::{Order, words_per_sample};
use diabolo::kernels::matmul::{Epilogue, Form, Matmul, Schedule};
use diabolo::kernels::step::Step;
use diabolo::kernels::{Call, bias_gradient, gather, loss, optimizer};
use diabolo::reference::{Activation, Algorithm, Corruption, Loss};
use std::time::{Duration, Instant};

const BATCH_SIZE: usize = 256;

/// Runs of a dispatch in one submission: enough to hide the submission, few enough not to hang a slow adapter.
const RUNS: usize = 20;

struct Bench {
    gpu: Gpu,
    table: Table,
}

impl Bench {
    fn new() -> Self {
        let wanted = std::env::var("DIABOLO_ADAPTER").ok();
        let adapter = select_adapter(wanted.as_deref()).unwrap_or_else(|error| panic!("{error}"));
        let gpu = Gpu::open(&adapter).unwrap();
        let table = Table::new(&gpu, "step table", size_of::<Step>(), RUNS).unwrap();
        let step = Step { rows: BATCH_SIZE as u32, inverse_element_count: 1e-5, ..Step::default() };
        table.upload(&gpu, &[step; RUNS]).unwrap();
        Self { gpu, table }
    }

    fn tensor(&self, rows: usize, columns: usize) -> Tensor {
        Tensor::zeros(&self.gpu, "bench", rows, columns).unwrap()
    }

    fn bind(&self, call: &Call, tensors: &[&Tensor]) -> Dispatch {
        call.bind(&self.gpu, Some(&self.table), tensors).unwrap()
    }

    /// The time of `count` runs of a dispatch; `last` is a tensor it writes, whose arrival shows that it has run.
    fn time(&self, dispatch: &Dispatch, count: u64, last: &Tensor) -> Duration {
        let submit = || {
            let one = std::slice::from_ref(dispatch);
            self.gpu.run(Commands::record(&self.gpu, one, &self.table, RUNS)).unwrap();
        };
        submit();
        last.download::<f32>(&self.gpu).unwrap();
        let started = Instant::now();
        let submissions = count.div_ceil(RUNS as u64);
        (0..submissions).for_each(|_| submit());
        last.download::<f32>(&self.gpu).unwrap();
        started.elapsed().mul_f64(count as f64 / (submissions * RUNS as u64) as f64)
    }
}

fn products(criterion: &mut Criterion) {
    let bench = Bench::new();
    let mut group = criterion.benchmark_group("matmul");
    group.sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    // (form, rows, inner, columns): outputs, input gradients and weight gradients of dense's layers, and one large product.
    let shapes = [
        (Form::Plain, 256, 784, 64),
        (Form::Plain, 256, 64, 32),
        (Form::Plain, 256, 64, 784),
        (Form::TransposedB, 256, 784, 64),
        (Form::TransposedB, 256, 64, 32),
        (Form::TransposedA, 784, 256, 64),
        (Form::TransposedA, 64, 256, 784),
        (Form::TransposedA, 64, 256, 32),
        (Form::Plain, 512, 512, 512),
    ];
    for schedule in Schedule::available(&bench.gpu) {
        for (form, rows, inner, columns) in shapes {
            let product = Matmul { form, schedule, epilogue: Epilogue::Product, rows, columns, inner };
            let (a, b, c) = (bench.tensor(rows, inner), bench.tensor(inner, columns), bench.tensor(rows, columns));
            let dispatch = bench.bind(&product.call(), &[&a, &b, &c]);
            group.throughput(Throughput::Elements(2 * (rows * inner * columns) as u64));
            let name = BenchmarkId::new(format!("{schedule:?} {form:?}"), format!("{rows}x{inner}x{columns}"));
            group.bench_function(name, |bencher| bencher.iter_custom(|count| bench.time(&dispatch, count, &c)));
        }
    }
    group.finish();
}

fn elementwise(criterion: &mut Criterion) {
    let bench = Bench::new();
    let mut group = criterion.benchmark_group("elementwise");
    group.sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    let pixels = 784;
    let batch = || bench.tensor(BATCH_SIZE, pixels);
    let mut measure = |name: &str, bytes: usize, dispatch: &Dispatch, last: &Tensor| {
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(name, |bencher| bencher.iter_custom(|count| bench.time(dispatch, count, last)));
    };
    let (samples, gathered) = (bench.tensor(60_000, words_per_sample(pixels)), batch());
    for order in Order::ALL {
        let call = gather::call(order, Corruption::NONE, BATCH_SIZE, 60_000, pixels);
        let dispatch = bench.bind(&call, &[&samples, &gathered]);
        measure(&format!("gather {order:?}"), 5 * BATCH_SIZE * pixels, &dispatch, &gathered);
    }
    let (logits, targets, gradient, sample_losses) = (batch(), batch(), batch(), bench.tensor(BATCH_SIZE, 1));
    let call = loss::call(Loss::BinaryCrossEntropy, Activation::Sigmoid, false, BATCH_SIZE, pixels);
    let dispatch = bench.bind(&call, &[&logits, &targets, &gradient, &sample_losses]);
    measure("loss", 12 * BATCH_SIZE * pixels, &dispatch, &sample_losses);
    let sums = bench.tensor(1, pixels);
    let dispatch = bench.bind(&bias_gradient::call(false, BATCH_SIZE, pixels), &[&gradient, &sums]);
    measure("bias_gradient", 4 * BATCH_SIZE * pixels, &dispatch, &sums);
    let weights = 784 * 64;
    let state = [0; 4].map(|_| bench.tensor(1, weights));
    let dispatch =
        bench.bind(&optimizer::call(Algorithm::Adam.moments(), false, weights, true, 1.0), &state.each_ref());
    measure("optimizer", 28 * weights, &dispatch, &state[1]);
    group.finish();
}

criterion_group!(benches, products, elementwise);
criterion_main!(benches);
