//! The gradient of every parameter against the twin's, which central differences prove, and the loss followed along one direction.

use super::trial::{ADAM, Trial};
use super::{Coverage, Failure, Item, Tally};
use crate::config::NetworkConfig;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::model::{Layer, ParameterKind, ParameterTensor, Parameters};
use crate::program::Plan;
use crate::reference::philox::{Sequence, Stream};
use crate::reference::training::{BatchPlace, DenseLayer, LayerGradient, forward, loss_and_gradients};
use crate::reference::{Activation, Loss, Matrix, Normalization, Optimizer};

/// Adam's first update is learning_rate · g / (|g| + ε). With so large an ε it is the gradient itself, magnified, which can so be read
/// off the parameters, whatever kernels a step is made of.
const REVEALING: Optimizer = Optimizer { learning_rate: MAGNIFICATION * 1e6, epsilon: 1e6, ..ADAM };
const MAGNIFICATION: f64 = 1024.0;

/// An element may be off by this share of itself, and by the other share of its tensor's largest element. Where layers are normalized, that
/// is the largest of all tensors: of the gradient that comes to such a layer, nearly all may be subtracted.
const RELATIVE: f64 = 1e-3;
const OF_LARGEST: f64 = 1e-5;

/// How far the loss is followed in one direction, and how far off its slope may be: the loss is known to some 1e-7 of itself, and
/// bends on the way.
const DISTANCE: f64 = 0.002;
const SLOPE_TOLERANCE: f64 = 0.02;

/// How far arguments are from kinks, beyond the reach of rounding.
const KINK: f64 = 1e-4;

/// Images in the one batch.
const BATCH_SIZE: usize = 10;

/// The gradient of each parameter tensor, in the order of the parameters; 0 of those that are not learned.
type Gradients = Vec<Vec<f64>>;

/// As reports call it.
pub const NAME: &str = "gradients";

pub fn items(coverage: Coverage, seed: u64) -> Vec<Item> {
    // Each activation is one of three hidden layers' in some of the items. Those of the same layers stand together: some drivers keep
    // few pipelines compiled.
    let (hidden_layers, _) = Activation::ALL.as_chunks::<3>();
    let count = Loss::with_outputs().count();
    let item = |loss: Loss, output: Activation, layers: Layers| {
        let Layers { hidden, normalization, are_residual } = layers;
        let normalized = match normalization {
            Normalization::None => String::new(),
            kind => format!(", {} normalization", kind.name()),
        };
        let residual = if are_residual { ", residual" } else { "" };
        let hidden = hidden.map(Activation::name).join(", ");
        Item {
            check: NAME,
            variant: format!("{loss}, {} output, {hidden} layers{normalized}{residual}", output.name()),
            run: Box::new(move |gpu, tally| {
                coverage.widths_are_whole.iter().try_for_each(|&widths_are_whole| {
                    let point = Point::away_from_kinks(widths_are_whole, loss, output, layers, seed);
                    verify_gradients(gpu, tally, point)
                })
            }),
        }
    };
    let of_loss = |(place, (loss, output)): (usize, (Loss, Activation))| {
        item(loss, output, Layers::plain(hidden_layers[place * hidden_layers.len() / count]))
    };
    let of_layers = |layers: Layers| item(Loss::BinaryCrossEntropy, Activation::Sigmoid, layers);
    let of_hidden = || hidden_layers.iter().map(|hidden| Layers::plain(*hidden));
    let kinds = [Normalization::Layer, Normalization::Batch];
    let normalized =
        kinds.into_iter().flat_map(|normalization| of_hidden().map(move |plain| Layers { normalization, ..plain }));
    let residual = of_hidden().enumerate().map(|(place, plain)| {
        let normalization = [Normalization::None, Normalization::Batch, Normalization::Layer][place % 3];
        Layers { normalization, are_residual: true, ..plain }
    });
    Loss::with_outputs().enumerate().map(of_loss).chain(normalized.chain(residual).map(of_layers)).collect()
}

/// What the three layers before the last one are.
#[derive(Clone, Copy)]
struct Layers {
    hidden: [Activation; 3],
    normalization: Normalization,
    /// Whether they are as wide as each other, and all but the first add what they take to what they give.
    are_residual: bool,
}

impl Layers {
    const fn plain(hidden: [Activation; 3]) -> Self {
        Self { hidden, normalization: Normalization::None, are_residual: false }
    }

