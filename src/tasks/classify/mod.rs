//! Image classification on learned codes: beside the same on raw pixels and on principal components, so that nobody is fooled.

mod classifier;
mod encoders;
mod file;
mod neighbors;
mod partition;
mod training;
mod trials;

pub use classifier::{Classifier, Decision, Predictions};
pub use encoders::Encoder;
pub use file::FILE;
pub use neighbors::{CodesRef, nearest, vote};
pub use partition::{Division, Partition};
pub use trials::{Mean, Summary, Trial, curves, summaries};

use super::evaluate::refuse_other_sizes;
use crate::data::{ClassLimit, Dataset, Images, Split};
use crate::error::Error;
use crate::gpu::Gpu;
use crate::reference::{Augmentation, Balancing};
use crate::report::confusion::Confusion;
use crate::train::{TrainedModel, batch_size_of, labels_below, refuse_small_batches};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Instant;

/// How codes become classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A softmax of one layer on the codes (multinomial logistic regression), the encoder staying as it is.
    Probe,
    /// The same, and from there on with the encoder trained too.
    Finetune,
    /// The class of most of the nearest codes.
    Neighbors,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 3] = [Self::Probe, Self::Finetune, Self::Neighbors];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Finetune => "finetune",
            Self::Neighbors => "knn",
        }
    }
}

impl FromStr for Method {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|method| method.name() == text).ok_or("it is probe, finetune or knn")
    }
}

/// How to classify.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How codes become classes.
    pub method: Method,
    /// As many as a thousand steps take, and ten at least, if left out.
    pub epochs: Option<u32>,
    /// Images in a step, or all where there are fewer.
    pub batch_size: usize,
    /// 0.01 for a probe and 0.001 where the encoder is trained too, if left out.
    pub learning_rate: Option<f64>,
    /// What the learning rate of an encoder that was trained before is times that of the last layer, where both are trained.
    pub encoder_rate: f64,
    /// Initial weights, the order of the images and their division follow from it.
    pub seed: u64,
    /// The share of each class's training images that is held back to choose the best epoch by, in [0, 1).
    pub validation_share: f64,
    /// So many training images of each class, or all where it has fewer; all if left out.
    pub labels_per_class: Option<usize>,
    /// The most training images of some classes.
    pub limits: Vec<ClassLimit>,
    /// What is done about rare classes.
    pub balancing: Balancing,
    /// How many neighbors vote.
    pub neighbors: usize,
    /// What is done to the images that a layer is trained on, each time otherwise.
    pub augmentation: Augmentation,
}

impl Settings {
    /// What is usual for a method.
    pub fn new(method: Method) -> Self {
        Self {
            method,
            epochs: None,
            batch_size: 256,
            learning_rate: None,
            encoder_rate: 1.0,
            seed: 1,
            validation_share: 0.1,
            labels_per_class: None,
            limits: Vec::new(),
            balancing: Balancing::None,
            neighbors: 5,
            augmentation: Augmentation::NONE,
        }
    }
}

/// A model and a labeled data set, with what its codes are held against.
pub struct Classification<'a> {
    gpu: &'a Gpu,
    model: &'a TrainedModel,
    dataset: &'a Dataset,
    training: &'a Images,
    test: &'a Images,
    labels: &'a [u32],
    test_labels: &'a [u32],
    class_names: Vec<String>,
    /// Principal components of all training images, once they were asked for; none of very large images.
    components: OnceCell<Option<Encoder>>,
}

/// What came of one encoder.
pub struct Outcome {
    /// What was trained.
    pub classifier: Classifier,
    /// The encoder's name, for people.
    pub encoder: String,
    /// On the images held back for validation, if there are any.
    pub validation: Option<Confusion>,
    /// On the test images.
    pub test: Confusion,
    /// Of the test images.
    pub predictions: Predictions,
    /// Images it learned from.
    pub training_images: usize,
    /// What it all took.
    pub seconds: f64,
}

impl<'a> Classification<'a> {
    /// What there is to tell apart.
    ///
    /// # Errors
    /// Images without classes, or of another size than the model's.
    pub fn new(gpu: &'a Gpu, model: &'a TrainedModel, dataset: &'a Dataset) -> Result<Self, Error> {
        let (training, test) = (dataset.split(Split::Train)?, dataset.split(Split::Test)?);
        refuse_other_sizes(model, training)?;
        let any = usize::MAX;
        let (labels, test_labels) = (labels_below(training, any)?, labels_below(test, any)?);
        let class_names = class_names(dataset.class_names(), labels.iter().chain(test_labels));
        if labels.first().is_none_or(|first| labels.iter().all(|label| label == first)) {
            return Err(Error::Usage(
                "all images to learn from are of one class: there is nothing to tell apart; where the run was trained on one class alone, \
                 --set data.only= takes all"
                    .to_owned(),
            ));
        }
        let components = OnceCell::new();
        Ok(Self { gpu, model, dataset, training, test, labels, test_labels, class_names, components })
    }

