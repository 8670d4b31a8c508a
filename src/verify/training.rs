//! Whole short trainings: each step's loss against the twin's, and the same bits in every run.

use super::gradients::from_kinks;
use super::trial::Trial;
use super::{Coverage, Failure, Item, Tally};
use crate::config::{Config, NetworkConfig};
use crate::gpu::Gpu;
use crate::program::Plan;
use crate::reference::code::CONTRACTIBLE;
use crate::reference::training::{BatchPlace, DenseLayer, Targets};
use crate::reference::{
    Activation, Algorithm, Augmentation, Balancing, CodeSettings, Corruption, Flip, Loss, Matrix, Noise, Normalization,
    Optimizer, Schedule, ScheduleShape,
};
use crate::train::Batches;

/// How far a step's loss may be off the twin's, as a share of it: the errors of f32, carried on by the optimizer through every step.
const TOLERANCE: f64 = 1e-4;

/// How far outputs are from a kink of the loss in every step: beyond the reach of rounding, carried on so far.
const KINK: f64 = 1e-5;

/// Epochs of a small training, and of those by each optimizer, if there is time for so many.
const EPOCHS: u32 = 2;
const OPTIMIZER_EPOCHS: u32 = 4;

/// How often a run is repeated for its bits.
const REPETITIONS: usize = 3;

/// As reports call a run beside the twin's, and one beside itself.
pub const NAME: &str = "training";
pub const DETERMINISM: &str = "determinism";

/// Images that are changed in every way.
pub(super) const AUGMENTED: Augmentation = Augmentation {
    shift: 0.2,
    rotate: 20.0,
    scale: 0.2,
    shear: 10.0,
    flip: Flip::Both,
    elastic: 1.0,
    cut_out: 0.5,
    noise: 0.1,
    fill: 0.5,
};

/// What is other than in the usual training.
type Change = Box<dyn Fn(&mut Config)>;

