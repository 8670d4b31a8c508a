//! Which noise images are shown with.

use crate::reference::{Corruption, Noise};
use clap::Args;

#[derive(Args)]
pub struct NoiseArguments {
    /// Show images with noise, and measure against the images without: gaussian, masking or salt_and_pepper
    #[arg(long, value_name = "NOISE", value_parser = noise)]
    noise: Option<Noise>,
    /// How much of it, as corruption.amount says it of a training
    #[arg(long, default_value_t = 0.25, requires = "noise")]
    amount: f64,
}

impl NoiseArguments {
    /// What the arguments ask for, not yet validated.
    pub fn corruption(&self) -> Option<Corruption> {
        self.noise.map(|noise| Corruption { noise, amount: self.amount })
    }
}

fn noise(text: &str) -> Result<Noise, String> {
    let known = || Noise::ALL.into_iter().filter(|&noise| noise != Noise::None);
    let names = || known().map(Noise::name).collect::<Vec<_>>().join(", ");
    known().find(|noise| noise.name() == text).ok_or_else(|| format!("it is one of {}", names()))
}
