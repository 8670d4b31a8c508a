//! Which images are unlike those that a model was trained on: what it has not seen, it gives back badly.

use super::evaluate::refuse_other_sizes;
use super::outputs::require_finite;
use super::pca;
use super::ranking::{Ranking, quantile};
use crate::data::Images;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::model::{Network, Parameters};
use crate::program::Memory;
use crate::report::ReportError;
use crate::report::files::write_atomically;
use crate::report::image_table::ImageColumns;
use crate::train::{Evaluator, TrainedModel};
use std::io;
use std::path::Path;

/// What a model says of images.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// `[images]`: the squared error of each reconstruction, summed over its pixels.
    pub scores: Vec<f32>,
    /// What the wanted share of the training images' scores is not above.
    pub threshold: f64,
    /// How well the scores tell images of other classes from normal ones, if there are both.
    pub ranking: Option<Ranking>,
    /// The same by principal components of the same training images with the model's code size; none for very large images.
    pub pca: Option<Ranking>,
}

impl Detection {
    /// Whether an image's score is above the threshold.
    pub fn is_flagged(&self, image: usize) -> bool {
        f64::from(self.scores[image]) > self.threshold
    }

    /// The images from the most to the least anomalous; of equal scores the first comes first.
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.scores.len()).collect();
        order.sort_by(|&one, &other| self.scores[other].total_cmp(&self.scores[one]));
        order
    }

    /// Writes a table: the `index` of each image in its split, its file under `name` if it has one, its class under `label` if there are
    /// classes, its `score`, and whether it is `flagged`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path, names: Option<&[String]>, labels: Option<&[String]>) -> Result<(), ReportError> {
        let failed = |cause: io::Error| ReportError::Write { path: path.to_owned(), cause };
        write_atomically(path, &self.to_csv(names, labels).map_err(failed)?)
    }

    fn to_csv(&self, names: Option<&[String]>, labels: Option<&[String]>) -> io::Result<Vec<u8>> {
        let row = |(image, score): (usize, &f32)| [score.to_string(), self.is_flagged(image).to_string()];
        let columns = ImageColumns { is_indexed: true, names, labels };
        columns.table(["score", "flagged"].map(str::to_owned), self.scores.iter().enumerate().map(row))
    }
}

/// Scores images by a model. The threshold is what a share of `quantile` of the scores of `training`, which are normal, is not above;
/// `normal` is the label of the images that are normal, if that is known.
///
/// # Errors
/// No training images, images of another size than the model's, a model whose outputs are not finite, or a fault of the GPU.
pub fn detect(
    gpu: &Gpu,
    model: &TrainedModel,
    training: &Images,
    images: &Images,
    normal: Option<u32>,
    share: f64,
) -> Result<Detection, Error> {
    refuse_other_sizes(model, training)?;
    refuse_other_sizes(model, images)?;
    if training.is_empty() {
        return Err(Error::Usage("there are no normal training images that could tell the threshold".to_owned()));
    }
    let threshold = quantile(&scores(gpu, &model.network, &model.parameters, training)?, share);
    let scores_of_images = scores(gpu, &model.network, &model.parameters, images)?;
    let is_anomalous: Option<Vec<bool>> = match (normal, images.labels()) {
        (Some(normal), Some(labels)) => Some(labels.iter().map(|&label| label != normal).collect()),
        _ => None,
    };
    let ranking = is_anomalous.as_ref().and_then(|is_anomalous| Ranking::new(&scores_of_images, is_anomalous));
    let pca = match &is_anomalous {
        Some(is_anomalous) if ranking.is_some() => {
            let components = pca::comparison(gpu, training, model.network.code_size())?;
            let scores =
                components.map(|(network, parameters)| scores(gpu, &network, &parameters, images)).transpose()?;
            scores.and_then(|scores| Ranking::new(&scores, is_anomalous))
        }
        _ => None,
    };
    Ok(Detection { scores: scores_of_images, threshold, ranking, pca })
}

/// `[images]`: the squared error of each.
fn scores(gpu: &Gpu, network: &Network, parameters: &Parameters, images: &Images) -> Result<Vec<f32>, Error> {
    let mut memory = Memory::default();
    memory.upload_parameters(gpu, network, parameters)?;
    let errors = Evaluator::new(gpu, network, &mut memory, "images", images)?.errors_of_images(gpu)?;
    let scores: Vec<f32> = errors.into_iter().map(|[_, squared]| squared).collect();
    require_finite("the model's outputs", &scores)?;
    Ok(scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_row_for_each_image_and_those_above_the_threshold_are_flagged() {
        let detection = Detection { scores: vec![1.5, 9.0, 2.0, 9.0], threshold: 2.0, ranking: None, pca: None };
        assert_eq!(detection.order(), [1, 3, 2, 0]);
        let table = |labels: Option<&[String]>| String::from_utf8(detection.to_csv(None, labels).unwrap()).unwrap();
        assert_eq!(table(None), "index,score,flagged\n0,1.5,false\n1,9,true\n2,2,false\n3,9,true\n");
        let labels = ["cat", "dog, big", "cat", "cat"].map(str::to_owned);
        assert!(
            table(Some(&labels)).starts_with("index,label,score,flagged\n0,cat,1.5,false\n1,\"dog, big\",9,true\n")
        );
    }
}
