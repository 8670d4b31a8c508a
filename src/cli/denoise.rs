//! `diabolo denoise`: damaged images, and what a trained model makes of them.

use super::RunArguments;
use super::image_files::{FileFormat, save_images, save_pictures};
use super::noise::NoiseArguments;
use super::output::line;
use super::refusals::{Input, check_outputs};
use crate::data::load_mask;
use crate::error::Error;
use crate::report::table::{Align, TextTable};
use crate::tasks::denoise::{Damage, denoise};
use crate::tasks::similarity::{psnr, ssim};
use clap::Args;
use std::path::PathBuf;

/// Clean images: damage them as the run was trained to undo it, or otherwise, and send them through the model
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    run: RunArguments,
    #[command(flatten)]
    noise: NoiseArguments,
    /// Hide what is dark in this picture, of the images' size, and have the model fill it in
    #[arg(long, value_name = "FILE", conflicts_with_all = ["noise", "as_they_are"])]
    mask: Option<PathBuf>,
    /// The images are damaged already: nothing is done to them, and there is nothing to measure against
    #[arg(long, conflicts_with = "noise")]
    as_they_are: bool,
    /// How many images, from the first on
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Images side by side in a picture
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    columns: u32,
    /// The file: a picture (….png) of the images over the damaged over the cleaned ones, or the cleaned ones as exact numbers for NumPy
    /// (….npy: f32 [images, height, width, channels])
    #[arg(short, long, default_value = "denoised.png", value_name = "FILE")]
    output: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let format = FileFormat::of(&arguments.output)?;
    let mask: Vec<Input<'_>> = arguments.mask.iter().map(|mask| Input::File(mask)).collect();
    check_outputs([arguments.output.as_path()], &mask)?;
    let (mut model, gpu, dataset) = arguments.run.load(&[&arguments.output])?;
    let images = dataset.split(arguments.run.split())?.first(arguments.count as usize);
    let shape = images.shape();
    if let Some(corruption) = arguments.noise.corruption() {
        model.config.corruption = corruption;
        model.config.validate()?;
    }
    let damage = match &arguments.mask {
        Some(mask) => Damage::Hidden(load_mask(mask, shape, arguments.run.memory.max_memory.as_u64())?),
        None if arguments.as_they_are => Damage::Unknown,
        None if model.config.corruption.is_none() => {
            return Err(Error::Usage(
                "the run was trained without noise: say which with --noise, hide a part with --mask FILE, or say --as-they-are \
                 for images that are damaged already"
                    .to_owned(),
            ));
        }
        None => Damage::Noise(model.config.corruption),
    };
    let done = denoise(&gpu, &model, &images, &damage)?;
    let is_measured = !arguments.as_they_are;
    match format {
        FileFormat::Picture if is_measured => {
            let sets = [&done.originals[..], &done.damaged, &done.cleaned];
            save_pictures(&arguments.output, &sets, shape, arguments.columns)?;
        }
        FileFormat::Picture => {
            save_pictures(&arguments.output, &[&done.damaged, &done.cleaned], shape, arguments.columns)?;
        }
        FileFormat::Numbers => save_images(&arguments.output, format, &done.cleaned, shape, arguments.columns)?,
    }
    if is_measured {
        let mut table = TextTable::new([("", Align::Left), ("PSNR, dB", Align::Right), ("SSIM", Align::Right)]);
        for (name, those) in [("damaged", &done.damaged), ("cleaned", &done.cleaned)] {
            // As a picture shows them: noise may go beyond black and white.
            let shown: Vec<f32> = those.iter().map(|value| value.clamp(0.0, 1.0)).collect();
            let (psnr, ssim) = (psnr(&done.originals, &shown), ssim(&done.originals, &shown, shape));
            table.push([name.to_owned(), format!("{psnr:.2}"), format!("{ssim:.4}")]);
        }
        line(table)?;
    }
    line(arguments.output.display())
}
