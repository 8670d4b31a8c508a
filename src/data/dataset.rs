//! A data set: images to train on and images to test on.

use super::{DataError, ImageShape, Images};
use std::fmt;
use std::str::FromStr;

/// A part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// The images that a network learns from.
    Train = 0,
    /// The images that it is judged by.
    Test = 1,
}

impl Split {
    /// Both splits.
    pub const ALL: [Self; 2] = [Self::Train, Self::Test];

    /// The name, as [`FromStr`] reads it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Split {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let found = Self::ALL.into_iter().find(|split| split.name() == text);
        found.ok_or_else(|| DataError::UnknownSplit { asked: text.to_owned() })
    }
}

/// A named data set: images to train on and images to test on, of one shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    name: String,
    train: Images,
    test: Images,
    class_names: Option<Vec<String>>,
}

impl Dataset {
    /// Joins two splits under a name. Where all images are to be judged, there may be none to train on.
    ///
    /// # Errors
    /// When there are no test images, or the two splits hold images of different shapes.
    pub fn new(name: impl Into<String>, train: Images, test: Images) -> Result<Self, DataError> {
        let name = name.into();
        if train.shape() != test.shape() {
            return Err(DataError::SplitShapes { name, train: train.shape(), test: test.shape() });
        }
        let set = Self { name, train, test, class_names: None };
        set.split(Split::Test)?;
        Ok(set)
    }

    /// The same with a name for each class: label 0 means the first.
    ///
    /// # Errors
    /// When a label has no name.
    pub fn with_class_names(self, class_names: Vec<String>) -> Result<Self, DataError> {
        let labels = [&self.train, &self.test].into_iter().filter_map(Images::labels).flatten();
        let nameless = labels.copied().find(|label| *label as usize >= class_names.len());
        match nameless {
            Some(label) => Err(DataError::ClassName { name: self.name, label, names: class_names.len() }),
            None => Ok(Self { class_names: Some(class_names), ..self }),
        }
    }

    /// The name, as [`load`](super::load) knows it, or that of the file or folder it was read from.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shape of every image, in both splits.
    pub fn shape(&self) -> ImageShape {
        self.train.shape()
    }

    /// What the classes are called, if the source has names for them: the label of an image is an index into these.
    pub fn class_names(&self) -> Option<&[String]> {
        self.class_names.as_deref()
    }

    /// The images to train on; see [`split`](Self::split) where there must be some.
    pub fn train(&self) -> &Images {
        &self.train
    }

    /// The images to test on.
    pub fn test(&self) -> &Images {
        &self.test
    }

    /// The images of one split.
    ///
    /// # Errors
    /// When there are none.
    pub fn split(&self, split: Split) -> Result<&Images, DataError> {
        let (images, others) = match split {
            Split::Train => (&self.train, &self.test),
            Split::Test => (&self.test, &self.train),
        };
        if images.is_empty() {
            return Err(DataError::EmptySplit { name: self.name.clone(), split, others: others.len() });
        }
        Ok(images)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape { height: 2, width: 3, channels: 1 };

    #[test]
    fn both_splits_have_one_shape() {
        let images = |width| Images::new(ImageShape { width, ..SHAPE }, vec![0; 2 * width], None).unwrap();
        let message = Dataset::new("both", images(3), images(4)).unwrap_err().to_string();
        assert!(message.contains("2×3×1") && message.contains("2×4×1"), "{message}");
    }

    #[test]
    fn a_split_without_images_is_an_error() {
        let images = |count| Images::new(SHAPE, vec![0; count * SHAPE.pixels()], None).unwrap();
        let message = Dataset::new("half", images(1), images(0)).unwrap_err().to_string();
        assert_eq!(message, "the data set `half` has no test images; give it at least one");
        let set = Dataset::new("half", images(0), images(1)).unwrap();
        let message = set.split(Split::Train).unwrap_err().to_string();
        let remedy = "take those with --split test, or leave some to train on with a smaller share";
        assert_eq!(
            message,
            format!(
                "the data set `half` has no train images: all 1 are test images, as with data.test_share=1; {remedy}"
            )
        );
    }

    #[test]
    fn every_label_has_a_name() {
        let images = |label| Images::new(SHAPE, vec![0; SHAPE.pixels()], Some(vec![label])).unwrap();
        let names = || vec!["cat".to_owned(), "dog".to_owned()];
        let named = Dataset::new("pets", images(0), images(1)).unwrap().with_class_names(names()).unwrap();
        assert_eq!(named.class_names(), Some(names().as_slice()));
        let message = Dataset::new("pets", images(0), images(2)).unwrap().with_class_names(names()).unwrap_err();
        assert!(message.to_string().contains("label 2") && message.to_string().contains("2 classes"), "{message}");
    }

    #[test]
    fn splits_are_written_as_they_are_read() {
        for split in Split::ALL {
            assert_eq!(split.to_string().parse::<Split>().unwrap(), split);
        }
        assert!("Train ".parse::<Split>().unwrap_err().to_string().contains("`train` or `test`"));
    }
}
