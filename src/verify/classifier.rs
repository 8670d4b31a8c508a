//! Short trainings of classifiers: each step's loss against the twin's, with frozen layers and without, and with classes drawn alike.

use super::training::AUGMENTED;
use super::trial::{augmented_batches, with_running_statistics};
use super::{Coverage, Failure, Item, Tally};
use crate::data::{ImageShape, Images};
use crate::gpu::Gpu;
use crate::model::{Additions, Layer, Network, Parameters, glorot_uniform};
use crate::program::Plan;
use crate::reference::balance::{Balance, balancing_weights};
use crate::reference::classification::Trainer as Twin;
use crate::reference::philox::{Sequence, Stream};
use crate::reference::shuffle::Shuffle;
use crate::reference::training::BatchPlace;
use crate::reference::{Activation, Algorithm, Augmentation, Normalization, Optimizer, Schedule};
use crate::train::{ClassifierSettings, ClassifierTrainer};

/// As reports call it.
pub const NAME: &str = "classifier";

/// How far a step's loss may be off the twin's, as a share of it: the errors of f32, carried on by the optimizer through every step.
const TOLERANCE: f64 = 1e-4;

const CLASSES: usize = 5;
const BATCH_SIZE: usize = 10;
/// The last batch of an epoch is smaller.
const IMAGES: usize = 157;
/// If there is time for so many.
const EPOCHS: u32 = 2;

pub fn items(coverage: Coverage, seed: u64) -> Vec<Item> {
    let plain = Conditions {
        epochs: EPOCHS.min(coverage.most_epochs),
        encoder_rate: 1.0,
        dropout: 0.0,
        normalization: Normalization::None,
        augmentation: Augmentation::NONE,
        is_residual: false,
    };
    let dropout = Conditions { dropout: 0.3, ..plain };
    let [by_layer, by_batch] =
        [Normalization::Layer, Normalization::Batch].map(|normalization| Conditions { normalization, ..plain });
    let augmented = Conditions { augmentation: AUGMENTED, ..plain };
    let kinds = [
        ("trained through", 0, false, plain),
        ("classes drawn alike", 0, true, plain),
        ("encoder frozen", 2, false, plain),
        ("encoder at another rate", 0, false, Conditions { encoder_rate: 0.1, ..plain }),
        ("dropout", 0, false, dropout),
        ("layer normalization", 0, false, by_layer),
        ("batch normalization", 0, false, by_batch),
        ("batch normalization, first layer frozen", 1, false, by_batch),
        ("batch normalization, encoder frozen", 2, false, by_batch),
        ("residual layers", 0, false, Conditions { is_residual: true, ..dropout }),
        ("residual layers, first layer frozen", 1, false, Conditions { is_residual: true, ..plain }),
        ("residual layers, encoder frozen", 2, false, Conditions { is_residual: true, ..plain }),
        ("residual layers, batch normalization", 0, false, Conditions { is_residual: true, ..by_batch }),
        (
            "residual layers, batch normalization, first layer frozen",
            1,
            false,
            Conditions { is_residual: true, ..by_batch },
        ),
        ("dropout, first layer frozen", 1, false, dropout),
        ("augmented", 0, false, augmented),
        ("classes drawn alike, augmented", 0, true, augmented),
    ];
    let item = |(variant, frozen_layers, draws_classes_alike, conditions): (&str, usize, bool, Conditions)| Item {
        check: NAME,
        variant: variant.to_owned(),
        run: Box::new(move |gpu, tally| {
            coverage.widths_are_whole.iter().try_for_each(|&are_whole| {
                let widths = if are_whole { [12, 8] } else { [9, 5] };
                Trial::new(widths, frozen_layers, draws_classes_alike, conditions, seed).follow_the_twin(gpu, tally)
            })
        }),
    };
    kinds.into_iter().map(item).collect()
}

/// How long it takes, and what the encoder's layers and the images undergo.
#[derive(Clone, Copy)]
struct Conditions {
    epochs: u32,
    encoder_rate: f64,
    dropout: f64,
    normalization: Normalization,
    augmentation: Augmentation,
    /// Whether the second layer is as wide as the first, and adds what that gives.
    is_residual: bool,
}

struct Trial {
    settings: ClassifierSettings,
    network: Network,
    images: Images,
    /// Those that it starts from.
    parameters: Parameters,
    /// The twin's loss at each step.
    losses: Vec<f64>,
}

