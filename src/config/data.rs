//! Which images are taken, and how they are read.

use crate::data::{
    self, Background, Channels, ClassLimit, DataError, Dataset, ImageSize, LoadOptions, Preparation, Resize,
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What to learn from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// A known data set or a path, as [`crate::data::load`] takes it.
    pub source: String,
    /// The class whose images alone are taken, of both splits, by its name or else its number; empty for all.
    pub only: String,
    /// So many training images of some classes at most.
    pub limit: Vec<ClassLimit>,
    /// The file that says what each image to train on counts in the loss; empty where all count alike.
    pub weights: String,
    /// The height and the width that images get; empty to leave them as they are.
    pub size: Vec<usize>,
    /// How they get it.
    pub resize: Resize,
    /// Whether they become gray or colored.
    pub channels: Channels,
    /// What shows through transparent pixels and beside fitted images.
    pub background: Background,
    /// The share of test images where the source has no split of its own.
    pub test_share: f64,
    /// Which images these are follows from it.
    pub split_seed: u64,
}

impl DataConfig {
    /// The images of another source, read alike, of all classes. What was said of single images and classes is not of these.
    pub fn of_source(&self, source: &str) -> Self {
        let (source, only) = (source.to_owned(), String::new());
        Self { source, only, limit: Vec::new(), weights: String::new(), ..self.clone() }
    }

    /// The images of a source as they are, a tenth of them for testing where it has no split of its own.
    pub fn new(source: impl Into<String>) -> Self {
        let LoadOptions { preparation, test_share, split_seed, .. } = LoadOptions::default();
        let Preparation { resize, channels, background, .. } = preparation;
        Self {
            source: source.into(),
            only: String::new(),
            limit: Vec::new(),
            weights: String::new(),
            size: Vec::new(),
            resize,
            channels,
            background,
            test_share,
            split_seed,
        }
    }

    /// The images that are asked for, within this much memory in bytes: of a class alone, and of some no more than so many to train on, if
    /// that is said. What they count in the loss is left out, as it is nothing to a trained model.
    ///
    /// # Errors
    /// As of [`data::load_with`]; or there is no such class, it has two limits, or no image is left to test on.
    pub fn load(&self, max_memory: u64) -> Result<Dataset, DataError> {
        self.chosen_of(data::load_with(&self.source, &self.load_options(max_memory))?)
    }

    /// The same with the weights of the images to train on, if they have some.
    ///
    /// # Errors
    /// As of [`load`](Self::load) and of [`data::load_weighted`].
    pub fn load_to_train(&self, max_memory: u64) -> Result<Dataset, DataError> {
        if self.weights.is_empty() {
            return self.load(max_memory);
        }
        let options = self.load_options(max_memory);
        self.chosen_of(data::load_weighted(&self.source, &options, Path::new(&self.weights))?)
    }

    /// Those images of a set that are asked for.
    fn chosen_of(&self, dataset: Dataset) -> Result<Dataset, DataError> {
        let dataset = if self.limit.is_empty() { dataset } else { dataset.limited(&self.limit, self.split_seed)? };
        if self.only.is_empty() { Ok(dataset) } else { dataset.only(&self.only) }
    }

    /// How the source is to be loaded, within this much memory in bytes.
    pub fn load_options(&self, max_memory: u64) -> LoadOptions {
        let size = match self.size[..] {
            [height, width] => ImageSize::new(height, width),
            _ => None,
        };
        let Self { resize, channels, background, test_share, split_seed, .. } = *self;
        LoadOptions {
            preparation: Preparation { size, resize, channels, background },
            test_share,
            split_seed,
            max_memory,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{DEFAULT_MAX_MEMORY, Images};
    use std::fs;

    /// Forty images of four pixels, of the classes 0 and 1 in turn, and what each counts.
    #[test]
    fn only_the_images_that_are_asked_for_are_loaded_and_their_weights_to_train_on() {
        let folder = tempfile::tempdir().unwrap();
        let (images, weights) = (folder.path().join("images.csv"), folder.path().join("weights.csv"));
        let rows: String = (0..40).map(|image| format!("{},{image},0,0,0\n", image % 2)).collect();
        fs::write(&images, format!("label,pixel0,pixel1,pixel2,pixel3\n{rows}")).unwrap();
        fs::write(&weights, "2\n".repeat(40)).unwrap();
        let all = DataConfig { test_share: 0.25, ..DataConfig::new(images.to_str().unwrap()) };
        let load = |data: &DataConfig| data.load_to_train(DEFAULT_MAX_MEMORY).unwrap();
        let of_class = |images: &Images, class| images.of_class(class).len();
        let whole = load(&all);
        assert_eq!((whole.train().len(), whole.test().len()), (30, 10));
        let limited = load(&DataConfig { limit: vec!["1=3".parse().unwrap()], ..all.clone() });
        assert_eq!(of_class(limited.train(), 0), of_class(whole.train(), 0));
        assert_eq!((of_class(limited.train(), 1), limited.test()), (3, whole.test()));
        let only = DataConfig { only: "1".to_owned(), limit: vec!["1=3".parse().unwrap()], ..all.clone() };
        assert_eq!((load(&only).train().len(), of_class(load(&only).test(), 0)), (3, 0));
        let weighted = DataConfig { weights: weights.to_str().unwrap().to_owned(), ..only };
        assert!(load(&weighted).train().has_weights() && !load(&all).train().has_weights());
        assert!(!weighted.load(DEFAULT_MAX_MEMORY).unwrap().train().has_weights());
        assert!(DataConfig { only: "2".to_owned(), ..all }.load(DEFAULT_MAX_MEMORY).is_err());
    }
}
