//! Digests, which tell whether data are still what they were.

use super::Images;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// Bytes that one thread digests at a time.
const BLOCK_BYTES: usize = 1 << 20;

impl Images {
    /// The SHA-256 of all that a training takes of these images, in hexadecimal digits: of the digests of their bytes, MiB by MiB, of their
    /// labels and of their weights.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        let blocks: Vec<_> = self.bytes().par_chunks(BLOCK_BYTES).map(Sha256::digest).collect();
        blocks.iter().for_each(|block| hash.update(block));
        let labels: Vec<u8> = self.labels().into_iter().flatten().flat_map(|label| label.to_le_bytes()).collect();
        let weights: Vec<u8> =
            self.weights.as_deref().into_iter().flatten().flat_map(|weight| weight.to_le_bytes()).collect();
        hash.update(Sha256::digest(labels));
        hash.update(Sha256::digest(weights));
        hexadecimal(&hash.finalize())
    }
}

/// Bytes as digits, two of each.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ImageShape;

    #[test]
    fn whatever_a_training_takes_changes_the_digest() {
        let shape = ImageShape { height: 1, width: 3, channels: 1 };
        let bytes: Vec<u8> = (0..3 * BLOCK_BYTES).map(|place| (place % 251) as u8).collect();
        let count = bytes.len() / 3;
        let images = Images::new(shape, bytes.clone(), Some(vec![0; count])).unwrap();
        let mut altered = vec![images.clone()];
        for place in [0, BLOCK_BYTES, bytes.len() - 1] {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1;
            altered.push(Images::new(shape, bytes, Some(vec![0; count])).unwrap());
        }
        let mut labels = vec![0; count];
        labels[count - 1] = 1;
        altered.push(Images::new(shape, bytes.clone(), Some(labels)).unwrap());
        altered.push(Images::new(shape, bytes.clone(), None).unwrap());
        altered.push(images.clone().with_weights(vec![1.0; count], "to train on").unwrap());
        let mut digests: Vec<String> = altered.iter().map(Images::sha256).collect();
        assert_eq!(digests[0], images.sha256());
        assert_eq!(digests[0].len(), 64);
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), altered.len());
    }

    #[test]
    fn bytes_are_two_digits_each() {
        assert_eq!(hexadecimal(&[0x0a, 0xff, 0]), "0aff00");
    }
}
