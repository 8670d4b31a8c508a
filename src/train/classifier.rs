//! Training of a classifier: layers of an encoder with a softmax behind them, against the labels of images.

use super::choice::upload_choice;
use super::loader::Loader;
use super::steps::Batches;
use super::submissions::Submissions;
use crate::data::Images;
use crate::error::Error;
use crate::gpu::{Gpu, Tensor};
use crate::kernels::matmul::Products;
use crate::kernels::step::Step;
use crate::model::{Additions, Network, Parameters};
use crate::program::lower::classification::{ClassifierTraining, classifier_training};
use crate::program::lower::{Labels, StepSettings, Watched};
use crate::program::{Graph, Memory, Program};
use crate::reference::balance::Balance;
use crate::reference::shuffle::Shuffle;
use crate::reference::{Augmentation, CodeSettings, Corruption, Loss, Optimizer, Schedule, normalization};
use std::ops::Range;

/// The most steps of one submission.
const MOST_STEPS_PER_SUBMISSION: usize = 256;

/// How a classifier is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassifierSettings {
    /// How parameters are updated.
    pub optimizer: Optimizer,
    /// The course of the learning rate.
    pub schedule: Schedule,
    /// Made as small as the set of images is.
    pub batch_size: usize,
    /// How often to take as many samples as there are images.
    pub epochs: u32,
    /// The order of the images and all noise follow from it.
    pub seed: u64,
    /// So many layers, from the first on, stay as they are: their learning rate is 0.
    pub frozen_layers: usize,
    /// What the loss of a sample counts by its class, `[classes]`; the mean loss is the sum of these over the number of samples.
    pub class_weights: Vec<f64>,
    /// Whether samples are drawn class by class, all classes being as likely as each other, rather than each once in an epoch.
    pub draws_classes_alike: bool,
    /// What is done to the images, each time otherwise.
    pub augmentation: Augmentation,
}

/// A classifier in training.
pub struct ClassifierTrainer<'a> {
    gpu: &'a Gpu,
    settings: ClassifierSettings,
    network: Network,
    batches: Batches,
    /// What samples are drawn by, where they are drawn class by class.
    balance: Option<Balance>,
    memory: Memory,
    losses: Tensor,
    graph: Graph,
    watched: Watched,
    found: Tensor,
    submissions: Submissions<'a>,
}

impl<'a> ClassifierTrainer<'a> {
    /// Puts images, their labels and initial parameters on the GPU and records the program of a step. Images that do not fit into
    /// [`Gpu::data_memory`] are streamed.
    ///
    /// # Errors
    /// Images without labels, or with one that the network has no output for; batches too small for batch normalization; a GPU that has too
    /// little room.
    pub fn new(
        gpu: &'a Gpu,
        settings: &ClassifierSettings,
        network: &Network,
        parameters: &Parameters,
        images: &'a Images,
    ) -> Result<Self, Error> {
        Self::with_products(gpu, settings, network, parameters, images, Products::of(gpu))
    }

