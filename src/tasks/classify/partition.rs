//! Which labeled images a classifier learns from, and which it is chosen by.

use crate::data::Images;
use crate::error::Error;
use crate::reference::philox::{Stream, random_words};
use std::collections::BTreeMap;

/// Where keys of this use begin in their stream: those of the split between training and test images are at 0.
const BLOCK: u32 = 1;

/// How labeled images are divided.
#[derive(Clone, Debug, PartialEq)]
pub struct Division {
    /// The share of the images that is held back to choose the best epoch by, in [0, 1). None are where labels are few.
    pub validation_share: f64,
    /// So many images of each class, or all where it has fewer.
    pub labels_per_class: Option<usize>,
    /// The most images of some classes.
    pub limits: BTreeMap<u32, usize>,
    pub seed: u64,
}

/// Labeled images in two parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Partition {
    pub training: Images,
    pub validation: Option<Images>,
}

impl Division {
    /// Divides images, which have these labels, by keys that follow from the seed and an image's place.
    ///
    /// # Errors
    /// No images are left to learn from.
    pub fn apply(&self, images: &Images, labels: &[u32]) -> Result<Partition, Error> {
        let mut keyed: Vec<(u32, usize)> = (0..images.len()).map(|place| (self.key(place), place)).collect();
        keyed.sort_unstable();
        let mut taken: BTreeMap<u32, usize> = BTreeMap::new();
        keyed.retain(|&(_, place)| {
            let label = labels[place];
            let most = self.limits.get(&label).copied().into_iter().chain(self.labels_per_class).min();
            let taken = taken.entry(label).or_default();
            *taken += 1;
            most.is_none_or(|most| *taken <= most)
        });
        let held_back = match self.labels_per_class {
            // Every labeled image that is there counts.
            Some(_) => 0,
            None => (keyed.len() as f64 * self.validation_share).round() as usize,
        };
        if keyed.len() <= held_back {
            return Err(Error::Usage(format!(
                "no image is left to learn from: of {} with labels {held_back} are held back; use a smaller --validation",
                keyed.len()
            )));
        }
        let select = |keyed: &[(u32, usize)]| {
            let mut places: Vec<usize> = keyed.iter().map(|&(_, place)| place).collect();
            places.sort_unstable();
            images.select(&places)
        };
        let (validation, training) = keyed.split_at(held_back);
        Ok(Partition { training: select(training), validation: (!validation.is_empty()).then(|| select(validation)) })
    }

    fn key(&self, place: usize) -> u32 {
        random_words(self.seed, Stream::Split, (place >> 32) as u32, place as u32, BLOCK)[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ImageShape;

    /// Images that show their place, of classes in turn.
    fn images(count: usize) -> (Images, Vec<u32>) {
        let labels: Vec<u32> = (0..count as u32).map(|place| place % 3).collect();
        let shape = ImageShape { height: 1, width: 2, channels: 1 };
        let bytes = (0..count as u16).flat_map(u16::to_le_bytes).collect();
        (Images::new(shape, bytes, Some(labels.clone())).unwrap(), labels)
    }

    fn division(validation_share: f64, labels_per_class: Option<usize>) -> Division {
        Division { validation_share, labels_per_class, limits: BTreeMap::new(), seed: 5 }
    }

    #[test]
    fn every_image_is_in_one_part() {
        let (images, labels) = images(300);
        let parts = division(0.1, None).apply(&images, &labels).unwrap();
        let validation = parts.validation.unwrap();
        assert_eq!((parts.training.len(), validation.len()), (270, 30));
        let mut all: Vec<_> = parts.training.bytes().chunks(2).chain(validation.bytes().chunks(2)).collect();
        all.sort_by_key(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
        assert_eq!(all.concat(), images.bytes());
    }

    #[test]
    fn few_labels_are_as_many_of_each_class_and_more_labels_hold_them() {
        let (images, labels) = images(300);
        let chosen = |count| division(0.1, Some(count)).apply(&images, &labels).unwrap();
        let (few, more) = (chosen(4), chosen(20));
        assert_eq!(few.validation, None);
        assert_eq!((few.training.len(), more.training.len()), (12, 60));
        for class in 0..3 {
            assert_eq!(few.training.labels().unwrap().iter().filter(|&&label| label == class).count(), 4);
        }
        let of = |images: &Images| images.bytes().chunks(2).map(<[u8]>::to_vec).collect::<Vec<_>>();
        assert!(of(&few.training).iter().all(|image| of(&more.training).contains(image)));
        assert_eq!(chosen(1000).training, images);
    }

    #[test]
    fn a_class_may_be_cut() {
        let (images, labels) = images(300);
        let cut = Division { limits: BTreeMap::from([(1, 7)]), ..division(0.0, None) };
        let training = cut.apply(&images, &labels).unwrap().training;
        let count = |class| training.labels().unwrap().iter().filter(|&&label| label == class).count();
        assert_eq!([count(0), count(1), count(2)], [100, 7, 100]);
        let message = division(0.99, None).apply(&images.first(1), &labels[..1]).unwrap_err().to_string();
        assert!(message.contains("no image is left"), "{message}");
    }
}
