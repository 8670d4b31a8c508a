//! What each training image counts in the loss: a number for each, from a file that the data set's own format knows nothing of.

use std::io::Read;
use std::path::Path;

use ::csv::ReaderBuilder;
use thiserror::Error;

use super::error::shortened;
use super::input::{ContentError, Input};
use super::memory::{MemoryBudget, MemoryError};
use super::npy::{self, NpyError};
use super::{DataError, Images, has_ending};
use crate::reference::Balancing;
use crate::reference::balance::balancing_weights_of_samples;

/// What is wrong with weights of images.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "each message describes its variant and fields")]
pub enum WeightsError {
    #[error("is no file of weights; give an .npy of floats [images], or a .csv of one column")]
    Format,

    #[error("holds {weights} weights, but the source has {images} images {what}; give one for each, in their order")]
    Count { weights: usize, images: usize, what: &'static str },

    #[error("has the weight {value} in place {place} (from 0); weights are numbers from 0 on that f32 holds")]
    Value { value: f32, place: usize },

    #[error("holds no weight above 0; give some images one")]
    AllZero,

    #[error("line {line}: has {found} fields, but a table of weights has one column; leave the others out")]
    Columns { line: u64, found: usize },

    #[error("line {line}: \"{value}\" is no number; correct it")]
    Number { line: u64, value: String },

    #[error("is no table: {cause}; save one weight in each line")]
    Csv { cause: ::csv::Error },

    #[error("{0}")]
    Npy(#[from] NpyError),

    #[error(transparent)]
    Content(#[from] ContentError),

    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// Reads the weights in a file: finite, at least 0, and not all 0.
pub(super) fn read(path: &Path, budget: &mut MemoryBudget) -> Result<Vec<f32>, DataError> {
    let input = Input::open(path)?;
    let weights = match () {
        () if has_ending(path, "npy") => read_npy(input, budget),
        () if has_ending(path, "csv") => read_csv(input, budget),
        () => Err(WeightsError::Format),
    };
    weights.map_err(|problem| DataError::Weights { path: path.to_owned(), problem })
}

/// Reads the weights in an NPY file, as [`read`] does.
pub(super) fn read_npy(input: Input<'_>, budget: &mut MemoryBudget) -> Result<Vec<f32>, WeightsError> {
    checked(npy::read_list(input, budget)?)
}

/// Reads the weights in a CSV file, as [`read`] does.
pub(super) fn read_csv(input: Input<'_>, budget: &mut MemoryBudget) -> Result<Vec<f32>, WeightsError> {
    checked(from_csv(input, budget)?)
}

fn checked(weights: Vec<f32>) -> Result<Vec<f32>, WeightsError> {
    let is_weight = |weight: f32| weight.is_finite() && weight >= 0.0;
    if let Some((place, &value)) = weights.iter().enumerate().find(|(_, weight)| !is_weight(**weight)) {
        return Err(WeightsError::Value { value, place });
    }
    if weights.iter().all(|weight| *weight == 0.0) { Err(WeightsError::AllZero) } else { Ok(weights) }
}

/// One column of numbers, below a name if there is one.
fn from_csv(input: Input<'_>, budget: &mut MemoryBudget) -> Result<Vec<f32>, WeightsError> {
    let mut text = Vec::new();
    let most = budget.left();
    input.take(most.saturating_add(1)).read_to_end(&mut text).map_err(ContentError::from_reading)?;
    budget.take(text.len() as u128)?;
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&text[..]);
    let mut weights = Vec::new();
    for (row, record) in reader.records().enumerate() {
        let record = record.map_err(|cause| WeightsError::Csv { cause })?;
        let line = record.position().map_or(0, ::csv::Position::line);
        if record.len() != 1 {
            return Err(WeightsError::Columns { line, found: record.len() });
        }
        match record[0].trim().parse() {
            Ok(weight) => weights.push(weight),
            Err(_) if row == 0 => {}
            Err(_) => return Err(WeightsError::Number { line, value: shortened(&record[0]) }),
        }
    }
    Ok(weights)
}

impl Images {
    /// The same, each with what it counts in a training's loss: finite numbers from 0 on.
    ///
    /// # Errors
    /// There are not as many as images; `what` says of which they are, for people.
    pub fn with_weights(mut self, weights: Vec<f32>, what: &'static str) -> Result<Self, WeightsError> {
        if weights.len() != self.len() {
            return Err(WeightsError::Count { weights: weights.len(), images: self.len(), what });
        }
        self.weights = Some(weights);
        Ok(self)
    }

    /// Whether each has a number that says what it counts in a training's loss.
    pub fn has_weights(&self) -> bool {
        self.weights.is_some()
    }

    /// What each image counts in a training's loss, as multiples of the mean over what is drawn, `[count]`: its own weight times, where classes
    /// are balanced by weights, that of its class; none where all count alike, or nothing. Where classes are drawn alike, the mean is that of
    /// the classes' means.
    pub fn relative_weights(&self, balancing: Balancing) -> Option<Vec<f32>> {
        let own = self.weights.as_ref().map(|weights| weights.iter().copied().map(f64::from).collect::<Vec<_>>());
        let of_classes = || self.labels().map(balancing_weights_of_samples);
        let times = |weights: &[f64], of_classes: &[f64]| -> Vec<f64> {
            weights.iter().zip(of_classes).map(|(weight, of_class)| weight * of_class).collect()
        };
        // How often an image is drawn, as a multiple of the mean, and what it counts then.
        let (drawn, weights) = match balancing {
            Balancing::None => (None, own?),
            Balancing::Weights => match (own, of_classes()) {
                (Some(own), Some(of_classes)) => (None, times(&own, &of_classes)),
                (own, of_classes) => (None, own.or(of_classes)?),
            },
            Balancing::Sampling => {
                let own = own?;
                (of_classes(), own)
            }
        };
        let sum: f64 = match drawn {
            Some(drawn) => times(&weights, &drawn).iter().sum(),
            None => weights.iter().sum(),
        };
        let scale = weights.len() as f64 / sum;
        (sum > 0.0).then(|| weights.iter().map(|weight| (weight * scale) as f32).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ImageShape, LoadOptions, load_weighted};
    use std::fs;

    fn message(name: &str, bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = read(&path, &mut MemoryBudget::new(1000)).unwrap_err().to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        error
    }

    #[test]
    fn what_are_no_weights_is_told() {
        for (text, part) in [
            ("0.5\n-1\n", "has the weight -1 in place 1"),
            ("weight\n1\nnan\n", "has the weight NaN in place 1"),
            ("1e39\n", "has the weight inf in place 0"),
            ("0\n0\n", "holds no weight above 0"),
            ("", "holds no weight above 0"),
            ("weight\n1\nx\n", "line 3: \"x\" is no number"),
            ("1\n123456789012345678901x\n", "line 2: \"12345678901234567890…\" is no number"),
            ("1,2\n", "line 1: has 2 fields"),
            (&"1\n".repeat(501), "its images need"),
        ] {
            assert!(message("weights.csv", text.as_bytes()).contains(part), "{text}");
        }
        assert!(message("weights.txt", b"1\n").contains("is no file of weights"));
        assert!(message("weights.npy", b"some text, not an array\n").contains("is not an NPY file"));
    }

    #[test]
    fn weights_stay_with_their_images_and_are_taken_by_their_mean() {
        let folder = tempfile::tempdir().unwrap();
        let [images, weights] = ["images.csv", "weights.csv"].map(|name| folder.path().join(name));
        let row = |image: usize| format!("{0},{0},{0},{0}\n", 10 * image);
        fs::write(&images, (0..20).map(row).collect::<String>()).unwrap();
        let list = |count: usize| (0..count).map(|image| format!("{image}\n")).collect::<String>();
        fs::write(&weights, list(20)).unwrap();
        let source = images.to_str().unwrap();
        let set = load_weighted(source, &LoadOptions::default(), &weights).unwrap();
        let train = set.train();
        let relative = train.relative_weights(Balancing::None).unwrap();
        let mean = (0..18).map(|place| f64::from(train.image(place)[0]) / 10.0).sum::<f64>() / 18.0;
        for (place, weight) in relative.iter().enumerate() {
            let expected = f64::from(train.image(place)[0]) / 10.0 / mean;
            assert!((f64::from(*weight) - expected).abs() < 1e-6, "{place}: {weight}, not {expected}");
        }
        assert_eq!(set.test().relative_weights(Balancing::None), None);
        let last = train.select(&[17, 0]).relative_weights(Balancing::None).unwrap();
        assert!((last[0] / last[1] - relative[17] / relative[0]).abs() < 1e-5 || relative[0] == 0.0);

        fs::write(&weights, list(18)).unwrap();
        let error = load_weighted(source, &LoadOptions::default(), &weights).unwrap_err().to_string();
        assert!(
            error.contains("holds 18 weights, but the source has 20 images before some are kept for testing"),
            "{error}"
        );
    }

    #[test]
    fn an_array_of_floats_is_a_list_of_weights() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.npy");
        let read = |shape: &str| {
            let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
            let length = (header.len() as u16).to_le_bytes();
            let floats = [0.5f32, 2.0].map(f32::to_le_bytes).concat();
            fs::write(&path, [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), &floats].concat()).unwrap();
            read(&path, &mut MemoryBudget::new(1000)).map_err(|error| error.to_string())
        };
        assert_eq!(read("(2,)"), Ok(vec![0.5, 2.0]));
        assert!(read("(2, 1)").unwrap_err().contains("weights are floats [images]"));
    }

    #[test]
    fn images_of_no_weight_have_none_by_their_mean() {
        let shape = ImageShape { height: 1, width: 1, channels: 1 };
        let images = Images::new(shape, vec![1, 2], None).unwrap();
        assert_eq!(images.relative_weights(Balancing::None), None);
        let weighted = |weights: [f32; 2]| images.clone().with_weights(weights.to_vec(), "to train on").unwrap();
        assert_eq!(weighted([0.0, 0.0]).relative_weights(Balancing::None), None);
        assert_eq!(weighted([1.0, 3.0]).relative_weights(Balancing::None), Some(vec![0.5, 1.5]));
        assert!(images.with_weights(vec![1.0], "to train on").is_err());
    }

    #[test]
    fn classes_weigh_alike_and_weights_of_images_multiply_that() {
        let shape = ImageShape { height: 1, width: 1, channels: 1 };
        let images = Images::new(shape, vec![0; 5], Some(vec![7, 7, 7, 7, 2])).unwrap();
        let relative = |images: &Images| images.relative_weights(Balancing::Weights);
        assert_eq!(relative(&images), Some(vec![0.625, 0.625, 0.625, 0.625, 2.5]));
        for other in [Balancing::None, Balancing::Sampling] {
            assert_eq!(images.relative_weights(other), None);
        }
        let weighted = |weights: [f32; 5]| images.clone().with_weights(weights.to_vec(), "to train on").unwrap();
        assert_eq!(relative(&weighted([3.0, 0.0, 1.0, 0.0, 1.0])), Some(vec![1.875, 0.0, 0.625, 0.0, 2.5]));
        assert_eq!(relative(&weighted([0.0; 5])), None);
        assert_eq!(relative(&Images::new(shape, vec![1, 2], None).unwrap()), None);
        // Drawn class by class, an image of the rare class comes four times as often: only the mean of what is drawn is 1.
        let drawn = |weights| weighted(weights).relative_weights(Balancing::Sampling).unwrap();
        assert_eq!(drawn([0.0, 0.0, 0.0, 0.0, 1.0]), [0.0, 0.0, 0.0, 0.0, 2.0]);
        assert_eq!(drawn([2.0, 2.0, 2.0, 2.0, 0.0]), [2.0, 2.0, 2.0, 2.0, 0.0]);
        assert_eq!(drawn([3.0, 3.0, 3.0, 3.0, 1.0]), [1.5, 1.5, 1.5, 1.5, 0.5]);
    }
}
