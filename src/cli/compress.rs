//! `diabolo compress`: images as a small file, by the codes of a model.

use super::RunArguments;
use super::output::{line, refuse_missing_folder};
use crate::error::Error;
use crate::report::ReportError;
use crate::report::files::write_atomically;
use crate::report::table::{Align, TextTable};
use crate::tasks::compress::{Size, compress, decompress, other_formats, shares};
use crate::tasks::similarity::psnr;
use clap::Args;
use std::path::PathBuf;

/// Keep the images of a split in a small file, as the model's codes in few bits
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    run: RunArguments,
    /// How many bits each number of a code takes before it is packed
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=16))]
    bits: u32,
    /// The file
    #[arg(short, long, default_value = "images.diabolo", value_name = "FILE")]
    output: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    refuse_missing_folder(Some(&arguments.output))?;
    let (model, digest) = arguments.run.model_and_digest()?;
    let gpu = arguments.run.gpu.open()?;
    let dataset = arguments.run.memory.load(&model.config.data)?;
    let images = dataset.split(arguments.run.split)?;
    let compressed = compress(&gpu, &model, images, arguments.bits)?;
    let failed = |cause| ReportError::Write { path: arguments.output.clone(), cause };
    let bytes = compressed.to_bytes(&digest).map_err(failed)?;

    let again = decompress(&gpu, &model, &compressed)?;
    let psnr_of_codes = psnr(&shares(images.bytes()), &again);
    let own = Size { bytes_per_image: bytes.len() as f64 / images.len() as f64, psnr: psnr_of_codes };
    let mut sizes = vec![(format!("codes of {} bits", arguments.bits), own)];
    if let Some([png, jpeg]) = other_formats(images, own.psnr)? {
        sizes.extend([("PNG".to_owned(), png), ("JPEG".to_owned(), jpeg)]);
    }
    write_atomically(&arguments.output, &bytes)?;
    let mut table = TextTable::new([("", Align::Left), ("bytes an image", Align::Right), ("PSNR, dB", Align::Right)]);
    for (name, Size { bytes_per_image, psnr }) in sizes {
        let psnr = if psnr.is_finite() { format!("{psnr:.2}") } else { "nothing lost".to_owned() };
        table.push([name, format!("{bytes_per_image:.1}"), psnr]);
    }
    line(table)?;
    let (path, length) = (arguments.output.display(), bytes.len());
    line(format_args!("{path}: {} images in {length} bytes, beside the model", images.len()))
}
