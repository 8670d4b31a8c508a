//! The images of one class.

use super::{DataError, Dataset, Images};

impl Images {
    /// The images with this label, in their order; none where there are no labels.
    pub fn of_class(&self, label: u32) -> Self {
        let labels = self.labels().unwrap_or_default();
        self.select(&(0..labels.len()).filter(|&place| labels[place] == label).collect::<Vec<_>>())
    }
}

impl Dataset {
    /// The label of the class with this name or, where classes have no names, with this number.
    ///
    /// # Errors
    /// There is no such class.
    pub fn label_of(&self, class: &str) -> Result<u32, DataError> {
        let label = match self.class_names() {
            Some(names) => names.iter().position(|name| name == class).map(|place| place as u32),
            None => class.parse().ok().filter(|label| self.labels().any(|found| found == label)),
        };
        label.ok_or_else(|| {
            let mut labels: Vec<u32> = self.labels().copied().collect();
            labels.sort_unstable();
            labels.dedup();
            let known: Vec<String> = labels.into_iter().map(|label| self.class_name(label)).collect();
            DataError::UnknownClass { name: self.name().to_owned(), asked: class.to_owned(), known: known.join(", ") }
        })
    }

    /// The name of a class, or its number where classes have no names.
    pub fn class_name(&self, label: u32) -> String {
        let name = self.class_names().and_then(|names| names.get(label as usize));
        name.cloned().unwrap_or_else(|| label.to_string())
    }

    /// The set without the images of other classes, in both splits.
    ///
    /// # Errors
    /// There is no such class, or it has no test images.
    pub fn only(self, class: &str) -> Result<Self, DataError> {
        let label = self.label_of(class)?;
        let only = Self::new(self.name(), self.train().of_class(label), self.test().of_class(label))?;
        match self.class_names() {
            Some(names) => only.with_class_names(names.to_vec()),
            None => Ok(only),
        }
    }

    fn labels(&self) -> impl Iterator<Item = &u32> {
        [self.train(), self.test()].into_iter().filter_map(Images::labels).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ImageShape;

    fn set() -> Dataset {
        let shape = ImageShape { height: 1, width: 2, channels: 1 };
        let images = |bytes: &[u8], labels: &[u32]| Images::new(shape, bytes.to_vec(), Some(labels.to_vec())).unwrap();
        Dataset::new("mine", images(&[1, 2, 3, 4, 5, 6], &[4, 1, 4]), images(&[7, 8, 9, 10], &[1, 4])).unwrap()
    }

    #[test]
    fn the_images_of_one_class_are_left_in_both_splits() {
        let only = set().only("4").unwrap();
        assert_eq!((only.train().bytes(), only.test().bytes()), (&[1, 2, 5, 6][..], &[9, 10][..]));
        assert_eq!(only.train().labels().unwrap(), [4, 4]);
        let names = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        let named = set().with_class_names(names.clone()).unwrap().only("b").unwrap();
        assert_eq!((named.train().bytes(), named.test().bytes()), (&[3, 4][..], &[7, 8][..]));
        assert_eq!(named.class_names().unwrap(), names);
    }

    #[test]
    fn a_class_that_is_not_there_is_answered_with_those_that_are() {
        let message = set().only("2").unwrap_err().to_string();
        assert!(message.contains("`mine` has no class `2`") && message.contains("one of: 1, 4"), "{message}");
        let without = Dataset::new("mine", set().train().clone(), set().test().clone()).unwrap();
        let bare = |images: &Images| Images::new(images.shape(), images.bytes().to_vec(), None).unwrap();
        let without = Dataset::new("mine", bare(without.train()), bare(without.test())).unwrap();
        assert!(without.only("4").unwrap_err().to_string().contains("has no classes"));
    }
}
