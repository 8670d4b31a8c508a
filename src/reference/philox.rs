//! Philox4x32-10, a counter-based random generator: the same words from the same counter and key, in Rust and in WGSL.
//!
//! Source: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
//! Nothing is stored between draws, so a run can be resumed, and a shader can draw any number, from (seed, stream, step, index) alone.

const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const KEY_INCREMENT: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// What a random number is for. Numbers of different streams are independent, even at the same seed, step and index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Stream {
    /// Round keys of the permutation that orders an epoch's samples.
    Shuffle = 0,
    /// Initial weights.
    Weights = 1,
    /// The drawn data set `glyphs`.
    Glyphs = 2,
    /// Inputs of the cases that verify an adapter.
    Cases = 3,
    /// Which images of a data set are kept for testing.
    Split = 4,
    /// The noise on a denoising autoencoder's inputs.
    Corruption = 5,
    /// The draws of a variational code.
    Code = 6,
    /// Which samples a training takes that draws all classes alike.
    Balance = 9,
    /// Codes drawn from a distribution.
    Codes = 12,
    /// Which outputs of a layer are dropped in training.
    Dropout = 13,
    /// What training images are moved, bent and covered by.
    Augmentation = 14,
}

/// The ten-round Philox bijection of a 128-bit counter under a 64-bit key.
pub fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let mut state = counter;
    let mut round_key = key;
    for round in 0..ROUNDS {
        if round > 0 {
            round_key = [round_key[0].wrapping_add(KEY_INCREMENT[0]), round_key[1].wrapping_add(KEY_INCREMENT[1])];
        }
        let (high_0, low_0) = multiply(MULTIPLIER[0], state[0]);
        let (high_1, low_1) = multiply(MULTIPLIER[1], state[2]);
        state = [high_1 ^ state[1] ^ round_key[0], low_1, high_0 ^ state[3] ^ round_key[1], low_0];
    }
    state
}

/// Four random words for one place in a stream: `block` counts the draws at the same (step, index).
pub fn random_words(seed: u64, stream: Stream, step: u32, index: u32, block: u32) -> [u32; 4] {
    philox4x32_10([block, index, step, stream as u32], [seed as u32, (seed >> 32) as u32])
}

/// The upper 24 bits of a word as a number in [0, 1), exact in f32.
pub fn unit_interval(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// An endless sequence of numbers drawn at one (step, index), for host code that wants them one at a time.
pub struct Sequence {
    seed: u64,
    stream: Stream,
    step: u32,
    index: u32,
    drawn: u32,
    words: [u32; 4],
}

impl Sequence {
    /// The numbers of this seed, stream, step and index, from the first on.
    pub fn new(seed: u64, stream: Stream, step: u32, index: u32) -> Self {
        Self { seed, stream, step, index, drawn: 0, words: [0; 4] }
    }

    /// The next random word, uniform over all of u32.
    pub fn word(&mut self) -> u32 {
        let within_block = (self.drawn % 4) as usize;
        if within_block == 0 {
            self.words = random_words(self.seed, self.stream, self.step, self.index, self.drawn / 4);
        }
        self.drawn += 1;
        self.words[within_block]
    }

    /// The next number, uniform over [low, high).
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * unit_interval(self.word())
    }
}

/// The high and the low half of a 32 × 32 → 64 bit product.
fn multiply(a: u32, b: u32) -> (u32, u32) {
    let product = u64::from(a) * u64::from(b);
    ((product >> 32) as u32, product as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers published with Random123 (`kat_vectors`, philox 4x32 10).
    #[test]
    fn published_vectors() {
        let cases = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, answer) in cases {
            assert_eq!(philox4x32_10(counter, key), answer);
        }
    }

    #[test]
    fn a_sequence_draws_the_blocks_in_order() {
        let mut sequence = Sequence::new(7, Stream::Glyphs, 1, 2);
        let drawn: Vec<u32> = (0..8).map(|_| sequence.word()).collect();
        let blocks = [random_words(7, Stream::Glyphs, 1, 2, 0), random_words(7, Stream::Glyphs, 1, 2, 1)];
        assert_eq!(drawn, blocks.concat());
    }

    #[test]
    fn the_unit_interval_excludes_one() {
        assert_eq!(unit_interval(0), 0.0);
        assert!(unit_interval(u32::MAX) < 1.0);
    }
}
