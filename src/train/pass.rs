//! The steps of an epoch on their way: their losses, what is not finite, and the state that is copied meanwhile.

use super::steps::Batches;
use super::submissions::SubmissionCallback;
use crate::config::Config;
use crate::error::Error;
use crate::gpu::{Commands, Gpu, PendingSnapshot, Snapshot};
use crate::model::{Network, TrainingState};
use crate::program::Graph;
use crate::program::lower::Watched;
use crate::reference::Moments;
use std::convert::Infallible;
use std::ops::Range;

/// What is called as the steps of an epoch are submitted and done. Places are those of steps in the epoch, from 0.
pub trait TrainingCallback {
    /// Where the submission of at most these steps is to end; at its start, the epoch is broken off.
    fn end(&mut self, most: Range<usize>) -> usize {
        most.end
    }

    /// Whether to [give](Self::keep) the state after the last of these steps. It is copied while the GPU goes on.
    fn wants_state(&mut self, _places: &Range<usize>) -> bool {
        false
    }

    /// Takes the losses of steps that are done.
    ///
    /// # Errors
    /// Whatever is to break off the training.
    fn advanced(&mut self, places: Range<usize>, losses: &[f32]) -> Result<(), Error>;

    /// Takes the state after the steps that were last told of.
    ///
    /// # Errors
    /// Whatever is to break off the training.
    fn keep(&mut self, _state: TrainingState) -> Result<(), Error> {
        Ok(())
    }
}

impl<F: FnMut(Range<usize>, &[f32]) -> Result<(), Error>> TrainingCallback for F {
    fn advanced(&mut self, places: Range<usize>, losses: &[f32]) -> Result<(), Error> {
        self(places, losses)
    }
}

/// The steps of an epoch on their way.
pub(super) struct Pass<'p, C> {
    pub gpu: &'p Gpu,
    pub config: &'p Config,
    pub batches: Batches,
    pub rate_share: f64,
    pub network: &'p Network,
    pub graph: &'p Graph,
    pub watched: &'p Watched,
    pub epoch: u32,
    pub snapshot: Option<&'p Snapshot>,
    /// The state that is being copied, and the place that it will have come to.
    pub pending: Option<(usize, PendingSnapshot)>,
    pub callback: &'p mut C,
}

impl<C: TrainingCallback> SubmissionCallback for Pass<'_, C> {
    fn end(&mut self, most: Range<usize>) -> usize {
        self.callback.end(most)
    }

    fn record(&mut self, commands: &mut Commands, places: &Range<usize>) {
        let Some(snapshot) = self.snapshot else { return };
        if self.pending.is_none() && self.callback.wants_state(places) {
            self.pending = Some((places.end, snapshot.record(commands)));
        }
    }

    fn arrived(&mut self, places: Range<usize>, values: Vec<f32>) -> Result<(), Error> {
        let (losses, found) = values.split_at(places.len());
        let found: Vec<u32> = found.iter().map(|word| word.to_bits()).collect();
        let tensor = self.watched.first(self.graph, &found).map(told);
        let loss = losses.iter().position(|loss| !loss.is_finite());
        let (what, place) = match (loss, tensor) {
            (None, None) => (None, 0),
            (None, Some(tensor)) => (Some(format!("{tensor} is not finite")), losses.len() - 1),
            (Some(place), None) => (Some(format!("the loss is {}", losses[place])), place),
            (Some(place), Some(tensor)) => {
                (Some(format!("the loss is {}, and {tensor} is not finite", losses[place])), place)
            }
        };
        if let Some(what) = what {
            return Err(diverged(self.config, &self.batches, self.rate_share, what, self.epoch, places.start + place));
        }
        let end = places.end;
        self.callback.advanced(places, losses)?;
        match self.pending.take_if(|(place, _)| *place == end) {
            Some((_, snapshot)) => self.callback.keep(state_of(
                self.network,
                self.config.optimizer.algorithm.moments(),
                snapshot.wait(self.gpu)?,
            )),
            None => Ok(()),
        }
    }
}

/// A tensor for people, by its name: what is not finite in a moment came there from the gradient.
fn told(tensor: &str) -> String {
    match (tensor.strip_suffix(".first_moment"), tensor.strip_suffix(".second_moment")) {
        (Some(parameter), _) => format!("a number in the gradient of {parameter}"),
        (_, Some(parameter)) => format!("the square of a number in the gradient of {parameter}"),
        _ => format!("a number in {tensor}"),
    }
}

/// The state that holds these values, those of each tensor in the order of [`TrainingState::names`].
pub(super) fn state_of(network: &Network, moments: Moments, values: Vec<Vec<f32>>) -> TrainingState {
    let mut values = values.into_iter();
    let built = TrainingState::build(network, moments, |_, _| Ok::<_, Infallible>(values.next().unwrap_or_default()));
    match built {
        Ok(state) => state,
    }
}

/// The error for what was found after the step at `place` of an epoch.
pub(super) fn diverged(
    config: &Config,
    batches: &Batches,
    rate_share: f64,
    what: String,
    epoch: u32,
    place: usize,
) -> Error {
    let steps_before = u64::from(epoch) * batches.count() as u64 + place as u64;
    let learning_rate = rate_share * batches.learning_rate(config, steps_before);
    Error::Diverged { what, step: steps_before + 1, epoch: epoch + 1, learning_rate, advice: "" }
}
