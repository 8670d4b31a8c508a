//! Whole short trainings: each step's loss against the twin's, and the same bits in every run.

use super::trial::Trial;
use super::{Effort, Failure, Item, Tally};
use crate::gpu::Gpu;
use crate::reference::{Activation, Loss};

/// How far a step's loss may be off the twin's, as a share of it: the errors of f32, carried on by the optimizer through every step.
const TOLERANCE: f64 = 1e-4;

/// Steps of an epoch; the last batch is smaller.
const STEPS_PER_EPOCH: usize = 25;

/// How often a run is repeated for its bits.
const REPETITIONS: usize = 3;

/// As reports call a run beside the twin's, and one beside itself.
pub const NAME: &str = "training";
pub const DETERMINISM: &str = "determinism";

pub fn items(effort: Effort, seed: u64) -> Vec<Item> {
    let small = move |(loss, output): (Loss, Activation)| Item {
        check: NAME,
        variant: format!("{}, {} output, Adam", loss.name(), output.name()),
        run: Box::new(move |gpu, tally| {
            let hidden = [Activation::Tanh, Activation::Identity, Activation::Relu];
            [false, true].into_iter().try_for_each(|widths_are_whole| {
                let trial = Trial::small(widths_are_whole, loss, output, hidden, 10, STEPS_PER_EPOCH * 10 - 3, seed);
                follow_the_twin(gpu, tally, &trial, 2 * STEPS_PER_EPOCH)
            })
        }),
    };
    let mut items: Vec<Item> = Loss::with_outputs().map(small).collect();
    items.push(Item {
        check: NAME,
        variant: "preset dense".into(),
        run: Box::new(move |gpu, tally| {
            let trial = Trial::preset(40, STEPS_PER_EPOCH * 40 - 13, seed)?;
            follow_the_twin(gpu, tally, &trial, effort.preset_steps)
        }),
    });
    items.push(Item {
        check: DETERMINISM,
        variant: format!("{REPETITIONS} runs"),
        run: Box::new(move |gpu, tally| repeat(gpu, tally, effort.repeated_steps, seed)),
    });
    items
}

/// Trains both by every plan, from the same weights, in the same order, on the same images.
fn follow_the_twin(gpu: &Gpu, tally: &Tally, trial: &Trial, steps: usize) -> Result<(), Failure> {
    let parameters = trial.initial_parameters();
    let epochs = steps.div_ceil(STEPS_PER_EPOCH) as u32;
    let mut twin = trial.twin(&parameters);
    let expected: Vec<f64> =
        (0..epochs).flat_map(|epoch| trial.batches(epoch)).take(steps).map(|batch| twin.step(&batch)).collect();
    for plan in trial.plans(gpu) {
        let mut trainer = trial.trainer(gpu, &parameters, plan)?;
        let mut computed = Vec::new();
        for epoch in 0..epochs {
            computed.extend(trainer.epoch_losses(epoch, |_| ())?);
        }
        if computed.len() < expected.len() {
            return Err(format!("{}: {} losses for {} steps", plan.name(), computed.len(), expected.len()).into());
        }
        for (step, (&computed, expected)) in computed.iter().zip(&expected).enumerate() {
            let share = (f64::from(computed) - expected).abs() / (TOLERANCE * expected);
            let is_within = share <= 1.0;
            if !is_within {
                let place = format!("{}, step {}", plan.name(), step + 1);
                return Err(format!("{place}: the loss is {computed}, not {expected}").into());
            }
            tally.add(share);
        }
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
