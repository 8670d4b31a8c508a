//! The test images of a source that has no split of its own, chosen by a key of each image.

use super::DataError;
use crate::reference::philox::{Stream, random_words};

/// The indices of the test images among `count`, in order: those with the smallest keys, which follow from the seed and the
/// index alone. So a source that grows at its end keeps nearly all of its test images.
///
/// Their number is the share of the count, rounded. Both splits get at least one image, unless the share is 1: then all are
/// test images.
///
/// # Errors
/// When there are too few images for two splits.
pub fn test_indices(name: &str, count: usize, share: f64, seed: u64) -> Result<Vec<usize>, DataError> {
    if share >= 1.0 {
        return Ok((0..count).collect());
    }
    if count < 2 {
        return Err(DataError::TooFewToSplit { name: name.to_owned(), images: count });
    }
    let wanted = (count as f64 * share).round() as usize;
    let mut keyed: Vec<(u64, usize)> = (0..count).map(|index| (key(seed, index as u64), index)).collect();
    keyed.sort_unstable();
    let mut chosen: Vec<usize> = keyed.into_iter().take(wanted.clamp(1, count - 1)).map(|(_, index)| index).collect();
    chosen.sort_unstable();
    Ok(chosen)
}

fn key(seed: u64, index: u64) -> u64 {
    let [high, low, ..] = random_words(seed, Stream::Split, (index >> 32) as u32, index as u32, 0);
    u64::from(high) << 32 | u64::from(low)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn choose(count: usize, share: f64, seed: u64) -> Vec<usize> {
        test_indices("mine", count, share, seed).unwrap()
    }

    #[test]
    fn the_share_is_met_and_both_splits_get_an_image() {
        for (count, share, expected) in
            [(1000, 0.1, 100), (1005, 0.1, 101), (10, 0.01, 1), (2, 0.99, 1), (3, 0.5, 2), (7, 1.0, 7), (1, 1.0, 1)]
        {
            let chosen = choose(count, share, 3);
            assert_eq!(chosen.len(), expected, "{share} of {count}");
            assert!(chosen.is_sorted() && chosen.iter().all(|index| *index < count));
        }
    }

    #[test]
    fn one_image_cannot_be_split() {
        let message = test_indices("mine", 1, 0.1, 0).unwrap_err().to_string();
        assert!(message.contains("at least two to train, or put all through a trained model with"), "{message}");
        assert!(message.contains("data.test_share=1"), "{message}");
    }

    #[test]
    fn the_choice_is_the_seed_s() {
        assert_eq!(choose(1000, 0.2, 5), choose(1000, 0.2, 5));
        assert_ne!(choose(1000, 0.2, 5), choose(1000, 0.2, 6));
        // Pinned: a run must find its test images again.
        assert_eq!(choose(20, 0.25, 0), PINNED);
    }

    const PINNED: [usize; 5] = [0, 11, 13, 14, 19];

    #[test]
    fn a_set_that_grows_keeps_most_of_its_test_images() {
        let (small, large) = (choose(1000, 0.1, 1), choose(1100, 0.1, 1));
        let large: HashSet<usize> = large.into_iter().collect();
        let kept = small.iter().filter(|index| large.contains(index)).count();
        assert!(kept > 85, "{kept} of 100 are kept");
    }

    #[test]
    fn every_part_of_the_set_is_drawn_from() {
        let chosen = choose(10_000, 0.1, 2);
        for part in 0..10 {
            let count = chosen.iter().filter(|index| **index / 1000 == part).count();
            // The expected 100, and five standard deviations.
            assert!((55..=145).contains(&count), "{count} of part {part}");
        }
    }
}
