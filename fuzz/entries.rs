//! What each fuzz target does with the bytes it is given. `tests/fuzz_corpus.rs` does the same with the corpus on every change.

#![allow(dead_code, reason = "each target is a program of its own and takes one of these")]

use diabolo::Config;
use diabolo::data::{ImageShape, Images, LoadOptions, from_bytes};
use diabolo::train::Checkpoint;

/// What a target does with some bytes. It panics where it should not.
pub type Entry = fn(&[u8]);

/// Every target by its name.
pub const ALL: [(&str, Entry); 7] = [
    ("idx", idx),
    ("npy", npy),
    ("csv", csv),
    ("weights", weights),
    ("image", image),
    ("config", config),
    ("checkpoint", checkpoint),
];

/// Little enough memory that taking more would show.
fn options() -> LoadOptions {
    LoadOptions { max_memory: 64 << 20, ..LoadOptions::default() }
}

/// Whatever is read is whole.
fn check(images: &Images) {
    assert_eq!(images.bytes().len(), images.len() * images.shape().pixels());
    assert!(images.labels().is_none_or(|labels| labels.len() == images.len()));
    assert!(images.bytes().len() as u64 <= options().max_memory);
}

fn check_message(error: impl std::fmt::Display) {
    assert!(!error.to_string().is_empty());
}

/// IDX, as images and as labels.
pub fn idx(bytes: &[u8]) {
    match from_bytes::idx(bytes, &options()) {
        Ok(images) => check(&images),
        Err(error) => check_message(error),
    }
    if let Err(error) = from_bytes::idx_labels(bytes, &options()) {
        check_message(error);
    }
}

/// NPY.
pub fn npy(bytes: &[u8]) {
    match from_bytes::npy(bytes, &options()) {
        Ok(images) => check(&images),
        Err(error) => check_message(error),
    }
}

/// CSV.
pub fn csv(bytes: &[u8]) {
    match from_bytes::csv(bytes, &options()) {
        Ok((images, names)) => {
            check(&images);
            let names = names.map_or(0, |names| names.len());
            assert!(images.labels().is_none_or(|labels| labels.iter().all(|label| (*label as usize) < names)));
        }
        Err(error) => check_message(error),
    }
}

/// Weights of images, as NPY and as CSV.
pub fn weights(bytes: &[u8]) {
    for weights in [from_bytes::npy_weights(bytes, &options()), from_bytes::csv_weights(bytes, &options())] {
        match weights {
            Ok(weights) => assert!(weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0)),
            Err(error) => check_message(error),
        }
    }
}

/// PNG, JPEG, WebP and BMP.
pub fn image(bytes: &[u8]) {
    for channels in [1, 3] {
        let shape = ImageShape { height: 5, width: 7, channels };
        match from_bytes::image(bytes, shape, &options()) {
            Ok(pixels) => assert_eq!(pixels.len(), shape.pixels()),
            Err(error) => check_message(error),
        }
    }
}

/// A run's `config.toml`, which is read back as it is written.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Config::from_toml("config.toml", text) {
        Ok(config) => {
            let written = config.to_toml().expect("a valid configuration can be written");
            assert_eq!(Config::from_toml("config.toml", &written).as_ref(), Ok(&config));
        }
        Err(error) => check_message(error),
    }
}

/// A checkpoint, which is written again as it was read.
pub fn checkpoint(bytes: &[u8]) {
    match Checkpoint::read(&mut &bytes[..], bytes.len() as u64) {
        Ok(checkpoint) => {
            let written = checkpoint.to_bytes().expect("a checkpoint that was read can be written");
            let again = Checkpoint::read(&mut &written[..], written.len() as u64);
            // Compared as bytes, since a state may hold NaNs.
            let again = again.expect("what was written can be read").to_bytes().expect("and written again");
            assert!(again == written);
        }
        Err(error) => check_message(error),
    }
}
