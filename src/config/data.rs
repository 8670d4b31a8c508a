//! Which images are taken, and how they are read.

use crate::data::{Background, Channels, ClassLimit, LoadOptions, Preparation, Resize, Size};
use serde::{Deserialize, Serialize};

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

    /// How the source is to be loaded, within this much memory in bytes.
    pub fn load_options(&self, max_memory: u64) -> LoadOptions {
        let size = match self.size[..] {
            [height, width] => Size::new(height, width),
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
