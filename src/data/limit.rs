//! Training images of some classes cut to a few.

use super::{DataError, Dataset};
use crate::reference::philox::{Stream, random_words};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::str::FromStr;

/// Where keys of this use begin in their stream: those of the split between training and test images are at 0.
const BLOCK: u32 = 2;

/// So many training images of a class at most, written `CLASS=COUNT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClassLimit {
    /// Its name or else its number.
    pub class: String,
    /// The most images of it.
    pub count: usize,
}

impl FromStr for ClassLimit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.rsplit_once('=').and_then(|(class, count)| Some((class, count.trim().parse().ok()?)));
        let (class, count) = parts.ok_or("it is CLASS=COUNT, as in 8=58")?;
        Ok(Self { class: class.to_owned(), count })
    }
}

impl TryFrom<String> for ClassLimit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|what| format!("unknown limit {text:?}: {what}"))
    }
}

impl From<ClassLimit> for String {
    fn from(ClassLimit { class, count }: ClassLimit) -> Self {
        format!("{class}={count}")
    }
}

impl Dataset {
    /// The most training images of some classes by their labels.
    ///
    /// # Errors
    /// There is no such class, or one has two limits.
    pub fn labels_of_limits(&self, limits: &[ClassLimit]) -> Result<BTreeMap<u32, usize>, DataError> {
        let mut of_labels = BTreeMap::new();
        for ClassLimit { class, count } in limits {
            if of_labels.insert(self.label_of(class)?, *count).is_some() {
                return Err(DataError::LimitedTwice { class: class.clone() });
            }
        }
        Ok(of_labels)
    }

    /// The set with so many training images of some classes at most, the classes by their names or else their numbers. Which images stay
    /// follows from the seed and from their places; they keep their order.
    ///
    /// # Errors
    /// As of [`labels_of_limits`](Self::labels_of_limits).
    pub fn limited(self, limits: &[ClassLimit], seed: u64) -> Result<Self, DataError> {
        let limits = self.labels_of_limits(limits)?;
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

    fn limits(texts: &[&str]) -> Vec<ClassLimit> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_limit_is_what_configurations_write() {
        let [limit] = &limits(&["a=b= 58"])[..] else { unreachable!() };
        assert_eq!((limit.class.as_str(), limit.count), ("a=b", 58));
        assert_eq!(String::from(limit.clone()), "a=b=58");
        for text in ["8", "8=", "8=x", "8=-1", ""] {
            let told = ClassLimit::try_from(text.to_owned()).unwrap_err();
            assert_eq!(told, format!("unknown limit {text:?}: it is CLASS=COUNT, as in 8=58"));
        }
    }

    #[test]
    fn a_class_is_cut_to_so_many_training_images_and_the_others_stay() {
        let limited = set().limited(&limits(&["1=4"]), 3).unwrap();
        let labels = limited.train().labels().unwrap();
        let count = |label| labels.iter().filter(|&&found| found == label).count();
        assert_eq!([0, 1, 2].map(count), [30, 4, 30]);
        assert!(limited.train().bytes().is_sorted() && limited.test() == set().test());
        let chosen = |seed| set().limited(&limits(&["1=4", "0=0", "2=0"]), seed).unwrap().train().bytes().to_vec();
        assert_eq!(chosen(3), limited.train().bytes().iter().copied().filter(|byte| byte % 3 == 1).collect::<Vec<_>>());
        assert_ne!(chosen(3), chosen(4));
        assert_eq!(set().limited(&limits(&["1=1000"]), 3).unwrap(), set());
        let refused = |texts: &[&str]| set().limited(&limits(texts), 3).unwrap_err().to_string();
        assert!(refused(&["7=1"]).contains("has no class `7`"));
        assert_eq!(refused(&["1=4", "2=5", "1=4"]), "the class `1` has two limits; give it one");
    }
}
