//! Digests, which tell whether data are still what they were.

use super::{Dataset, Images};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// Bytes that one thread digests at a time.
const BLOCK_BYTES: usize = 1 << 20;

impl Dataset {
    /// The SHA-256, in hexadecimal digits, of all that a run takes of the set: the shape of the images, and the images of both splits with
    /// their labels and weights.
    pub fn sha256(&self) -> String {
        let dimensions = self.shape().dimensions().map(|size| size as u64);
        let mut hash = Sha256::new().chain_update(digest_of(&dimensions, |size| size.to_le_bytes()));
        for images in [self.train(), self.test()] {
            images.digests().iter().for_each(|digest| hash.update(digest));
        }
        hexadecimal(&hash.finalize())
    }
}

impl Images {
    /// Of their bytes, of their labels and of their weights.
    fn digests(&self) -> [[u8; 32]; 3] {
        let blocks: Vec<[u8; 32]> =
            self.bytes().par_chunks(BLOCK_BYTES).map(|block| Sha256::digest(block).into()).collect();
        [
            digest_of(&blocks, |block| block),
            digest_of(self.labels().unwrap_or_default(), u32::to_le_bytes),
            digest_of(self.weights.as_deref().unwrap_or_default(), f32::to_le_bytes),
        ]
    }
}

/// Of values, one after the other.
fn digest_of<T: Copy, const BYTES: usize>(values: &[T], bytes: impl Fn(T) -> [u8; BYTES]) -> [u8; 32] {
    let hash = values.iter().fold(Sha256::new(), |hash, &value| hash.chain_update(bytes(value)));
    hash.finalize().into()
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
    fn whatever_a_run_takes_changes_the_digest() {
        let count = BLOCK_BYTES;
        let shape = ImageShape { height: 1, width: 3, channels: 1 };
        let bytes: Vec<u8> = (0..3 * count).map(|place| (place % 251) as u8).collect();
        let images = |bytes: &[u8], labels| Images::new(shape, bytes.to_vec(), labels).unwrap();
        let set = |train: &Images, test: &Images| Dataset::new("set", train.clone(), test.clone()).unwrap();
        let plain = images(&bytes, Some(vec![0; count]));
        let mut labels = vec![0; count];
        labels[count - 1] = 1;
        let mut others =
            vec![images(&bytes, Some(labels)), images(&bytes, None), images(&bytes[3..], Some(vec![0; count - 1]))];
        for place in [0, BLOCK_BYTES, bytes.len() - 1] {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1;
            others.push(images(&bytes, Some(vec![0; count])));
        }
        let mut sets = vec![set(&plain, &plain)];
        for other in &others {
            sets.extend([set(other, &plain), set(&plain, other)]);
        }
        sets.push(set(&plain.clone().with_weights(vec![1.0; count], "to train on").unwrap(), &plain));
        let upright =
            Images::new(ImageShape { height: 3, width: 1, channels: 1 }, bytes, Some(vec![0; count])).unwrap();
        sets.push(set(&upright, &upright));
        let mut digests: Vec<String> = sets.iter().map(Dataset::sha256).collect();
        assert_eq!(digests[0], sets[0].sha256());
        assert_eq!(digests[0].len(), 64);
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), sets.len());
    }

    #[test]
    fn bytes_are_two_digits_each() {
        assert_eq!(hexadecimal(&[0x0a, 0xff, 0]), "0aff00");
    }
}
