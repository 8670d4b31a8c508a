//! Dropout (Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting"), in f64: in training a share of a
//! layer's outputs becomes 0, and the others are divided by what is left, so that afterwards all can stay as they are.

use super::Matrix;
use super::philox::{Stream, random_words, unit_interval};
use super::training::BatchPlace;

/// Bits of a block's number that count the units of a layer, four in each; those above count the layers.
pub const UNIT_BITS: u32 = 18;

/// The word that decides on an output of a layer, for the image at a position of an epoch.
pub fn word(seed: u64, epoch: u32, position: u32, layer: usize, unit: usize) -> u32 {
    let block = (layer as u32) << UNIT_BITS | (unit / 4) as u32;
    random_words(seed, Stream::Dropout, epoch, position, block)[unit % 4]
}

/// Whether an output stays where this share, in [0, 1), is dropped.
pub fn stays(word: u32, share: f64) -> bool {
    // A shader compares in f32, where the left side is exact.
    unit_interval(word) >= share as f32
}

/// What outputs that stay are multiplied by.
pub fn scale(share: f64) -> f64 {
    1.0 / (1.0 - share)
}

/// What the outputs [rows, units] of a layer are multiplied by for a batch: 0 of those that are dropped.
pub fn mask(place: BatchPlace, layer: usize, share: f64, rows: usize, units: usize) -> Matrix {
    let BatchPlace { seed, epoch, first_position } = place;
    Matrix::from_fn(rows, units, |row, unit| {
        let word = word(seed, epoch, first_position + row as u32, layer, unit);
        if stays(word, share) { scale(share) } else { 0.0 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::corruption;

    const PLACE: BatchPlace = BatchPlace { seed: 7, epoch: 3, first_position: 40 };

    #[test]
    fn the_share_is_dropped_and_the_mean_stays() {
        for share in [0.0, 0.2, 0.5, 0.9] {
            let mask = mask(PLACE, 1, share, 200, 200);
            let dropped = mask.elements.iter().filter(|factor| **factor == 0.0).count() as f64 / 40_000.0;
            let mean = mask.elements.iter().sum::<f64>() / 40_000.0;
            // Four standard deviations, of which the mean's is √(share / (1 − share)) / 200.
            assert!((dropped - share).abs() <= 0.01 && (mean - 1.0).abs() <= 0.06, "{share}: {dropped} {mean}");
        }
    }

    #[test]
    fn every_layer_epoch_position_and_unit_has_a_word_of_its_own() {
        let all = [
            word(1, 0, 0, 0, 0),
            word(2, 0, 0, 0, 0),
            word(1, 1, 0, 0, 0),
            word(1, 0, 1, 0, 0),
            word(1, 0, 0, 1, 0),
            word(1, 0, 0, 0, 1),
            word(1, 0, 0, 0, 4),
            word(1, 0, 0, 0, (1 << 20) - 1),
            corruption::word(1, 0, 0, 0),
        ];
        let different: std::collections::BTreeSet<u32> = all.into_iter().collect();
        assert_eq!(different.len(), all.len());
    }
}
