//! `glyphs`, the embedded data set: ten digit shapes drawn by random hands, 28×28×1, 60,000 to train on and 10,000 to
//! test on.
//!
//! An image depends on its seed, split and index alone, and is made by operations that IEEE 754 rounds exactly: the same
//! bytes on every platform, with any number of threads.
//!
//! It is about as hard as MNIST. On the test split, pixels in [0, 1]:
//!
//! | | glyphs | MNIST |
//! |---|---|---|
//! | squared error an image: of the mean image | 52.45 | 52.90 |
//! | of PCA with 8, 16, 32, 64 components | 31.47, 22.71, 14.09, 7.23 | 29.35, 21.06, 13.19, 7.09 |
//! | binary cross-entropy: of the mean image, of PCA-32, of the target | 0.2739, 0.1352, 0.0718 | 0.2625, 0.1175, 0.0581 |
//! | accuracy from PCA-32: ridge regression, 5 neighbors | 83.5 %, 96.6 % | 83.5 %, 97.0 % |

mod canvas;
mod hand;
mod strokes;

use std::num::NonZero;
use std::thread;

use super::memory::MemoryBudget;
use super::{DataError, ImageShape, Images, Loaded, Parts, Split};
use crate::reference::philox::{Sequence, Stream};
use canvas::{Canvas, Pen, SIZE};
use strokes::STYLES;

/// The seed where none is given.
const DEFAULT_SEED: u64 = 0;
const SHAPE: ImageShape = ImageShape { height: SIZE, width: SIZE, channels: 1 };
const TRAIN_IMAGES: usize = 60_000;
const TEST_IMAGES: usize = 10_000;

/// Draws the data set from the seed in `option`, or from the default seed.
///
/// # Errors
/// When `option` is not a 64-bit number, or there is no memory for the images.
pub fn load(option: Option<&str>, budget: &mut MemoryBudget) -> Result<Loaded, DataError> {
    let seed = match option {
        None => DEFAULT_SEED,
        Some(option) => option.parse().map_err(|_| DataError::GlyphsSeed { option: option.to_owned() })?,
    };
    budget.take(((TRAIN_IMAGES + TEST_IMAGES) * SHAPE.pixels()) as u128)?;
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let train = draw_images(seed, Split::Train, TRAIN_IMAGES, threads)?;
    let test = draw_images(seed, Split::Test, TEST_IMAGES, threads)?;
    let class_names = (0..STYLES.len()).map(|digit| digit.to_string()).collect();
    Ok(Loaded { name: "glyphs".to_owned(), class_names: Some(class_names), parts: Parts::Split { train, test } })
}

/// The first `count` images of a split.
fn draw_images(seed: u64, split: Split, count: usize, threads: usize) -> Result<Images, DataError> {
    let mut bytes = vec![0; count * SHAPE.pixels()];
    let mut labels = vec![0; count];
    let share = count.div_ceil(threads.max(1)).max(1);
    thread::scope(|scope| {
        let shares = bytes.chunks_mut(share * SHAPE.pixels()).zip(labels.chunks_mut(share));
        for (first, (bytes, labels)) in (0..).step_by(share).zip(shares) {
            scope.spawn(move || {
                let images = bytes.chunks_exact_mut(SHAPE.pixels());
                for (index, (pixels, label)) in (first as u32..).zip(images.zip(labels)) {
                    *label = draw_image(seed, split, index, pixels);
                }
            });
        }
    });
    Images::new(SHAPE, bytes, Some(labels))
}

/// Draws one image into `pixels`, `[28, 28]`, and returns the digit it shows.
fn draw_image(seed: u64, split: Split, index: u32, pixels: &mut [u8]) -> u32 {
    let mut random = Sequence::new(seed, Stream::Glyphs, split as u32, index);
    let digit = choose(&mut random, STYLES.len());
    let styles = STYLES[digit];
    let style = styles[choose(&mut random, styles.len())];
    let mut canvas = Canvas::new(Pen::draw(&mut random));
    hand::write(style, &mut random, |from, to| canvas.line(from, to));
    canvas.develop(&mut random, pixels);
    digit as u32
}

