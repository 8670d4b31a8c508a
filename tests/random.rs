//! The random numbers of WGSL against their twin, bit for bit. What the shuffle makes of them, `tests/verify.rs` holds against its own.

mod support;

use diabolo::gpu::{Binding, BindingKind, Commands, Dispatch, DispatchDescriptor, Interface, Table, Tensor, Variant};
use diabolo::reference::philox::{Sequence, Stream, philox4x32_10};
use support::gpu;

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
    let descriptor = DispatchDescriptor {
        interface: &INTERFACE,
        variant: &variant,
        parameters: &[],
        structures: &[],
        table: None,
        tensors: &tensors,
        workgroups: [count.div_ceil(64) as u32, 1, 1],
    };
    let dispatch = Dispatch::new(&gpu, &descriptor).unwrap();
    let table = Table::new(&gpu, "unused", 4, 1).unwrap();
    gpu.run(Commands::record(&gpu, &[dispatch], &table, 1)).unwrap();
    let counters = counters.as_chunks::<4>().0;
    let expected = counters.iter().zip(keys.as_chunks().0).flat_map(|(&counter, &key)| philox4x32_10(counter, key));
    assert_eq!(words.download::<u32>(&gpu).unwrap(), expected.collect::<Vec<_>>());
}
