//! `diabolo compress`: images as a small file, by the codes of a model.

use super::RunArguments;
use super::output::line;
use super::refusals::refuse_other_ending;
use crate::error::Error;
use crate::report::ReportError;
use crate::report::files::write_atomically;
use crate::report::plot::Series;
use crate::report::rate_curve::rate_curve;
use crate::report::table::{Align, TextTable};
use crate::tasks::compress::{CompressedSize, Rates, compress, decompress, other_formats, rates, shares};
use crate::tasks::similarity::psnr;
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

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
    /// Also draw, and tell, what codes of 1 to 8 bits take and how near they stay to the images, beside PNG and JPEG: a picture (….png)
    #[arg(long, value_name = "FILE")]
    curve: Option<PathBuf>,
    /// With --curve, print JSON
    #[arg(long, requires = "curve")]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    arguments.curve.iter().try_for_each(|curve| refuse_other_ending(curve, "png"))?;
    let outputs: Vec<&Path> = [&arguments.output].into_iter().chain(&arguments.curve).map(PathBuf::as_path).collect();
    let (model, digest) = arguments.run.model_and_digest(&outputs)?;
    let gpu = arguments.run.gpu.open()?;
    let dataset = arguments.run.memory.load(&model.config.data)?;
    let images = dataset.split(arguments.run.split())?;
    let compressed = compress(&gpu, &model, images, arguments.bits)?;
    let failed = |cause| ReportError::Write { path: arguments.output.clone(), cause };
    let bytes = compressed.to_bytes(&digest).map_err(failed)?;

    if let Some(curve) = &arguments.curve {
        let rates = rates(&gpu, &model, &digest, images)?;
        write_atomically(&arguments.output, &bytes)?;
        draw(curve, &rates, dataset.name(), model.network.code_size())?;
        return tell(arguments, curve, &rates);
    }
    let again = decompress(&gpu, &model, &compressed)?;
    let psnr_of_codes = psnr(&shares(images.bytes()), &again);
    let own = CompressedSize { bytes_per_image: bytes.len() as f64 / images.len() as f64, psnr: psnr_of_codes };
    let mut sizes = vec![(format!("codes of {} bits", arguments.bits), own)];
    if let Some([png, jpeg]) = other_formats(images, own.psnr)? {
        sizes.extend([("PNG".to_owned(), png), ("JPEG".to_owned(), jpeg)]);
    }
    write_atomically(&arguments.output, &bytes)?;
    line(sizes_table(sizes))?;
    let (path, length) = (arguments.output.display(), bytes.len());
    line(format_args!("{path}: {} images in {length} bytes, beside the model", images.len()))
}

/// A line for the codes, one for JPEG, and PNG, which loses nothing.
fn draw(path: &Path, rates: &Rates, data: &str, code_size: usize) -> Result<(), Error> {
    let point = |size: &CompressedSize| (size.bytes_per_image, size.psnr);
    let series = |label: String, points: Vec<(f64, f64)>| Series { label, points, dashed: Vec::new() };
    let codes = rates.codes.iter().map(|(_, size)| point(size)).collect();
    let mut all = vec![series(format!("codes of {code_size} numbers, 1 to 8 bits"), codes)];
    if !rates.jpeg.is_empty() {
        all.push(series("JPEG".to_owned(), rates.jpeg.iter().map(|(_, size)| point(size)).collect()));
    }
    let png = rates.png.map(|size| ("PNG", size.bytes_per_image));
    Ok(rate_curve(path, &format!("Bytes and distortion of images of {data}"), &all, png)?)
}

fn tell(arguments: &Arguments, curve: &Path, rates: &Rates) -> Result<(), Error> {
    if arguments.json {
        let of = |key: &str, number: u32, size: &CompressedSize| -> Value {
            json!({ key: number, "bytes_per_image": size.bytes_per_image, "psnr": size.psnr })
        };
        return line(json!({
            "codes": rates.codes.iter().map(|(bits, size)| of("bits", *bits, size)).collect::<Vec<_>>(),
            "jpeg": rates.jpeg.iter().map(|(quality, size)| of("quality", (*quality).into(), size)).collect::<Vec<_>>(),
            "png": rates.png.map(|size| json!({ "bytes_per_image": size.bytes_per_image })),
        }));
    }
    let codes = rates
        .codes
        .iter()
        .map(|(bits, size)| (format!("codes of {bits} bit{}", if *bits == 1 { "" } else { "s" }), *size));
    let jpeg = rates.jpeg.iter().map(|(quality, size)| (format!("JPEG, quality {quality}"), *size));
    let png = rates.png.map(|size| ("PNG".to_owned(), size));
    line(sizes_table(codes.chain(png).chain(jpeg)))?;
    line(format_args!("{}, of {} bits\n{}", arguments.output.display(), arguments.bits, curve.display()))
}

fn sizes_table(sizes: impl IntoIterator<Item = (String, CompressedSize)>) -> TextTable<3> {
    let mut table = TextTable::new([("", Align::Left), ("bytes an image", Align::Right), ("PSNR, dB", Align::Right)]);
    for (name, CompressedSize { bytes_per_image, psnr }) in sizes {
        let psnr = if psnr.is_finite() { format!("{psnr:.2}") } else { "nothing lost".to_owned() };
        table.push([name, format!("{bytes_per_image:.1}"), psnr]);
    }
    table
}