/// A random number below `count`.
fn choose(random: &mut Sequence, count: usize) -> usize {
    ((u64::from(random.word()) * count as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn sample(seed: u64, split: Split) -> Images {
        draw_images(seed, split, 5_000, 2).unwrap()
    }

    /// The parts of the brightest possible sum that each image holds.
    fn brightness(images: &Images) -> impl Iterator<Item = f32> {
        let brightest = 255.0 * SHAPE.pixels() as f32;
        (0..images.len())
            .map(move |index| images.image(index).iter().map(|pixel| f32::from(*pixel)).sum::<f32>() / brightest)
    }

    /// Results are compared across machines and versions by this data: it may not change unnoticed.
    #[test]
    fn the_first_hundred_of_both_splits_are_pinned() {
        let mut hash = Sha256::new();
        for split in Split::ALL {
            let images = draw_images(DEFAULT_SEED, split, 100, 1).unwrap();
            hash.update(images.bytes());
            hash.update(images.labels().unwrap().iter().map(|label| *label as u8).collect::<Vec<u8>>());
        }
        let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, "8a1c6151feee51333a63f82d7dd62936c11fe42578c762f176a332c6a6f4bfb2");
    }

    #[test]
    fn threads_do_not_change_the_images() {
        let alone = draw_images(3, Split::Test, 50, 1).unwrap();
        for threads in [2, 3, 7, 64] {
            assert_eq!(draw_images(3, Split::Test, 50, threads).unwrap(), alone, "{threads} threads");
        }
    }

    #[test]
    fn the_seed_and_the_split_change_every_image() {
        let pairs = [
            (sample(0, Split::Train), sample(1, Split::Train)),
            (sample(0, Split::Train), sample(0, Split::Test)),
            (sample(0, Split::Train), sample(1 << 32, Split::Train)),
        ];
        for (one, other) in pairs {
            assert!((0..one.len()).all(|index| one.image(index) != other.image(index)));
            assert_ne!(one.labels(), other.labels());
        }
    }

    #[test]
    fn all_classes_appear_in_near_equal_numbers() {
        for split in Split::ALL {
            let images = sample(0, split);
            for digit in 0..10 {
                let count = images.labels().unwrap().iter().filter(|label| **label == digit).count();
                // The expected 500, and five standard deviations.
                assert!((390..=610).contains(&count), "{count} of digit {digit} in {split}");
            }
        }
    }

    #[test]
    fn images_are_neither_empty_nor_saturated() {
        let images = sample(0, Split::Train);
        for (index, brightness) in brightness(&images).enumerate() {
            assert!((0.01..0.45).contains(&brightness), "image {index}: {brightness}");
        }
        let mean = brightness(&images).sum::<f32>() / images.len() as f32;
        assert!((0.12..0.15).contains(&mean), "mean brightness {mean}");
    }

    #[test]
    fn most_of_an_image_is_exactly_black_and_its_border_nearly_always() {
        let images = sample(0, Split::Train);
        let black = images.bytes().iter().filter(|pixel| **pixel == 0).count();
        assert!(black as f64 > 0.75 * images.bytes().len() as f64);
        let cut_off = (0..images.len()).filter(|index| {
            images.image(*index).chunks_exact(SIZE).enumerate().any(|(row, pixels)| {
                let whole_row = row == 0 || row == SIZE - 1;
                pixels.iter().enumerate().any(|(x, pixel)| *pixel > 0 && (whole_row || x == 0 || x == SIZE - 1))
            })
        });
        let cut_off = cut_off.count();
        assert!(cut_off < images.len() / 100, "{cut_off} images touch the border");
    }

    #[test]
    fn the_whole_set_has_the_documented_sizes() {
        let set = crate::data::load("glyphs:5").unwrap();
        assert_eq!((set.name(), set.train().len(), set.test().len()), ("glyphs", 60_000, 10_000));
        assert_eq!(set.shape().to_string(), "28×28×1");
        assert_eq!(set.class_names().unwrap().join(" "), "0 1 2 3 4 5 6 7 8 9");
    }

    #[test]
    fn a_seed_that_is_no_number_is_an_error() {
        for option in ["", "-1", "seven", "18446744073709551616"] {
            let message = crate::data::load(&format!("glyphs:{option}")).unwrap_err().to_string();
            assert!(message.contains(&format!("`{option}` is no seed")), "{message}");
        }
    }
}
