//! `diabolo verify`: whether adapters compute what the CPU reference computes.

use super::AdapterChoice;
use super::found::write_found;
use super::output::line;
use super::refusals::check_outputs;
use crate::error::Error;
use crate::gpu::{Gpu, Selection};
use crate::report::checklist::Checklist;
use crate::report::table::{Align, TextTable, thousands};
use crate::verify::{AdapterReport, Coverage, Verdict, VerifyOptions, check_names, verify};
use clap::Args;
use clap::builder::PossibleValuesParser;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;

/// Check every shader and whole short trainings on an adapter against the CPU reference
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    adapters: AdapterChoice,
    /// Take few cases: seconds instead of minutes
    #[arg(long)]
    quick: bool,
    /// Take only this check, for example matmul_tiled or training
    #[arg(long, value_name = "CHECK", value_parser = PossibleValuesParser::new(check_names()))]
    only: Option<String>,
    /// Draw the inputs that this seed gives, for example those of a run that failed
    #[arg(long)]
    seed: Option<u64>,
    /// Write what was found to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let coverage = if arguments.quick { Coverage::QUICK } else { Coverage::FULL };
    let seed = arguments.seed.unwrap_or_else(fresh_seed);
    let options = VerifyOptions { coverage, seed, only: arguments.only.as_deref() };
    check_outputs(arguments.json.as_deref(), &[])?;
    let (reports, hindered) = arguments.adapters.each(|selection| one(selection, options))?;
    if let Some(path) = &arguments.json {
        write_found(path, arguments.quick, options.only, &reports)?;
    }
    hindered?;
    if let Some(fault) = reports.iter().find_map(|report| report.ended_by.clone()) {
        return Err(fault.into());
    }
    let failed: Vec<String> =
        reports.iter().filter(|report| !report.is_good()).map(|report| report.adapter.to_string()).collect();
    if failed.is_empty() { Ok(()) } else { Err(Error::Verification { adapters: failed.join(", "), seed }) }
}

/// Verifies one adapter and prints what was found.
fn one(selection: &Selection, options: VerifyOptions<'_>) -> Result<AdapterReport, Error> {
    let gpu = Gpu::open(selection)?;
    let adapter = gpu.adapter();
    line(format_args!("adapter  {}\nseed     {}\n", adapter.described(), options.seed))?;
    let checklist = Checklist::new();
    let report = verify(&gpu, options, |done, of, next| checklist.advance(done, of, next));
    checklist.finish();
    if report.planned == 0 {
        let what = options.only.unwrap_or("anything");
        return Err(Error::Usage(format!("{adapter} never runs {what}: it lacks a feature that is needed for it")));
    }
    show(&report)?;
    Ok(report)
}

fn show(report: &AdapterReport) -> Result<(), Error> {
    let mut table = TextTable::new([
        ("check", Align::Left),
        ("variant", Align::Left),
        ("cases", Align::Right),
        ("worst error / bound", Align::Right),
        ("verdict", Align::Left),
    ]);
    for row in &report.rows {
        let failed = matches!(row.verdict, Verdict::Failed { .. } | Verdict::KnownFault { .. });
        table.push([
            row.check.to_owned(),
            row.variant.clone(),
            thousands(row.cases as u64),
            if failed { "> 1".to_owned() } else { format!("{:.3}", row.worst) },
            row.verdict.to_string(),
        ]);
    }
    line(format_args!("{table}\n"))?;
    for row in &report.rows {
        let words = match &row.verdict {
            Verdict::Passed => continue,
            Verdict::Failed { failure } => failure.clone(),
            Verdict::KnownFault { failure, issue } => format!("{failure} (reported: {issue})"),
            Verdict::UnexpectedPass { issue } => format!("this driver is known to fail here ({issue}), but did not"),
        };
        line(format_args!("{} {}: {words}", row.check, row.variant))?;
    }
    let failed = report.rows.iter().filter(|row| !row.verdict.is_good()).count();
    let verdict = match &report.ended_by {
        Some(fault) => format!("ended after {} of {} checks: {fault}", report.rows.len(), report.planned),
        None if failed == 0 => "all is well".to_owned(),
        None => format!("{failed} of {} checks failed", report.planned),
    };
    line(format_args!("{} cases in {:.0} s: {verdict}\n", thousands(report.cases() as u64), report.seconds))
}

/// A seed that hardly a run had before, short enough to be typed again.
fn fresh_seed() -> u64 {
    RandomState::new().hash_one(std::time::SystemTime::now()) >> 32
}
