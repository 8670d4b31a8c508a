//! A trained classifier, and what it says of images.

use super::Method;
use super::neighbors::{CodesRef, nearest, vote};
use super::training::largest;
use crate::config::Config;
use crate::data::Images;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::model::{Network, Parameters};
use crate::reference::Corruption;
use crate::reference::classification::softmax;
use crate::report::ReportError;
use crate::report::files::write_atomically;
use crate::report::image_table::ImageColumns;
use crate::tasks::evaluate::refuse_pixels;
use crate::tasks::outputs::outputs;
use std::io;
use std::path::Path;

/// How a network's outputs become classes.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// They are logits: the class of the largest.
    Softmax,
    /// They are codes: the class of most of the nearest among these.
    Neighbors {
        /// How many of these vote.
        count: usize,
        /// [images, code]
        codes: Vec<f32>,
        /// `[images]`
        labels: Vec<u32>,
    },
}

/// Everything needed to classify images.
#[derive(Clone, Debug, PartialEq)]
pub struct Classifier {
    /// Of the run whose encoder it has; says how images are to be read.
    pub config: Config,
    /// How it was trained.
    pub method: Method,
    /// A class is an index into these.
    pub class_names: Vec<String>,
    /// Values of an image.
    pub pixels: usize,
    /// From images to what the decision is made by.
    pub network: Network,
    /// Those of the network.
    pub parameters: Parameters,
    /// How its outputs become classes.
    pub decision: Decision,
}

/// What a classifier says of images.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// `[images]`
    pub classes: Vec<u32>,
    /// [images, classes]: how probable each class is, or its share of the neighbors.
    pub shares: Vec<f32>,
}

impl Classifier {
    /// Classifies images.
    ///
    /// # Errors
    /// Images of another size, outputs that are not finite, or a fault of the GPU.
    pub fn predict(&self, gpu: &Gpu, images: &Images) -> Result<Predictions, Error> {
        refuse_pixels(self.pixels, images)?;
        let outputs = outputs(gpu, &self.network, &self.parameters, images, Corruption::NONE, 0)?;
        if !outputs.iter().all(|output| output.is_finite()) {
            let words = "the classifier's outputs are not finite: classify again with a smaller --learning-rate";
            return Err(Error::Run(words.to_owned()));
        }
        let classes = self.class_names.len();
        match &self.decision {
            Decision::Softmax => {
                let shares = |logits: &[f32]| {
                    let logits: Vec<f64> = logits.iter().copied().map(f64::from).collect();
                    softmax(&logits).into_iter().map(|share| share as f32)
                };
                Ok(Predictions {
                    classes: outputs.chunks_exact(classes).map(largest).collect(),
                    shares: outputs.chunks_exact(classes).flat_map(shares).collect(),
                })
            }
            Decision::Neighbors { count, codes, labels } => {
                let size = codes.len() / labels.len().max(1);
                let (queries, references) = (CodesRef { size, values: &outputs }, CodesRef { size, values: codes });
                let places = nearest(gpu, queries, references, *count)?;
                let voted = places
                    .chunks(places.len() / images.len().max(1))
                    .map(|places| vote(places.iter().map(|&place| labels[place as usize]), classes));
                let (classes, shares): (Vec<u32>, Vec<Vec<f32>>) = voted.unzip();
                Ok(Predictions { classes, shares: shares.concat() })
            }
        }
    }
}

impl Predictions {
    /// Writes a table: the `index` of each image in its split, its file under `name` if it has one, its class under `label` if there are
    /// classes, the class that is `predicted`, the `share` of that, and the share of each class under `share.CLASS`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(
        &self,
        path: &Path,
        class_names: &[String],
        names: Option<&[String]>,
        truth: Option<&[String]>,
    ) -> Result<(), ReportError> {
        let failed = |cause| ReportError::Write { path: path.to_owned(), cause };
        write_atomically(path, &self.to_csv(class_names, names, truth).map_err(failed)?)
    }

    fn to_csv(
        &self,
        class_names: &[String],
        names: Option<&[String]>,
        truth: Option<&[String]>,
    ) -> io::Result<Vec<u8>> {
        let of_classes = class_names.iter().map(|name| format!("share.{name}"));
        let header = ["predicted", "share"].map(str::to_owned).into_iter().chain(of_classes);
        let row = |(&class, shares): (&u32, &[f32])| {
            let predicted = [class_names[class as usize].clone(), shares[class as usize].to_string()];
            predicted.into_iter().chain(shares.iter().map(f32::to_string)).collect::<Vec<_>>()
        };
        let rows = self.classes.iter().zip(self.shares.chunks(class_names.len())).map(row);
        ImageColumns { is_indexed: true, names, labels: truth }.table(header, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_are_written_with_names() {
        let predictions = Predictions { classes: vec![1, 0], shares: vec![0.25, 0.75, 0.5, 0.5] };
        let names = ["cat", "dog, big"].map(str::to_owned);
        let truth = ["dog, big", "dog, big"].map(str::to_owned);
        let text = |truth| String::from_utf8(predictions.to_csv(&names, None, truth).unwrap()).unwrap();
        let lines = "index,label,predicted,share,share.cat,\"share.dog, big\"\n0,\"dog, big\",\"dog, big\",0.75,0.25,0.75\n\
                     1,\"dog, big\",cat,0.5,0.5,0.5\n";
        assert_eq!(text(Some(&truth[..])), lines);
        assert!(text(None).starts_with("index,predicted,share,share.cat"));
    }
}