impl Trial {
    fn new(
        widths: [usize; 2],
        frozen_layers: usize,
        draws_classes_alike: bool,
        conditions: Conditions,
        seed: u64,
    ) -> Self {
        let Conditions { epochs, encoder_rate, dropout, normalization, augmentation, is_residual } = conditions;
        // Whole vec4s where the widths are such.
        let shape = ImageShape { height: widths[1] / 2, width: 7, channels: 1 };
        let mut layers = widths.map(|units| Layer { dropout, normalization, ..Layer::new(units, Activation::Tanh) });
        if is_residual {
            layers[1] = Layer { residual: true, ..layers[0] };
        }
        let network = Network::autoencoder(shape.pixels(), &layers, &[], Activation::Sigmoid);
        let network = network.with_encoder_rate(encoder_rate).classifier(shape.pixels(), CLASSES);
        let images = images(shape, seed);
        let labels = images.labels().unwrap_or_default().to_vec();
        let settings = ClassifierSettings {
            optimizer: Optimizer { weight_decay: 0.01, ..Optimizer::new(Algorithm::Adam, 3e-3) },
            schedule: Schedule::CONSTANT,
            batch_size: BATCH_SIZE,
            epochs,
            seed: seed & u64::from(u32::MAX) | 7 << 32,
            frozen_layers,
            class_weights: balancing_weights(&labels, CLASSES),
            draws_classes_alike,
            augmentation,
        };
        let parameters = with_running_statistics(&glorot_uniform(&network, settings.seed), settings.seed);
        let mut trial = Self { settings, network, images, parameters, losses: Vec::new() };
        trial.losses = trial.twin_losses(&labels);
        trial
    }

    fn twin_losses(&self, labels: &[u32]) -> Vec<f64> {
        let ClassifierSettings { optimizer, seed, frozen_layers, class_weights, augmentation, .. } = &self.settings;
        let layers = self.parameters.in_f64(&self.network);
        let mut twin = Twin::new(layers, *frozen_layers, class_weights.clone(), *optimizer);
        let balance = Balance::new(labels);
        let mut losses = Vec::new();
        for epoch in 0..self.settings.epochs {
            let shuffle = Shuffle::new(IMAGES as u32, *seed, epoch);
            let sample_at = |position: u32| match self.settings.draws_classes_alike {
                true => balance.sample_at(*seed, epoch, position) as usize,
                false => shuffle.sample_at(position) as usize,
            };
            let order: Vec<usize> = (0..IMAGES as u32).map(sample_at).collect();
            let batches = augmented_batches(&self.images, &order, BATCH_SIZE, *augmentation, *seed, epoch);
            for (place, (samples, batch)) in order.chunks(BATCH_SIZE).zip(&batches).enumerate() {
                let labels: Vec<u32> = samples.iter().map(|&sample| labels[sample]).collect();
                let place = BatchPlace { seed: *seed, epoch, first_position: (place * BATCH_SIZE) as u32 };
                losses.push(twin.step(batch, &labels, place, optimizer.learning_rate));
            }
        }
        losses
    }

    /// Trains by every kind of products, as the twin did.
    fn follow_the_twin(&self, gpu: &Gpu, tally: &Tally) -> Result<(), Failure> {
        let Self { settings, network, images, parameters, losses } = self;
        let plans = Plan::available(gpu, network, BATCH_SIZE, &Additions::default());
        for products in plans.into_iter().filter(|plan| plan.fused.is_none()).map(|plan| plan.products) {
            let mut trainer = ClassifierTrainer::with_products(gpu, settings, network, parameters, images, products)?;
            let mut computed = Vec::new();
            for epoch in 0..settings.epochs {
                computed.extend(trainer.train_epoch(epoch)?);
            }
            if computed.len() != losses.len() {
                return Err(format!("{} steps, not {}", computed.len(), losses.len()).into());
            }
            for (step, (&computed, expected)) in computed.iter().zip(losses).enumerate() {
                let share = (f64::from(computed) - expected).abs() / (TOLERANCE * expected.abs());
                if share.is_nan() || share > 1.0 {
                    let name = products.name();
                    return Err(format!("{name}: step {}: the loss is {computed}, not {expected}", step + 1).into());
                }
                tally.add(share);
            }
            let trained = trainer.parameters()?;
            let frozen = network.first_layers(settings.frozen_layers).parameter_shapes().len();
            if trained.tensors()[..frozen] != parameters.tensors()[..frozen] {
                return Err(format!("{}: a frozen layer has changed", products.name()).into());
            }
        }
        Ok(())
    }
}

/// Images of classes of different sizes.
fn images(shape: ImageShape, seed: u64) -> Images {
    let mut random = Sequence::new(seed, Stream::Cases, 4, u32::MAX);
    let bytes = (0..IMAGES * shape.pixels()).map(|_| (random.word() >> 24) as u8).collect();
    let labels = (0..IMAGES).map(|_| (random.word() % CLASSES as u32).min(random.word() % CLASSES as u32)).collect();
    match Images::new(shape, bytes, Some(labels)) {
        Ok(images) => images,
        Err(error) => unreachable!("{error}"),
    }
}