    /// Makes the layers of a small network what they are to be beside their activations.
    fn apply(self, network: &mut NetworkConfig) {
        let mut layers: Vec<&mut Layer> = network.encoder.iter_mut().chain(&mut network.decoder).collect();
        let first = layers[0].units;
        for (place, layer) in layers.iter_mut().enumerate() {
            layer.normalization = self.normalization;
            if self.are_residual {
                (layer.units, layer.residual) = (first, place > 0);
            }
        }
    }
}

fn verify_gradients(gpu: &Gpu, tally: &Tally, point: Point) -> Result<(), Failure> {
    let Point { trial, parameters, gradients: twin } = point;
    let of_all = trial.network().is_normalized().then(|| largest(twin.iter().flatten()));
    for plan in trial.plans(gpu) {
        let (_, computed) = first_step(gpu, &trial, &parameters, plan)?;
        if computed.len() != twin.len() {
            return Err(format!("{} gradients, not {}", computed.len(), twin.len()).into());
        }
        for ((tensor, computed), twin) in parameters.tensors().iter().zip(&computed).zip(&twin) {
            let largest = of_all.unwrap_or_else(|| largest(twin));
            let share = compare(computed, twin, largest)
                .map_err(|words| format!("{}, gradient of {}: {words}", plan.name(), tensor.name))?;
            tally.add(share);
        }
    }
    let slope = {
        let Trial { config, .. } = &trial;
        let plan = Plan::usual(gpu, &trial.network(), config.training.batch_size, &config.additions());
        let loss_at = |parameters: &Parameters| first_step(gpu, &trial, parameters, plan);
        let [(above, _), (below, _)] =
            [loss_at(&shifted(&parameters, &twin, DISTANCE))?, loss_at(&shifted(&parameters, &twin, -DISTANCE))?];
        (above - below) / (2.0 * DISTANCE)
    };
    let length = length(&twin);
    let share = (slope - length).abs() / (SLOPE_TOLERANCE * length);
    if share <= 1.0 {
        tally.add(share);
        Ok(())
    } else {
        Err(format!("along the gradient the loss rises by {slope} for each unit, not by {length}").into())
    }
}

/// A place where a gradient is asked for.
struct Point {
    trial: Trial,
    parameters: Parameters,
    /// The twin's.
    gradients: Gradients,
}

impl Point {
    /// A small network in whose one batch no argument is so close to a kink of its activation or of the loss that rounding could move
    /// it across, nor crosses one while the loss is followed.
    fn away_from_kinks(widths_are_whole: bool, loss: Loss, output: Activation, layers: Layers, seed: u64) -> Self {
        let mut seed = seed;
        loop {
            let mut trial = Trial::small(widths_are_whole, loss, output, layers.hidden, BATCH_SIZE, BATCH_SIZE, seed);
            trial.config.optimizer = REVEALING;
            layers.apply(&mut trial.config.network);
            let parameters = with_biases(&trial.initial_parameters(), seed);
            let (batch, place) = (&trial.batches(0)[0], Some(trial.place(0, 0)));
            let (_, gradients) = loss_and_gradients(&trial.twin(&parameters).layers, loss, batch, batch, place);
            let mut gradients = gradients.iter().flat_map(LayerGradient::tensors);
            let gradient = |tensor: &ParameterTensor| match tensor.kind.is_learned() {
                true => gradients.next().cloned().unwrap_or_default(),
                false => vec![0.0; tensor.values.len()],
            };
            let gradients: Gradients = parameters.tensors().iter().map(gradient).collect();
            let arguments = |distance| {
                from_kinks(&trial.twin(&shifted(&parameters, &gradients, distance)).layers, loss, batch, batch, place)
            };
            let [below, here, above] = [-DISTANCE, 0.0, DISTANCE].map(arguments);
            let is_smooth = here.iter().zip(below.iter().zip(&above)).all(|(here, (below, above))| {
                // Where an activation is flat, an output may meet its target and stay.
                (here, below, above) == (&0.0, &0.0, &0.0)
                    || here.abs() > KINK && [below, above].into_iter().all(|there| (*there > 0.0) == (*here > 0.0))
            });
            if is_smooth {
                return Self { trial, parameters, gradients };
            }
            seed = seed.wrapping_add(1 << 32);
        }
    }
}