pub fn items(coverage: Coverage, seed: u64) -> Vec<Item> {
    let small = |variant, loss: Loss, change: Change, epochs: u32| Item {
        check: NAME,
        variant,
        run: Box::new(move |gpu, tally| {
            // The gradients are those of every output; here one that every loss is defined for will do.
            let (hidden, output) = ([Activation::Tanh, Activation::Identity, Activation::Gelu], Activation::Sigmoid);
            let epochs = epochs.min(coverage.most_epochs);
            coverage.widths_are_whole.iter().try_for_each(|&widths_are_whole| {
                let trials = (0..).map(|draw: u64| {
                    let (images, seed) = (coverage.steps_per_epoch * 10 - 3, seed.wrapping_add(draw << 32));
                    let mut trial = Trial::small(widths_are_whole, loss, output, hidden, 10, images, seed);
                    change(&mut trial.config);
                    trial.config.training.epochs = epochs;
                    if trial.config.data.weights.is_empty() { trial } else { trial.with_weights(seed) }
                });
                let (trial, losses) = away_from_kinks(trials, epochs as usize * coverage.steps_per_epoch);
                follow_the_twin(gpu, tally, &trial, &losses)
            })
        }),
    };
    let of_loss = |loss: Loss| small(loss.to_string(), loss, Box::new(|_| ()), EPOCHS);
    let of_algorithm = |algorithm: Algorithm| {
        let learning_rate = if algorithm.moments().second { 1e-3 } else { 0.1 };
        let optimizer = Optimizer { weight_decay: 0.01, ..Optimizer::new(algorithm, learning_rate) };
        let schedule = Schedule { shape: ScheduleShape::OneCycle, warmup: 0.3, ..Schedule::CONSTANT };
        let change: Change = Box::new(move |config| (config.optimizer, config.schedule) = (optimizer, schedule));
        small(algorithm.name().to_owned(), Loss::BinaryCrossEntropy, change, OPTIMIZER_EPOCHS)
    };
    let of_noise = |noise: Noise| {
        let corruption = Corruption { noise, amount: 0.3 };
        let change: Change = Box::new(move |config| config.corruption = corruption);
        small(format!("{} noise", noise.name()), Loss::BinaryCrossEntropy, change, EPOCHS)
    };
    let of_augmentation = |noise: Noise| {
        let change: Change = Box::new(move |config| {
            config.augmentation = AUGMENTED;
            config.corruption = Corruption { noise, amount: 0.3 };
        });
        let variant = if noise == Noise::None { "augmented" } else { "augmented, with noise" };
        small(variant.to_owned(), Loss::BinaryCrossEntropy, change, EPOCHS)
    };
    let of_clipping = |norm: f64| {
        let optimizer = Optimizer { max_gradient_norm: norm, ..Optimizer::new(Algorithm::Momentum, 0.1) };
        let change: Change = Box::new(move |config| config.optimizer = optimizer);
        small(format!("clipped to {norm}"), Loss::BinaryCrossEntropy, change, EPOCHS)
    };
    let of_code = |variant: String, activation: Activation, code: CodeSettings| {
        let change: Change = Box::new(move |config| {
            config.code = code;
            if let Some(layer) = config.network.encoder.last_mut() {
                layer.activation = activation;
            }
        });
        small(variant, Loss::BinaryCrossEntropy, change, EPOCHS)
    };
    let of_rates = |ties: bool| {
        let optimizer = Optimizer { weight_decay: 0.1, ..Optimizer::new(Algorithm::AdamW, 1e-2) };
        let change: Change = Box::new(move |config| {
            config.optimizer = optimizer;
            if ties {
                tie(config);
            }
            let layers = config.network.encoder.iter_mut().chain(&mut config.network.decoder);
            layers.zip([0.1, 0.0, 2.5]).for_each(|(layer, factor)| layer.learning_rate_factor = factor);
        });
        let variant = if ties { "rates of layers, tied weights" } else { "rates of layers" };
        small(variant.to_owned(), Loss::BinaryCrossEntropy, change, EPOCHS)
    };
    // Of every layer that it is defined for; of one whose derivative is 1, and of one of which only some numbers stay, too.
    let of_dropout = |activation: Activation| {
        let change: Change = Box::new(move |config| {
            config.code.active = 3;
            let layers = config.network.encoder.iter_mut().chain(&mut config.network.decoder);
            for (layer, share) in layers.zip([0.2, 0.3, 0.5]) {
                (layer.activation, layer.dropout) = (activation, share);
            }
        });
        small(format!("dropout, {}", activation.name()), Loss::BinaryCrossEntropy, change, EPOCHS)
    };
    // With weights that are tied, codes of which some numbers stay, what they cost, dropout, decay and clipped gradients, or with nothing
    // else.
    let of_normalization = |normalization: Normalization, with_all: bool| {
        let change: Change = Box::new(move |config| {
            if with_all {
                tie(config);
                config.code = CodeSettings { l1: 0.5, active: 3, ..CodeSettings::NONE };
                config.optimizer.weight_decay = 0.1;
                config.optimizer.max_gradient_norm = 0.1;
                config.network.decoder.iter_mut().for_each(|layer| layer.dropout = 0.3);
            }
            let layers = config.network.encoder.iter_mut().chain(&mut config.network.decoder);
            layers.for_each(|layer| layer.normalization = normalization);
        });
        let variant = format!("{} normalization{}", normalization.name(), if with_all { ", and others" } else { "" });
        small(variant, Loss::BinaryCrossEntropy, change, EPOCHS)
    };
    // Two layers before the code, two behind it, and the code's where nothing is asked of it.
    let of_residual = |(of_code, with_others, variant): (CodeSettings, bool, &str)| {
        let change: Change = Box::new(move |config| {
            make_residual(config, of_code);
            if with_others {
                config.network.tied = true;
                config.optimizer.weight_decay = 0.1;
                config.optimizer.max_gradient_norm = 0.1;
                config.network.encoder.iter_mut().for_each(|layer| layer.normalization = Normalization::Layer);
                config
                    .network
                    .decoder
                    .iter_mut()
                    .for_each(|layer| (layer.normalization, layer.dropout) = (Normalization::Batch, 0.3));
            }
        });
        small(format!("residual layers{variant}"), Loss::BinaryCrossEntropy, change, EPOCHS)
    };
    let mut items: Vec<Item> = Loss::ALL.into_iter().map(of_loss).collect();
    items.extend(Algorithm::ALL.into_iter().map(of_algorithm));
    // Below the gradients of all steps, and of some.
    items.extend([0.01, 0.1].map(of_clipping));
    let none = CodeSettings::NONE;
    for activation in [Activation::Identity, Activation::Gelu] {
        let name = activation.name();
        items.push(of_code(format!("L1, {name} code"), activation, CodeSettings { l1: 2.0, ..none }));
        items.push(of_code(format!("2 active, {name} code"), activation, CodeSettings { active: 2, ..none }));
    }
    let kl = CodeSettings { kl: 3.0, target_activity: 0.2, ..none };
    items.push(of_code("KL, sigmoid code".into(), Activation::Sigmoid, kl));
    for activation in CONTRACTIBLE {
        let name = format!("contractive, {} code", activation.name());
        items.push(of_code(name, activation, CodeSettings { contractive: 3.0, ..none }));
    }
    let all = CodeSettings { l1: 0.5, contractive: 1.0, active: 3, ..kl };
    items.push(of_code("all of these, sigmoid code".into(), Activation::Sigmoid, all));
    let drawn = CodeSettings { variational: 2.0, ..none };
    items.push(of_code("variational code".into(), Activation::Identity, drawn));
    let tied: Change = Box::new(|config| {
        tie(config);
        config.optimizer.weight_decay = 0.01;
    });
    items.push(small("tied weights".into(), Loss::BinaryCrossEntropy, tied, EPOCHS));
    items.extend([false, true].map(of_rates));
    items.extend([Activation::Tanh, Activation::Identity].map(of_dropout));
    let weighted = |(balance, name): (Balancing, &str)| {
        let weigh: Change = Box::new(move |config| {
            config.data.weights = "of verify".to_owned();
            config.training.balance = balance;
        });
        small(format!("weights of images{name}"), Loss::BinaryCrossEntropy, weigh, EPOCHS)
    };
    let balances = [
        (Balancing::None, ""),
        (Balancing::Weights, ", times those of classes"),
        (Balancing::Sampling, ", classes drawn alike"),
    ];
    items.extend(balances.map(weighted));
    let by_class: Change = Box::new(|config| config.training.balance = Balancing::Weights);
    items.push(small("weights of classes".into(), Loss::BinaryCrossEntropy, by_class, EPOCHS));
    for normalization in [Normalization::Layer, Normalization::Batch] {
        items.extend([false, true].map(|with_all| of_normalization(normalization, with_all)));
    }
    let largest = CodeSettings { l1: 0.5, active: 3, ..none };
    let of_codes = [(none, false, ""), (drawn, false, ", variational code"), (largest, true, ", and others")];
    items.extend(of_codes.map(of_residual));
    items.extend(Noise::ALL.into_iter().skip(1).map(of_noise));
    items.extend([Noise::None, Noise::Gaussian].map(of_augmentation));
    let alike = |corruption| {
        let draw: Change =
            Box::new(move |config| (config.training.balance, config.corruption) = (Balancing::Sampling, corruption));
        let name = if corruption == Corruption::NONE { "" } else { ", gaussian noise" };
        small(format!("classes drawn alike{name}"), Loss::BinaryCrossEntropy, draw, EPOCHS)
    };
    items.extend([Corruption::NONE, Corruption { noise: Noise::Gaussian, amount: 0.3 }].map(alike));
    items.push(Item {
        check: NAME,
        variant: "preset dense".into(),
        run: Box::new(move |gpu, tally| {
            let trial = Trial::preset(40, coverage.preset_steps.min(coverage.steps_per_epoch) * 40 - 13, seed)?;
            let losses = twin_losses(&trial, coverage.preset_steps, |_, _, _, _| ());
            follow_the_twin(gpu, tally, &trial, &losses)
        }),
    });
    items.push(Item {
        check: DETERMINISM,
        variant: format!("{REPETITIONS} runs"),
        run: Box::new(move |gpu, tally| repeat(gpu, tally, coverage.repeated_steps, seed)),
    });
    items
}

