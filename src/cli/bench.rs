//! `diabolo bench`: how fast adapters are, beside their own limits.

use super::AdapterChoice;
use super::found::write_found;
use super::output::line;
use super::refusals::{check_outputs, refuse_other_ending};
use crate::bench::{AdapterBench, Effort, Spread, bench};
use crate::error::Error;
use crate::gpu::Selection;
use crate::report::checklist::Checklist;
use crate::report::roofline::{Roofline, Work, roofline_plot};
use crate::report::table::{Align, TextTable, thousands};
use clap::Args;
use std::path::{Path, PathBuf};

/// Measure an adapter: its limits, matrix products, and trainings of the presets dense and deep
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    adapters: AdapterChoice,
    /// Measure little: seconds instead of minutes
    #[arg(long)]
    quick: bool,
    /// Write what was measured to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw the products and trainings below the adapter's limits (….png); of several adapters each gets its index in the name
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    arguments.plot.iter().try_for_each(|plot| refuse_other_ending(plot, "png"))?;
    let effort = if arguments.quick { Effort::QUICK } else { Effort::FULL };
    check_outputs(arguments.json.iter().chain(&arguments.plot).map(PathBuf::as_path), &[])?;
    let (results, hindered) = arguments.adapters.each(|selection| one(selection, effort))?;
    if results.len() > 1 {
        compare(&results)?;
    }
    if let Some(path) = &arguments.json {
        write_found(path, arguments.quick, None, &results)?;
    }
    if let Some(path) = &arguments.plot {
        for result in &results {
            let path = if results.len() == 1 { path.clone() } else { with_index(path, result.adapter.index) };
            roofline_plot(&path, &roofline(result))?;
        }
    }
    hindered
}

/// Measures one adapter and prints what was measured.
fn one(selection: &Selection, effort: Effort) -> Result<AdapterBench, Error> {
    line(format_args!("adapter    {}", selection.summary.described()))?;
    let checklist = Checklist::new();
    let result = bench(selection, effort, |done, of, next| checklist.advance(done, of, next))?;
    checklist.finish();
    show(&result)?;
    Ok(result)
}

fn show(result: &AdapterBench) -> Result<(), Error> {
    let limits = &result.limits;
    line(format_args!("peak       {} GFLOP/s", with_spread(&limits.operations_per_second, 1e9)))?;
    line(format_args!("copy       {} GB/s", with_spread(&limits.bytes_per_second, 1e9)))?;
    line(format_args!("dispatch   {} µs", with_spread(&limits.dispatch_seconds, 1e-6)))?;
    line(format_args!("start-up   {:.2} s to the first loss of preset dense\n", result.startup_seconds))?;

    let mut table = TextTable::new([
        ("product", Align::Left),
        ("rows", Align::Right),
        ("inner", Align::Right),
        ("columns", Align::Right),
        ("GFLOP/s", Align::Right),
        ("of peak", Align::Right),
        ("variant", Align::Left),
    ]);
    for product in &result.products {
        table.push([
            product.form.to_owned(),
            product.rows.to_string(),
            product.inner.to_string(),
            product.columns.to_string(),
            with_spread(&product.operations_per_second, 1e9),
            percent(product.share_of_peak),
            product.variant.clone(),
        ]);
    }
    line(format_args!("{table}\n"))?;

    let mut table = TextTable::new([
        ("training", Align::Left),
        ("batch", Align::Right),
        ("images/s", Align::Right),
        ("µs a step", Align::Right),
        ("dispatches", Align::Right),
        ("of the least time", Align::Right),
    ]);
    for training in &result.trainings {
        table.push([
            training.preset.to_owned(),
            training.batch_size.to_string(),
            thousands(training.images_per_second.median as u64),
            with_spread(&training.step_seconds, 1e-6),
            training.dispatches_per_step.to_string(),
            percent(training.share_of_least),
        ]);
    }
    line(format_args!("{table}\n"))?;
    let mut table = TextTable::new([
        ("training", Align::Left),
        ("batch", Align::Right),
        ("dispatches", Align::Right),
        ("µs a step", Align::Right),
        ("variant", Align::Left),
    ]);
    for training in &result.trainings {
        for part in &training.parts {
            table.push([
                training.preset.to_owned(),
                training.batch_size.to_string(),
                part.dispatches.to_string(),
                digits(part.seconds * 1e6),
                part.variant.clone(),
            ]);
        }
    }
    line(format_args!("{table}\n"))?;
    if !result.left_out.is_empty() {
        line(format_args!("left out, as too slow here: {}\n", result.left_out.join(", ")))?;
    }
    Ok(())
}

/// One line for each adapter.
fn compare(results: &[AdapterBench]) -> Result<(), Error> {
    let mut table = TextTable::new([
        ("adapter", Align::Left),
        ("peak GFLOP/s", Align::Right),
        ("copy GB/s", Align::Right),
        ("fastest product", Align::Right),
        ("fastest training, images/s", Align::Right),
    ]);
    for result in results {
        let most = |rates: &mut dyn Iterator<Item = f64>| rates.fold(0.0, f64::max);
        let product = most(&mut result.products.iter().map(|product| product.operations_per_second.median));
        let training = most(&mut result.trainings.iter().map(|training| training.images_per_second.median));
        table.push([
            result.adapter.to_string(),
            digits(result.limits.operations_per_second.median / 1e9),
            digits(result.limits.bytes_per_second.median / 1e9),
            digits(product / 1e9),
            thousands(training as u64),
        ]);
    }
    line(format_args!("{table}\n"))
}

fn roofline(result: &AdapterBench) -> Roofline {
    let products = result.products.iter().map(|p| (p.operations_per_byte, p.operations_per_second.median)).collect();
    let mut works = vec![Work { name: "matrix products".into(), points: products }];
    for training in &result.trainings {
        let name = format!("training {}", training.preset);
        let point = (training.operations_per_byte, training.operations_per_second);
        match works.iter_mut().find(|work| work.name == name) {
            Some(work) => work.points.push(point),
            None => works.push(Work { name, points: vec![point] }),
        }
    }
    Roofline {
        title: result.adapter.to_string(),
        operations_per_second: result.limits.operations_per_second.median,
        bytes_per_second: result.limits.bytes_per_second.median,
        works,
    }
}

/// `roofline.png` of adapter 2 is `roofline-2.png`.
fn with_index(path: &Path, index: usize) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy())).unwrap_or_default();
    path.with_file_name(format!("{stem}-{index}{extension}"))
}

/// `12.3 ± 4 %`, in `unit`s.
fn with_spread(spread: &Spread, unit: f64) -> String {
    format!("{} ± {:>2.0} %", digits(spread.median / unit), 100.0 * spread.relative())
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// Three digits at least.
fn digits(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::PRESETS;

    #[test]
    fn the_presets_that_are_measured_are_named() {
        let about = Arguments::augment_args(clap::Command::new("bench")).get_about().unwrap().to_string();
        assert!(about.ends_with(&format!("the presets {}", PRESETS.join(" and "))), "{about}");
    }

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!([0.126, 9.876, 12.34, 1234.4].map(digits), ["0.13", "9.88", "12.3", "1234"]);
        let spread = Spread { median: 2e9, least: 1.9e9, most: 2.1e9 };
        assert_eq!(with_spread(&spread, 1e9), "2.00 ±  5 %");
    }

    #[test]
    fn each_adapter_gets_its_own_picture() {
        assert_eq!(with_index(Path::new("a/roofline.png"), 2), Path::new("a/roofline-2.png"));
        assert_eq!(with_index(Path::new("roofline"), 0), Path::new("roofline-0"));
    }
}