/// The parameters with biases other than 0, and scales other than 1. At 0, outputs would lie about as close to the black pixels that are
/// most of their targets.
fn with_biases(parameters: &Parameters, seed: u64) -> Parameters {
    parameters.map(|place, index, value| {
        let mut random = Sequence::new(seed, Stream::Cases, place as u32, index as u32);
        match parameters.tensors()[place].kind {
            ParameterKind::Bias | ParameterKind::Scale => random.uniform(-1.0, 1.0),
            ParameterKind::Weight | ParameterKind::RunningMean | ParameterKind::RunningVariance => value,
        }
    })
}

/// How far the arguments of every activation that has a kink are from it, what stays of a row from what does not, and every output from its
/// target if the loss has a kink there; for a batch at a place in a training if there is to be chance.
pub fn from_kinks(
    layers: &[DenseLayer],
    loss: Loss,
    input: &Matrix,
    targets: &Matrix,
    place: Option<BatchPlace>,
) -> Vec<f64> {
    let passes = forward(layers, input, place);
    let of_layers = layers.iter().zip(&passes).flat_map(|(layer, pass)| {
        let kink = layer.activation.kink();
        pass.logits.elements.iter().filter_map(move |logit| Some(logit - kink?))
    });
    // What stays of a row changes where the smallest number that stays meets the largest that does not.
    let of_active = layers.iter().zip(&passes).filter_map(|(layer, pass)| Some((layer, pass, layer.active?)));
    let gaps = of_active.flat_map(|(layer, pass, active)| {
        pass.logits.elements.chunks(pass.logits.columns).filter_map(move |row| {
            let mut falling: Vec<f64> = row.iter().map(|&z| layer.activation.apply(z)).collect();
            falling.sort_by(|a, b| b.total_cmp(a));
            Some(falling.get(active.checked_sub(1)?)? - falling.get(active)?)
        })
    });
    let outputs = layers.last().zip(passes.last()).filter(|_| loss.has_kink());
    let of_loss = outputs.map(|(layer, pass)| pass.logits.zip(targets, |z, t| layer.activation.apply(z) - t).elements);
    of_layers.chain(gaps).chain(of_loss.into_iter().flatten()).collect()
}

/// The parameters moved by a distance along the gradient.
fn shifted(parameters: &Parameters, gradients: &Gradients, distance: f64) -> Parameters {
    let length = length(gradients);
    parameters.map(|place, index, value| (f64::from(value) + distance * gradients[place][index] / length) as f32)
}

fn length(gradients: &Gradients) -> f64 {
    gradients.iter().flatten().map(|g| g * g).sum::<f64>().sqrt()
}

/// The loss of the first step, and the gradients that moved the parameters.
fn first_step(gpu: &Gpu, trial: &Trial, parameters: &Parameters, plan: Plan) -> Result<(f64, Gradients), Error> {
    let mut trainer = trial.trainer(gpu, parameters, plan)?;
    let losses = trainer.epoch_losses(0, |_| ())?;
    let moved = trainer.parameters()?;
    let tensors = parameters.tensors().iter().zip(moved.tensors()).map(|(before, after)| {
        let share = if before.kind.is_learned() { 1.0 / MAGNIFICATION } else { 0.0 };
        let gradient = |(before, after): (&f32, &f32)| share * (f64::from(*before) - f64::from(*after));
        before.values.iter().zip(&after.values).map(gradient).collect()
    });
    let gradients = tensors.collect();
    Ok((losses.iter().map(|&loss| f64::from(loss)).sum(), gradients))
}

fn largest<'g>(gradients: impl IntoIterator<Item = &'g f64>) -> f64 {
    gradients.into_iter().fold(0.0, |largest, g| largest.max(g.abs()))
}

/// The worst error of a tensor's gradient as a share of what is allowed where the largest element is so large.
fn compare(computed: &[f64], twin: &[f64], largest: f64) -> Result<f64, String> {
    if computed.len() != twin.len() {
        return Err(format!("{} elements, not {}", computed.len(), twin.len()));
    }
    let mut worst = 0.0f64;
    for (index, (computed, twin)) in computed.iter().zip(twin).enumerate() {
        let share = (computed - twin).abs() / (RELATIVE * twin.abs() + OF_LARGEST * largest);
        let is_equal = computed == twin;
        if !(is_equal || share <= 1.0) {
            return Err(format!("element {index} is {computed}, not {twin}"));
        }
        worst = worst.max(if is_equal { 0.0 } else { share });
    }
    Ok(worst)
}
