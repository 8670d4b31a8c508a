//! Small trainings that an adapter and the twin do alike: the same network, weights, images and order.

use crate::config::{CheckpointConfig, Config, DataConfig, NetworkConfig, PretrainingConfig, TrainingConfig};
use crate::data::{ImageShape, Images};
use crate::error::Error;
use crate::gpu::Gpu;
use crate::model::{Initialization, Layer, Network, ParameterKind, Parameters, initial_parameters};
use crate::program::Plan;
use crate::reference::balance::Balance;
use crate::reference::corruption::word;
use crate::reference::philox::{Sequence, Stream, random_words};
use crate::reference::shuffle::Shuffle;
use crate::reference::training::{BatchPlace, Objective, Trainer as Twin};
use crate::reference::{
    Activation, Algorithm, Augmentation, Balancing, CodeSettings, Corruption, Loss, Matrix, Optimizer, Schedule,
};
use crate::train::Trainer;

/// What is trained, and on what.
pub struct Trial {
    pub config: Config,
    pub images: Images,
}

/// Adam as the preset `dense` has it.
pub const ADAM: Optimizer = Optimizer::new(Algorithm::Adam, 1e-3);

impl Trial {
    /// A network of four layers on small images. Widths are whole vec4s, so that every plan can train it, or none of them is.
    pub fn small(
        widths_are_whole: bool,
        loss: Loss,
        output: Activation,
        hidden: [Activation; 3],
        batch_size: usize,
        images_count: usize,
        seed: u64,
    ) -> Self {
        let [first, code, last] = hidden;
        let (height, widths) = if widths_are_whole { (4, [12, 4, 8]) } else { (3, [9, 5, 6]) };
        let network = NetworkConfig {
            encoder: vec![Layer::new(widths[0], first), Layer::new(widths[1], code)],
            decoder: vec![Layer::new(widths[2], last)],
            output_activation: output,
            tied: false,
            initialization: Initialization::Glorot,
        };
        let training =
            TrainingConfig { batch_size, epochs: 2, patience: 0, balance: Balancing::None, seed: training_seed(seed) };
        let data = DataConfig::new("verify");
        Self {
            config: Config {
                loss,
                data,
                augmentation: Augmentation::NONE,
                corruption: Corruption::NONE,
                network,
                code: CodeSettings::NONE,
                pretraining: PretrainingConfig::NONE,
                optimizer: ADAM,
                schedule: Schedule::CONSTANT,
                training,
                checkpoint: CheckpointConfig::AT_EPOCHS,
            },
            images: images(ImageShape { height, width: 7, channels: 1 }, images_count, seed),
        }
    }

    /// The preset `dense` on images of 28 × 28.
    ///
    /// # Errors
    /// The preset cannot be read.
    pub fn preset(batch_size: usize, images_count: usize, seed: u64) -> Result<Self, Error> {
        let mut config = Config::load("dense", &[])?;
        config.training =
            TrainingConfig { batch_size, epochs: 2, patience: 0, balance: Balancing::None, seed: training_seed(seed) };
        let shape = ImageShape { height: 28, width: 28, channels: 1 };
        Ok(Self { config, images: images(shape, images_count, seed) })
    }

    /// Someone's own training, on few images of a shape.
    pub fn of(config: &Config, shape: ImageShape, batch_size: usize, images_count: usize) -> Self {
        let mut config = config.clone();
        config.training.batch_size = batch_size;
        let images = images(shape, images_count, config.training.seed);
        Self { config, images }
    }

    pub fn network(&self) -> Network {
        self.config.network(self.images.shape().pixels())
    }

    pub fn initial_parameters(&self) -> Parameters {
        initial_parameters(&self.network(), self.config.network.initialization, self.config.training.seed)
    }

    /// Every plan that can train it on an adapter.
    pub fn plans(&self, gpu: &Gpu) -> Vec<Plan> {
        Plan::available(gpu, &self.network(), self.config.training.batch_size, &self.config.additions())
    }

    pub fn trainer<'a>(&'a self, gpu: &'a Gpu, parameters: &Parameters, plan: Plan) -> Result<Trainer<'a>, Error> {
        Trainer::with_plan(gpu, &self.config, &self.images, parameters, plan)
    }

    /// The same network with the same numbers in f64.
    pub fn twin(&self, parameters: &Parameters) -> Twin {
        let network = self.network();
        Twin::new(parameters.in_f64(&network), self.objective(&network), self.config.optimizer)
    }

    fn objective(&self, network: &Network) -> Objective {
        let Config { loss, code, .. } = self.config;
        Objective { loss, code, code_layer: network.code_layer().unwrap_or(0) }
    }

    /// The images that an epoch takes, in their order.
    fn order(&self, epoch: u32) -> Vec<usize> {
        let (count, training) = (self.images.len() as u32, self.config.training);
        let shuffle = Shuffle::new(count, training.seed, epoch);
        let balance = Balance::new(self.images.labels().unwrap_or_default());
        let image_at = |position: u32| match training.balance {
            Balancing::None | Balancing::Weights => shuffle.sample_at(position) as usize,
            Balancing::Sampling => balance.sample_at(training.seed, epoch, position) as usize,
        };
        (0..count).map(image_at).collect()
    }