    /// The same with matrix products of the caller's choice.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn with_products(
        gpu: &'a Gpu,
        settings: &ClassifierSettings,
        network: &Network,
        parameters: &Parameters,
        images: &'a Images,
        products: Products,
    ) -> Result<Self, Error> {
        let labels = labels_below(images, settings.class_weights.len())?;
        // The mean is taken over samples, each with one loss.
        let batch_size = batch_size_of(settings.batch_size, images.len());
        let trained = network.behind(settings.frozen_layers);
        refuse_small_batches(&trained, batch_size)?;
        let batches = Batches { sample_count: images.len(), batch_size, pixels: 1 };
        let mut memory = Memory::default();
        let at_once = batch_size..=batch_size * MOST_STEPS_PER_SUBMISSION;
        let loader = Loader::new(gpu, &mut memory, "labeled images", images, at_once)?;
        let balance = settings.draws_classes_alike.then(|| Balance::new(labels));
        let lowering = StepSettings {
            loss: Loss::BinaryCrossEntropy,
            moments: settings.optimizer.algorithm.moments(),
            additions: Additions {
                augmentation: Some(settings.augmentation).filter(|augmentation| !augmentation.is_none()),
                ..Additions::new(&settings.optimizer, &CodeSettings::NONE, &trained)
            },
            weighted: None,
            order: loader.shuffled_order(),
            drawn: None,
            corruption: Corruption::NONE,
            batch_size,
            steps_per_submission: MOST_STEPS_PER_SUBMISSION,
            fuses_updates: products.fuse_updates(),
        };
        let of_labels = Labels { count: labels.len(), balanced_classes: balance.as_ref().map(Balance::classes) };
        let lowered = classifier_training(network, settings.frozen_layers, loader.samples(), of_labels, &lowering);
        memory.place(gpu, &lowered.graph)?;
        memory.upload_parameters(gpu, network, parameters)?;
        let ClassifierTraining { graph, choice, class_weights, losses, watched } = lowered;
        upload_choice(gpu, &memory, &graph, choice, labels, balance.as_ref())?;
        let weights: Vec<f32> = settings.class_weights.iter().map(|&weight| weight as f32).collect();
        memory.tensor(&graph, class_weights)?.upload(gpu, &weights)?;
        let program = Program::new(gpu, &graph, &memory, products, MOST_STEPS_PER_SUBMISSION)?;
        let losses = memory.tensor(&graph, losses)?.clone();
        let found = memory.tensor(&graph, watched.found)?.clone();
        let most_results = MOST_STEPS_PER_SUBMISSION + found.len();
        let submissions = Submissions::new(gpu, batches, loader, program, MOST_STEPS_PER_SUBMISSION, most_results)?;
        let (settings, network) = (settings.clone(), network.clone());
        Ok(Self { gpu, settings, network, batches, balance, memory, losses, graph, watched, found, submissions })
    }

    /// The tensors on the GPU, the parameters among them, for programs that share them.
    pub fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// The parameters as they are now.
    ///
    /// # Errors
    /// A number that is not finite, or a fault of the GPU.
    pub fn parameters(&self) -> Result<Parameters, Error> {
        Ok(self.memory.download_parameters(self.gpu, &self.network)?)
    }

    /// Steps in an epoch.
    pub fn steps_per_epoch(&self) -> usize {
        self.batches.count()
    }

    /// Trains for an epoch, which counts from 0, and returns the loss of each step.
    ///
    /// # Errors
    /// A loss or a parameter that is not finite, or a fault of the GPU.
    pub fn train_epoch(&mut self, epoch: u32) -> Result<Vec<f32>, Error> {
        let Self { gpu, settings, batches, balance, losses, graph, watched, found, submissions, .. } = self;
        let seed = settings.seed;
        let shuffle = Shuffle::new(batches.sample_count as u32, seed, epoch);
        let balance = balance.as_ref();
        let image_at = |position| match balance {
            Some(balance) => balance.sample_at(seed, epoch, position),
            None => shuffle.sample_at(position),
        };
        let steps_before = |place: usize| u64::from(epoch) * batches.count() as u64 + place as u64;
        let learning_rate = |place: usize| {
            let steps = u64::from(settings.epochs) * batches.count() as u64;
            settings.optimizer.learning_rate
                * settings.schedule.share(steps_before(place), steps, batches.count() as u64)
        };
        let step = |place: usize, slot: usize| {
            let step = Step {
                epoch,
                loss_slot: slot as u32,
                seed_low: seed as u32,
                seed_high: (seed >> 32) as u32,
                ..batches.stored(place)
            };
            step.updating(learning_rate(place), &settings.optimizer.coefficients(steps_before(place) + 1))
        };
        let mut all_losses = Vec::with_capacity(batches.count());
        submissions.run(
            gpu,
            0,
            Some(&image_at),
            step,
            |steps| vec![(losses, 0..steps.len()), (found, 0..found.len())],
            &mut |places: Range<usize>, values: Vec<f32>| {
                let (losses, found) = values.split_at(places.len());
                let found: Vec<u32> = found.iter().map(|word| word.to_bits()).collect();
                let of_loss = losses.iter().position(|loss| !loss.is_finite());
                let of_tensor = watched.first(graph, &found);
                if of_loss.is_some() || of_tensor.is_some() {
                    let place = places.start + of_loss.unwrap_or(losses.len() - 1);
                    let what = of_tensor.map_or("the loss is not finite".to_owned(), |tensor| {
                        format!("a number in {tensor} is not finite")
                    });
                    let (step, learning_rate) = (steps_before(place) + 1, learning_rate(place));
                    return Err(Error::ClassifierDiverged { what, step, epoch: epoch + 1, learning_rate });
                }
                all_losses.extend(losses);
                Ok(())
            },
        )?;
        Ok(all_losses)
    }
}

/// How many of so many images a batch has: no more than there are.
pub fn batch_size_of(wanted: usize, images: usize) -> usize {
    wanted.clamp(1, images.max(1))
}

/// Asks whether batches of this size can train some layers.
///
/// # Errors
/// They have batch normalization, and the batches fewer images than it takes.
pub fn refuse_small_batches(trained: &Network, batch_size: usize) -> Result<(), Error> {
    if trained.is_batch_normalized() && batch_size < normalization::FEWEST {
        return Err(Error::Usage(format!(
            "the model's layers have batch normalization, which takes at least {} images together, but a batch has {batch_size}: use a \
             larger --batch, more labeled images, or a method that leaves these layers as they are, such as probe",
            normalization::FEWEST
        )));
    }
    Ok(())
}

/// The labels of images, each below `classes`.
///
/// # Errors
/// There are none, or there is one that is not.
pub fn labels_below(images: &Images, classes: usize) -> Result<&[u32], Error> {
    let labels = images.labels().ok_or_else(|| {
        Error::Usage(
            "the images have no classes to learn: give data with a folder for each class, or with labels".to_owned(),
        )
    })?;
    match labels.iter().find(|&&label| label as usize >= classes) {
        None => Ok(labels),
        Some(label) => Err(Error::Usage(format!(
            "an image is of class {label}, but there are only {classes} classes, counted from 0: use data of the same classes"
        ))),
    }
}
