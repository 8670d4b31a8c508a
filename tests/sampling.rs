//! Which samples a batch holds: the random numbers, the order that follows from them, and the gather kernel, against their twins.

mod support;

use diabolo::gpu::{Binding, BindingKind, Commands, Dispatch, Interface, Table, Tensor, Variant};
use diabolo::kernels::gather::{self, Order, pack, words_per_sample};
use diabolo::kernels::step::Step;
use diabolo::reference::Matrix;
use diabolo::reference::compare::within;
use diabolo::reference::philox::{Sequence, Stream, philox4x32_10};
use diabolo::reference::shuffle::Shuffle;
use support::{ROUNDING, gpu, poisoned, run, step_of};

#[test]
fn batches_hold_the_shuffled_samples_and_nothing_past_their_end() {
    let gpu = gpu();
    let seed = 0x1234_5678_9abc_def0;
    for (sample_count, pixels, batch_size) in [(1, 1, 1), (2, 3, 5), (257, 5, 64), (535, 33, 31), (63, 784, 65)] {
        let bytes: Vec<u8> = (0..sample_count * pixels).map(|i| (i * 37 % 256) as u8).collect();
        let words = pack(&bytes, pixels);
        let shape = [sample_count, words_per_sample(pixels)];
        // Behind the samples stand white pixels.
        let samples = Tensor::guarded(&gpu, "samples", shape, &words, u32::MAX, 256).unwrap();
        for order in Order::ALL {
            let shuffle = Shuffle::new(sample_count as u32, seed, 3);
            for first in [0, sample_count / 2, sample_count - 1] {
                let rows = batch_size.min(sample_count - first);
                let batch = poisoned(&gpu, batch_size, pixels);
                let step = Step {
                    first_sample: first as u32,
                    epoch: 3,
                    seed_low: seed as u32,
                    seed_high: (seed >> 32) as u32,
                    ..step_of(rows, pixels)
                };
                run(&gpu, &gather::call(order, batch_size, sample_count, pixels), step, &[&samples, &batch]);
                let expected = Matrix::from_fn(batch_size, pixels, |row, pixel| {
                    if row >= rows {
                        return 0.0;
                    }
                    let position = (first + row) as u32;
                    let sample = if order == Order::Shuffled { shuffle.sample_at(position) } else { position };
                    f64::from(bytes[sample as usize * pixels + pixel]) / 255.0
                });
                // One rounding of 1/255 and one of the product; a wrong sample would be off by 1/255.
                within(&batch.download(&gpu).unwrap(), &expected.elements, 2.0 * ROUNDING)
                    .unwrap_or_else(|mismatch| panic!("{order:?} {sample_count} × {pixels} from {first}: {mismatch}"));
            }
        }
    }
}

/// The generator in WGSL gives the words of the twin, which is held against the published ones.
#[test]
fn random_words_are_the_twin_s() {
    static INTERFACE: Interface = Interface {
        name: "philox_words",
        bindings: &[
            Binding { name: "counters", index: 0, kind: BindingKind::Read, only_with: None },
            Binding { name: "keys", index: 1, kind: BindingKind::Read, only_with: None },
            Binding { name: "words", index: 2, kind: BindingKind::Write, only_with: None },
        ],
    };
    let gpu = gpu();
    let mut random = Sequence::new(13, Stream::Weights, 0, 0);
    let count = 1000;
    let mut counters: Vec<u32> = (0..4 * count).map(|_| random.word()).collect();
    let mut keys: Vec<u32> = (0..2 * count).map(|_| random.word()).collect();
    // The edges: nothing, everything, and counters that differ in one place.
    counters[..16].copy_from_slice(&[0, 0, 0, 0, u32::MAX, u32::MAX, u32::MAX, u32::MAX, 1, 0, 0, 0, 0, 1, 0, 0]);
    keys[..8].copy_from_slice(&[0, 0, u32::MAX, u32::MAX, 0, 0, 0, 0]);
    let tensor =
        |elements: &[u32]| Tensor::from_elements(&gpu, "words", count, elements.len() / count, elements).unwrap();
    let words = tensor(&vec![0; 4 * count]);
    let variant = Variant::new("philox_words", include_str!("shaders/philox_words.wgsl"));
    let tensors = [&tensor(&counters), &tensor(&keys), &words];
    let workgroups = [count.div_ceil(64) as u32, 1, 1];
    let dispatch = Dispatch::new(&gpu, &INTERFACE, &variant, &[], None, &tensors, workgroups).unwrap();
    let table = Table::new(&gpu, "unused", 4, 1).unwrap();
    gpu.run(Commands::record(&gpu, &[dispatch], &table, 1)).unwrap();
    let counters = counters.as_chunks::<4>().0;
    let expected = counters.iter().zip(keys.as_chunks().0).flat_map(|(&counter, &key)| philox4x32_10(counter, key));
    assert_eq!(words.download::<u32>(&gpu).unwrap(), expected.collect::<Vec<_>>());
}
