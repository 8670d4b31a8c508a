//! `diabolo encode`: the codes that a trained model gives images.

use super::RunArguments;
use super::output::line;
use crate::error::Error;
use crate::tasks::CodesFormat;
use crate::tasks::encode::encode;
use clap::Args;
use std::path::PathBuf;

/// Write the codes of all images of a split to a file
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    run: RunArguments,
    /// The file: an array for NumPy (….npy: f32 [images, code]), a table with the names of files and classes (….csv), or tensors 'codes' and
    /// 'labels' (….safetensors)
    #[arg(short, long, default_value = "codes.npy", value_name = "FILE")]
    output: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let path = &arguments.output;
    let format = CodesFormat::of(path).ok_or_else(|| {
        Error::Usage(format!("{}: the output must end in .npy, .csv or .safetensors", path.display()))
    })?;
    let (model, gpu, dataset) = arguments.run.load(&[path])?;
    let codes = encode(&gpu, &model, dataset.split(arguments.run.split())?, dataset.class_names())?;
    codes.save(path, format)?;
    line(format_args!("{}: {} codes of {} numbers", path.display(), codes.len(), codes.size))?;
    match &codes.names {
        Some(_) if format == CodesFormat::Npy => {
            line("the names of the images' files are kept in .csv and .safetensors")
        }
        _ => Ok(()),
    }
}