/// Ties the weights of a network of two layers in the encoder and one in the decoder.
fn tie(config: &mut Config) {
    config.network.tied = true;
    for (layer, before) in config.network.decoder.iter_mut().zip(&config.network.encoder) {
        layer.units = before.units;
    }
}

/// Makes all layers as wide as the first and the others residual, and some more, but for the code's where something is asked of it.
fn make_residual(config: &mut Config, of_code: CodeSettings) {
    config.code = of_code;
    let NetworkConfig { encoder, decoder, .. } = &mut config.network;
    let units = encoder[0].units;
    encoder.insert(1, encoder[0]);
    decoder.push(decoder[0]);
    for layer in encoder.iter_mut().skip(1).chain(decoder) {
        (layer.units, layer.residual) = (units, true);
    }
    encoder[2].residual = of_code.is_none();
}

/// The first of the trials in which no output comes so close to a kink of the loss that rounding could move it across, and the twin's
/// losses in it: a gradient that jumps would part the two from there on.
fn away_from_kinks(mut trials: impl Iterator<Item = Trial>, steps: usize) -> (Trial, Vec<f64>) {
    loop {
        let Some(trial) = trials.next() else { unreachable!("trials have no end") };
        let mut is_smooth = true;
        let losses = twin_losses(&trial, steps, |layers, input, targets, place| {
            let away = from_kinks(layers, trial.config.loss, input, targets, Some(place));
            is_smooth &= away.iter().all(|there| there.abs() > KINK);
        });
        if is_smooth {
            return (trial, losses);
        }
    }
}

