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
    /// The share of each class's images that is held back to choose the best epoch by, in [0, 1). None are where labels are few.
    pub validation_share: f64,
    /// So many images of each class, or all where it has fewer.
    pub labels_per_class: Option<usize>,
    /// The most images of some classes.
    pub limits: BTreeMap<u32, usize>,
    /// Which images go where follows from it.
    pub seed: u64,
}

/// Labeled images in two parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Partition {
    /// Those to learn from.
    pub training: Images,
    /// Those that are held back to choose the best epoch by, if there are any.
    pub validation: Option<Images>,
}

impl Division {
    /// Divides images, which have these labels, by keys that follow from the seed and an image's place.
    ///
    /// # Errors
    /// No images are left to learn from.
    pub fn apply(&self, images: &Images, labels: &[u32]) -> Result<Partition, Error> {
        let mut of_classes: BTreeMap<u32, Vec<(u32, usize)>> = BTreeMap::new();
        for (place, &label) in labels.iter().enumerate() {
            of_classes.entry(label).or_default().push((self.key(place), place));
        }
        let share = match self.labels_per_class {
            // Every labeled image that is there counts.
            Some(_) => 0.0,
            None => self.validation_share,
        };
        let (mut training, mut validation) = (Vec::new(), Vec::new());
        for (class, mut keyed) in of_classes {
            keyed.sort_unstable();
            let limits = self.limits.get(&class).copied().into_iter().chain(self.labels_per_class);
            keyed.truncate(limits.min().unwrap_or(keyed.len()));
            // However few images a class has, one is to be learned from.
            let held_back = ((keyed.len() as f64 * share).round() as usize).min(keyed.len().saturating_sub(1));
            let places = keyed.iter().map(|&(_, place)| place);
            training.extend(places.clone().take(keyed.len() - held_back));
            validation.extend(places.skip(keyed.len() - held_back));
        }
        if training.is_empty() {
            return Err(Error::Usage("no labeled image is left to learn from: use larger limits".to_owned()));
        }
        let select = |mut places: Vec<usize>| {
            places.sort_unstable();
            images.select(&places)
        };
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
        let counts = |limit, share| {
            let cut = Division { limits: BTreeMap::from([(1, limit)]), ..division(share, None) };
            let Partition { training, validation } = cut.apply(&images, &labels).unwrap();
            let count =
                |images: &Images, class| images.labels().unwrap().iter().filter(|&&label| label == class).count();
            [Some(training), validation].map(|part| part.map(|part| [0, 1, 2].map(|class| count(&part, class))))
        };
        assert_eq!(counts(7, 0.0), [Some([100, 7, 100]), None]);
        // The rare class is not all held back, neither is it left out there.
        assert_eq!(counts(7, 0.3), [Some([70, 5, 70]), Some([30, 2, 30])]);
        assert_eq!(counts(1, 0.9), [Some([10, 1, 10]), Some([90, 0, 90])]);
        let nothing = Division { limits: BTreeMap::from([(0, 0)]), ..division(0.0, None) };
        assert!(nothing.apply(&images.first(1), &labels[..1]).is_err());
    }
}
