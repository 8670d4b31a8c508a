//! `diabolo sample`: images that never were.

use super::RunArguments;
use super::image_files::{FileFormat, save_images};
use super::output::line;
use crate::data::ImageShape;
use crate::error::Error;
use crate::tasks::Codes;
use crate::tasks::decode::decode;
use crate::tasks::encode::encode;
use crate::tasks::mixture::{Covariance, fit};
use crate::tasks::sample::Mixture;
use clap::Args;
use std::path::PathBuf;

/// Invent images: draw codes and decode them. Codes are drawn from Gaussians fitted to those of images, one for each class if there are
/// classes, or as many as are told; those of a variational autoencoder from its prior
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    run: RunArguments,
    /// How many images
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// Draw from a mixture of so many Gaussians, whatever the classes, fitted to the codes of the split by expectation and maximization
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100))]
    components: Option<u32>,
    /// The covariances of such Gaussians: full, or diagonal, for which fewer codes will do
    #[arg(long, value_name = "full|diagonal", default_value = "full", requires = "components")]
    covariance: Covariance,
    /// The images follow from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Images side by side in a picture
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    columns: u32,
    /// The file: a picture (….png), or exact numbers for NumPy (….npy: f32 [images, height, width, channels])
    #[arg(short, long, default_value = "samples.png", value_name = "FILE")]
    output: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let format = FileFormat::of(&arguments.output)?;
    let run = &arguments.run;
    let model = run.model(&[&arguments.output])?;
    let gpu = run.gpu.open()?;
    let codes_and_shape = || -> Result<(Codes, ImageShape), Error> {
        let dataset = run.memory.load(&model.config.data)?;
        Ok((encode(&gpu, &model, dataset.split(run.split())?, dataset.class_names())?, dataset.shape()))
    };
    let (mixture, origin, shape) = if let Some(count) = arguments.components {
        let (codes, shape) = codes_and_shape()?;
        let fit = fit(&codes, count as usize, arguments.covariance, arguments.seed)?;
        let rounds = fit.log_likelihoods.len() - 1;
        let likelihood = fit.log_likelihoods.last().copied().unwrap_or_default();
        let told = format!(
            "from a mixture of {count} Gaussians, fitted to {} codes in {rounds} rounds: log-likelihood {likelihood:.2} nats a code",
            codes.len()
        );
        (Mixture::of(&fit, &codes), told, shape)
    } else if model.config.code.is_variational() {
        (Mixture::prior(model.network.code_size()), "from the prior of its code".to_owned(), run.shape(&model)?)
    } else {
        let (codes, shape) = codes_and_shape()?;
        let mixture = Mixture::fit(&codes)?;
        let gaussians = match mixture.components() {
            1 => "a Gaussian".to_owned(),
            several => format!("{several} Gaussians"),
        };
        (mixture, format!("from {gaussians}, fitted to {} codes", codes.len()), shape)
    };
    let images = decode(&gpu, &model, &mixture.draw(arguments.seed, arguments.count as usize))?;
    save_images(&arguments.output, format, &images, shape, arguments.columns)?;
    line(format_args!("{}: {origin}", arguments.output.display()))
}