/// Trains by every plan, from the same weights, in the same order, on the same images as the twin.
fn follow_the_twin(gpu: &Gpu, tally: &Tally, trial: &Trial, expected: &[f64]) -> Result<(), Failure> {
    for plan in trial.plans(gpu) {
        follow(gpu, tally, trial, plan, expected).map_err(|failure| failure.within(&plan.name()))?;
    }
    Ok(())
}

/// The twin's loss at each step; what `before` is told of each is its layers, inputs and targets, and its place.
pub(super) fn twin_losses(
    trial: &Trial,
    steps: usize,
    mut before: impl FnMut(&[DenseLayer], &Matrix, &Matrix, BatchPlace),
) -> Vec<f64> {
    let mut twin = trial.twin(&trial.initial_parameters());
    let Trial { config, images } = trial;
    let (sample_count, batch_size, pixels) = (images.len(), config.training.batch_size, images.shape().pixels());
    let batches = Batches { sample_count, batch_size, pixels };
    let of_epoch = |epoch| {
        let weights = trial.weights(epoch);
        let places =
            (0..).map(move |place| (trial.place(epoch, place), weights.as_ref().map(|batches| batches[place].clone())));
        trial.inputs(epoch).into_iter().zip(trial.batches(epoch)).zip(places)
    };
    let all = (0..config.training.epochs).flat_map(of_epoch).take(steps).enumerate();
    type Batch = ((Matrix, Matrix), (BatchPlace, Option<Vec<f64>>));
    let step = |(step, ((input, targets), (place, weights))): (usize, Batch)| {
        before(&twin.layers, &input, &targets, place);
        let targets = Targets { values: &targets, weights: weights.as_deref() };
        twin.step(&input, targets, Some(place), batches.learning_rate(config, step as u64))
    };
    all.map(step).collect()
}

/// Trains by a plan for as many steps at least as the twin has losses.
pub(super) fn follow(gpu: &Gpu, tally: &Tally, trial: &Trial, plan: Plan, expected: &[f64]) -> Result<(), Failure> {
    let mut trainer = trial.trainer(gpu, &trial.initial_parameters(), plan)?;
    let mut computed = Vec::new();
    for epoch in 0..trial.config.training.epochs {
        if computed.len() < expected.len() {
            computed.extend(trainer.epoch_losses(epoch, |_| ())?);
        }
    }
    hold_against(&computed, expected, tally)
}

/// Holds the losses of a training's first steps against the twin's.
pub(super) fn hold_against(computed: &[f32], expected: &[f64], tally: &Tally) -> Result<(), Failure> {
    if computed.len() < expected.len() {
        return Err(format!("{} losses for {} steps", computed.len(), expected.len()).into());
    }
    for (step, (&computed, expected)) in computed.iter().zip(expected).enumerate() {
        let share = (f64::from(computed) - expected).abs() / (TOLERANCE * expected);
        let is_within = share <= 1.0;
        if !is_within {
            return Err(format!("step {}: the loss is {computed}, not {expected}", step + 1).into());
        }
        tally.add(share);
    }
    Ok(())
}

/// Trains several times from the same seed: losses and parameters are the same, bit for bit.
fn repeat(gpu: &Gpu, tally: &Tally, steps: usize, seed: u64) -> Result<(), Failure> {
    let steps_per_epoch = steps.div_ceil(4);
    let trial = Trial::preset(32, 32 * steps_per_epoch, seed)?;
    let parameters = trial.initial_parameters();
    let run = |plan| -> Result<Vec<u32>, Failure> {
        let mut trainer = trial.trainer(gpu, &parameters, plan)?;
        let mut numbers = Vec::new();
        for epoch in 0..(steps / steps_per_epoch) as u32 {
            numbers.extend(trainer.epoch_losses(epoch, |_| ())?);
        }
        let parameters = trainer.parameters()?;
        numbers.extend(parameters.tensors().iter().flat_map(|tensor| &tensor.values));
        Ok(numbers.into_iter().map(f32::to_bits).collect())
    };
    for plan in trial.plans(gpu) {
        let first = run(plan)?;
        for repetition in 2..=REPETITIONS {
            let again = run(plan)?;
            let name = plan.name();
            if again.len() != first.len() {
                let (count, wanted) = (again.len(), first.len());
                return Err(format!("{name}: run {repetition} gives {count} numbers, the first {wanted}").into());
            }
            if let Some(place) = first.iter().zip(&again).position(|(first, again)| first != again) {
                let what = if place < steps { format!("loss of step {}", place + 1) } else { "parameters".to_owned() };
                return Err(format!("{name}: run {repetition} differs from the first in the {what}").into());
            }
        }
        tally.add(0.0);
    }
    Ok(())
}
