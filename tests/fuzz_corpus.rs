//! The corpus of the fuzz targets through the same entries, and one small change of each file after the other.

use std::fs;
use std::path::Path;

#[path = "../fuzz/entries.rs"]
mod entries;

/// The files of a target's corpus, in order.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn the_corpus_passes() {
    for (target, entry) in entries::ALL {
        let files = corpus(target);
        assert!(files.len() >= 3, "the corpus of {target} has {} files", files.len());
        files.iter().for_each(|bytes| entry(bytes));
    }
}

#[test]
fn every_truncation_and_every_flipped_bit_passes() {
    for (target, entry) in entries::ALL {
        for bytes in corpus(target).iter().filter(|bytes| bytes.len() <= 1024) {
            (0..bytes.len()).for_each(|length| entry(&bytes[..length]));
            let mut flipped = bytes.clone();
            for bit in 0..8 * bytes.len() {
                flipped[bit / 8] ^= 1 << (bit % 8);
                entry(&flipped);
                flipped[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
}

/// What is good in a corpus gets through its reader to the end, or it would try only what refuses.
#[test]
fn the_corpus_holds_a_checkpoint_that_is_read() {
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/checkpoint/good");
    assert!(diabolo::train::Checkpoint::load(&good).is_ok());
}