    /// What the classes are called; a label is an index into these.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// How many classes have training images, but fewer than `count`.
    pub fn classes_below(&self, count: usize) -> usize {
        let mut of_classes: BTreeMap<u32, usize> = BTreeMap::new();
        self.labels.iter().for_each(|&label| *of_classes.entry(label).or_default() += 1);
        of_classes.values().filter(|&&images| images < count).count()
    }

    /// Asks whether [`run`](Self::run) can train by these settings, without training anything; of how many images.
    ///
    /// # Errors
    /// Settings that cannot be, such as too few labeled images for the encoder's layers.
    pub fn check(&self, settings: &Settings) -> Result<usize, Error> {
        Ok(self.partition(settings)?.training.len())
    }

    /// Trains a classifier on the model's codes and, for comparison, on each other encoder; the model's comes first.
    ///
    /// # Errors
    /// Settings that cannot be, a training that diverges, or a fault of the GPU.
    pub fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let partition = self.partition(settings)?;
        let mut encoders = vec![Encoder::of_model(self.model)];
        if settings.method == Method::Finetune {
            encoders.push(Encoder::random(self.model, settings.seed));
        }
        encoders.push(Encoder::pixels());
        encoders.extend(self.components()?.clone());
        encoders.into_iter().map(|encoder| self.outcome(encoder, &partition, settings)).collect()
    }

    /// The principal components, which are found once for all settings.
    fn components(&self) -> Result<&Option<Encoder>, Error> {
        if let Some(components) = self.components.get() {
            return Ok(components);
        }
        let components = Encoder::components(self.gpu, self.training, self.model.network.code_size())?;
        Ok(self.components.get_or_init(|| components))
    }

    fn outcome(&self, encoder: Encoder, partition: &Partition, settings: &Settings) -> Result<Outcome, Error> {
        let started = Instant::now();
        let name = encoder.name.clone();
        let decided = match settings.method {
            Method::Neighbors => training::remember(self.gpu, &encoder, partition, settings)?,
            _ => training::train(self.gpu, &encoder, partition, self.class_names.len(), settings)?,
        };
        let classifier = Classifier {
            config: self.model.config.clone(),
            method: settings.method,
            class_names: self.class_names.clone(),
            pixels: self.training.shape().pixels(),
            network: decided.network,
            parameters: decided.parameters,
            decision: decided.decision,
        };
        let confusion = |predictions: &Predictions, labels: &[u32]| {
            Confusion::new(self.class_names.len(), labels, &predictions.classes)
        };
        let validation = match &partition.validation {
            None => None,
            Some(images) => {
                let predictions = classifier.predict(self.gpu, images)?;
                Some(confusion(&predictions, images.labels().unwrap_or_default()))
            }
        };
        let predictions = classifier.predict(self.gpu, self.test)?;
        let test = confusion(&predictions, self.test_labels);
        let seconds = started.elapsed().as_secs_f64();
        tracing::info!(
            "{} on {name}: {:.2} % of the test images, {seconds:.1} s",
            settings.method.name(),
            100.0 * test.accuracy()
        );
        let training_images = partition.training.len();
        Ok(Outcome { classifier, encoder: name, validation, test, predictions, training_images, seconds })
    }

    /// The images to learn from, by which the model's encoder can be trained too if it is to be.
    fn partition(&self, settings: &Settings) -> Result<Partition, Error> {
        let division = Division {
            validation_share: settings.validation_share,
            labels_per_class: settings.labels_per_class,
            limits: self.dataset.labels_of_limits(&settings.limits)?,
            seed: settings.seed,
        };
        let partition = division.apply(self.training, self.labels)?;
        if settings.method == Method::Finetune {
            let encoder = self.model.network.encoder();
            if encoder.layers().iter().any(|layer| layer.is_variational) {
                return Err(Error::Usage(
                    "a variational encoder cannot be trained with a classifier: use --method probe or knn".into(),
                ));
            }
            refuse_small_batches(&encoder, batch_size_of(settings.batch_size, partition.training.len()))?;
        }
        Ok(partition)
    }
}

/// The names that a data set has for its classes, or their numbers up to the largest label.
fn class_names<'l>(names: Option<&[String]>, labels: impl Iterator<Item = &'l u32>) -> Vec<String> {
    match names {
        Some(names) => names.to_vec(),
        None => (0..=labels.max().copied().unwrap_or(0)).map(|label| label.to_string()).collect(),
    }
}