    /// The batches of an epoch, [samples, pixels] each, in the order of the shuffle or as classes are drawn, as they are to be given back.
    pub fn batches(&self, epoch: u32) -> Vec<Matrix> {
        let Config { augmentation, training, .. } = self.config;
        let order = self.order(epoch);
        augmented_batches(&self.images, &order, training.batch_size, augmentation, training.seed, epoch)
    }
}

impl Trial {
    /// The batches of an epoch as the network sees them.
    pub fn inputs(&self, epoch: u32) -> Vec<Matrix> {
        let (corruption, training) = (self.config.corruption, self.config.training);
        let corrupted = |(place, batch): (usize, Matrix)| {
            Matrix::from_fn(batch.rows, batch.columns, |row, pixel| {
                let position = (place * training.batch_size + row) as u32;
                corruption.apply(word(training.seed, epoch, position, pixel), batch.at(row, pixel))
            })
        };
        self.batches(epoch).into_iter().enumerate().map(corrupted).collect()
    }

    /// The same whose images count differently in the loss, some of them not at all.
    pub fn with_weights(mut self, seed: u64) -> Self {
        let mut random = Sequence::new(seed, Stream::Cases, 7, u32::MAX);
        let weights = (0..self.images.len()).map(|image| if image % 5 == 0 { 0.0 } else { random.uniform(0.1, 4.0) });
        let weights = weights.collect();
        self.images = match self.images.with_weights(weights, "to train on") {
            Ok(images) => images,
            Err(error) => unreachable!("{error}"),
        };
        self
    }

    /// What each image counts in each batch of an epoch, where that is not alike.
    pub fn weights(&self, epoch: u32) -> Option<Vec<Vec<f64>>> {
        let weights = self.images.relative_weights(self.config.training.balance)?;
        let in_order: Vec<f64> = self.order(epoch).into_iter().map(|image| f64::from(weights[image])).collect();
        Some(in_order.chunks(self.config.training.batch_size).map(<[f64]>::to_vec).collect())
    }

    /// Where the batch at a place of an epoch is in the training.
    pub fn place(&self, epoch: u32, place: usize) -> BatchPlace {
        let TrainingConfig { seed, batch_size, .. } = self.config.training;
        BatchPlace { seed, epoch, first_position: (place * batch_size) as u32 }
    }
}

/// Images in this order of an epoch, augmented as it has them, in batches of at most `batch_size`: [samples, pixels] each.
pub fn augmented_batches(
    images: &Images,
    order: &[usize],
    batch_size: usize,
    augmentation: Augmentation,
    seed: u64,
    epoch: u32,
) -> Vec<Matrix> {
    let shape = images.shape();
    let image = |(position, &sample): (usize, &usize)| {
        let image: Vec<f64> = images.image(sample).iter().map(|&byte| f64::from(byte) / 255.0).collect();
        augmentation.apply(seed, epoch, position as u32, shape.dimensions(), &image)
    };
    let rows: Vec<Vec<f64>> = order.iter().enumerate().map(image).collect();
    let batch = |rows: &[Vec<f64>]| Matrix::from_fn(rows.len(), shape.pixels(), |row, pixel| rows[row][pixel]);
    rows.chunks(batch_size).map(batch).collect()
}

/// The parameters with running statistics as training leaves them, where there are any.
pub fn with_running_statistics(parameters: &Parameters, seed: u64) -> Parameters {
    parameters.map(|place, index, value| {
        let mut random = Sequence::new(seed, Stream::Cases, place as u32, index as u32);
        match parameters.tensors()[place].kind {
            ParameterKind::RunningMean => random.uniform(-1.0, 1.0),
            ParameterKind::RunningVariance => random.uniform(0.2, 2.0),
            ParameterKind::Weight | ParameterKind::Bias | ParameterKind::Scale => value,
        }
    })
}

/// A seed for a training, with bits in both of its words even where the given one is small, and within what a configuration can hold.
fn training_seed(seed: u64) -> u64 {
    let [low, high, ..] = random_words(seed, Stream::Cases, 1, u32::MAX, 0);
    u64::from(high >> 1) << 32 | u64::from(low)
}

/// Images most of whose pixels are black, as those of drawn digits are, of a few classes of different sizes.
fn images(shape: ImageShape, count: usize, seed: u64) -> Images {
    let mut random = Sequence::new(seed, Stream::Cases, 0, u32::MAX);
    let mut pixel = || {
        let word = random.word();
        if word.is_multiple_of(4) { (word >> 24) as u8 } else { 0 }
    };
    let bytes = (0..count * shape.pixels()).map(|_| pixel()).collect();
    let labels = (0..count as u32).map(|place| (place % 7).min(place % 5)).collect();
    match Images::new(shape, bytes, Some(labels)) {
        Ok(images) => images,
        Err(error) => unreachable!("{error}"),
    }
}
