//! A permutation of 0..n that needs no memory: where each sample of an epoch stands, computed from its position.
//!
//! A balanced Feistel network over the smallest even number of bits that holds n, with cycle walking: a result of n or more
//! is put through again until it falls below n. Source: Black & Rogaway, "Ciphers with Arbitrary Finite Domains", 2002.

use super::philox::{Stream, random_words};

/// A keyed permutation of `0..length`.
#[derive(Clone, Copy, Debug)]
pub struct Shuffle {
    length: u32,
    half_bits: u32,
    round_keys: [u32; 4],
}

impl Shuffle {
    /// The order of `epoch` under `seed`. `length` is at least 1.
    pub fn new(length: u32, seed: u64, epoch: u32) -> Self {
        let bits = u32::BITS - length.saturating_sub(1).leading_zeros();
        Self {
            length,
            half_bits: bits.div_ceil(2).max(1),
            round_keys: random_words(seed, Stream::Shuffle, epoch, 0, 0),
        }
    }

    /// The sample that stands at `position`; `position < length`.
    pub fn sample_at(&self, position: u32) -> u32 {
        let mut value = position;
        loop {
            value = self.permute(value);
            if value < self.length {
                return value;
            }
        }
    }

    /// One pass of the Feistel network over 2·`half_bits` bits.
    fn permute(&self, value: u32) -> u32 {
        let mask = u32::MAX >> (u32::BITS - self.half_bits);
        let mut left = value >> self.half_bits;
        let mut right = value & mask;
        for key in self.round_keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        left << self.half_bits | right
    }
}

/// MurmurHash3's 32-bit finalizer: every input bit reaches every output bit.
fn mix(word: u32) -> u32 {
    let mut h = word;
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(length: u32, seed: u64, epoch: u32) -> Vec<u32> {
        let shuffle = Shuffle::new(length, seed, epoch);
        (0..length).map(|position| shuffle.sample_at(position)).collect()
    }

    #[test]
    fn every_sample_stands_at_exactly_one_position() {
        for length in (1..=5000).chain([60_000]) {
            let mut is_taken = vec![false; length as usize];
            for sample in order(length, 42, 3) {
                assert!(!std::mem::replace(&mut is_taken[sample as usize], true), "{sample} of {length} stands twice");
            }
        }
    }

    #[test]
    fn seed_and_epoch_change_the_order() {
        assert_ne!(order(1000, 1, 0), order(1000, 1, 1));
        assert_ne!(order(1000, 1, 0), order(1000, 2, 0));
        assert_eq!(order(1000, 1, 0), order(1000, 1, 0));
    }

    /// In a random order the mean distance of a sample from its sorted place is n/3, with a standard deviation of n/√(18 n) = 0.001 n here.
    #[test]
    fn samples_travel_as_far_as_in_a_random_order() {
        let n = 60_000u32;
        let travelled: f64 = order(n, 9, 0).iter().zip(0..n).map(|(&s, p)| f64::from(s.abs_diff(p))).sum();
        let mean = travelled / f64::from(n) / f64::from(n);
        assert!((mean - 1.0 / 3.0).abs() < 0.01, "mean travel is {mean} of the length");
    }
}
