//! Training images of some classes cut to a few.

use super::{DataError, Dataset};
use crate::reference::philox::{Stream, random_words};
use std::collections::BTreeMap;

/// Where keys of this use begin in their stream: those of the split between training and test images are at 0.
const BLOCK: u32 = 2;

impl Dataset {
    /// The set with so many training images of some classes at most, the classes by their names or else their numbers. Which images stay
    /// follows from the seed and from their places; they keep their order.
    ///
    /// # Errors
    /// There is no such class.
    pub fn limited(self, limits: &[(&str, usize)], seed: u64) -> Result<Self, DataError> {
        let limits: BTreeMap<u32, usize> =
            limits.iter().map(|&(class, most)| Ok((self.label_of(class)?, most))).collect::<Result<_, DataError>>()?;
        let Some(labels) = self.train().labels() else { return Ok(self) };
        let key = |place: usize| random_words(seed, Stream::Split, (place >> 32) as u32, place as u32, BLOCK)[0];
        let mut of_limited: BTreeMap<u32, Vec<(u32, usize)>> = BTreeMap::new();
        let mut places = Vec::new();
        for (place, label) in labels.iter().enumerate() {
            match limits.contains_key(label) {
                true => of_limited.entry(*label).or_default().push((key(place), place)),
                false => places.push(place),
            }
        }
        for (label, mut keyed) in of_limited {
            keyed.sort_unstable();
            keyed.truncate(limits.get(&label).copied().unwrap_or(keyed.len()));
            places.extend(keyed.iter().map(|&(_, place)| place));
        }
        places.sort_unstable();
        let limited = Self::new(self.name(), self.train().select(&places), self.test().clone())?;
        match self.class_names() {
            Some(names) => limited.with_class_names(names.to_vec()),
            None => Ok(limited),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ImageShape, Images};

    /// Images that show their place, of classes 0, 1 and 2 in turn.
    fn set() -> Dataset {
        let shape = ImageShape { height: 1, width: 1, channels: 1 };
        let images = |count: u8| {
            let labels = (0..count).map(|place| u32::from(place % 3)).collect();
            Images::new(shape, (0..count).collect(), Some(labels)).unwrap()
        };
        Dataset::new("mine", images(90), images(9)).unwrap()
    }

    #[test]
    fn a_class_is_cut_to_so_many_training_images_and_the_others_stay() {
        let limited = set().limited(&[("1", 4)], 3).unwrap();
        let labels = limited.train().labels().unwrap();
        let count = |label| labels.iter().filter(|&&found| found == label).count();
        assert_eq!([0, 1, 2].map(count), [30, 4, 30]);
        assert!(limited.train().bytes().is_sorted() && limited.test() == set().test());
        let chosen = |seed| set().limited(&[("1", 4), ("0", 0), ("2", 0)], seed).unwrap().train().bytes().to_vec();
        assert_eq!(chosen(3), limited.train().bytes().iter().copied().filter(|byte| byte % 3 == 1).collect::<Vec<_>>());
        assert_ne!(chosen(3), chosen(4));
        assert_eq!(set().limited(&[("1", 1000)], 3).unwrap(), set());
        assert!(set().limited(&[("7", 1)], 3).unwrap_err().to_string().contains("has no class `7`"));
    }
}
