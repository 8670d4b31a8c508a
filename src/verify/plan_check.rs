//! Whether plans train someone's own network rightly.

use super::Tally;
use super::training::{follow, twin_losses};
use super::trial::Trial;
use crate::config::Config;
use crate::data::ImageShape;
use crate::gpu::Gpu;
use crate::program::Plan;
use crate::reference::normalization::FEWEST;

/// The losses of a few small steps of a network beside the twin's.
pub struct PlanCheck {
    trial: Trial,
    expected: Vec<f64>,
}

impl PlanCheck {
    /// Steps, of which the last batch is smaller.
    const STEPS: usize = 3;
    /// The most rows of a batch: more than one tile of any plan, and no whole number of them.
    const MOST_ROWS: usize = 37;
    /// What the twin may have to multiply, so that it takes a second or so.
    const MOST_PRODUCTS: usize = 1 << 29;

    /// The rows of a batch; none where the network is too large for the twin.
    fn rows(config: &Config, shape: ImageShape) -> Option<usize> {
        let of_row = 3 * config.network(shape.pixels()).parameter_count() * Self::STEPS;
        let rows = (Self::MOST_PRODUCTS / of_row.max(1)).min(Self::MOST_ROWS);
        // The last batch has one row less, of which batch normalization is still to leave something.
        (rows > FEWEST).then_some(rows)
    }

    /// Whether the twin can train the network in good time.
    pub fn is_affordable(config: &Config, shape: ImageShape) -> bool {
        Self::rows(config, shape).is_some()
    }

    /// Evaluates the twin; none where it would take too long.
    pub fn new(config: &Config, shape: ImageShape) -> Option<Self> {
        let rows = Self::rows(config, shape)?;
        let mut trial = Trial::of(config, shape, rows, Self::STEPS * rows - 1);
        trial.config.training.epochs = 1;
        let expected = twin_losses(&trial, Self::STEPS, |_, _, _, _| ());
        Some(Self { trial, expected })
    }

    /// Whether a plan trains it rightly; if not, what is wrong.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn run(&self, gpu: &Gpu, plan: Plan) -> Result<(), String> {
        follow(gpu, &Tally::default(), &self.trial, plan, &self.expected).map_err(|failure| failure.words)
    }
}
