//! Whole epochs of the preset `dense` on the embedded data, in images a second.
//!
//! `DIABOLO_ADAPTER` chooses the adapter, as for the program.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use diabolo::config::Config;
use diabolo::data;
use diabolo::gpu::{Gpu, select_adapter};
use diabolo::model::glorot_uniform;
use diabolo::train::Trainer;
use std::time::Duration;

fn epochs(criterion: &mut Criterion) {
    let wanted = std::env::var("DIABOLO_ADAPTER").ok();
    let adapter = select_adapter(wanted.as_deref()).unwrap_or_else(|error| panic!("{error}"));
    let gpu = Gpu::open(&adapter).unwrap();
    let images = data::load("glyphs").unwrap().train().first(12_800);
    let mut group = criterion.benchmark_group("dense");
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(10));
    for batch_size in [64, 256, 1024] {
        let config = Config::load("dense", &[format!("training.batch_size={batch_size}")]).unwrap();
        let network = config.network(images.shape().pixels());
        let mut trainer = Trainer::new(&gpu, &config, &images, &glorot_uniform(&network, 1)).unwrap();
        let mut epoch = 0;
        group.throughput(Throughput::Elements(images.len() as u64));
        group.bench_function(format!("batch {batch_size}"), |bencher| {
            bencher.iter(|| {
                epoch += 1;
                trainer.train_epoch(epoch, |_| ()).unwrap()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, epochs);
criterion_main!(benches);
