//! `diabolo evaluate`: the errors of a trained model, beside PCA's.

use super::AdapterArguments;
use super::output::line;
use crate::data::{self, Split};
use crate::error::Error;
use crate::report::table::{Align, TextTable};
use crate::tasks::evaluate::evaluate;
use crate::train::{Errors, RunDirectory};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Measure a trained model on a split, beside principal components (PCA) of the same code size
#[derive(Args)]
pub struct Arguments {
    /// The run directory
    run: PathBuf,
    /// The data to measure on; what the run was trained on if left out
    #[arg(long)]
    data: Option<String>,
    /// Its split: train or test
    #[arg(long, default_value = "test")]
    split: Split,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    adapter: AdapterArguments,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let model = RunDirectory::open(&arguments.run)?.load_model()?;
    let gpu = arguments.adapter.open()?;
    let source = arguments.data.as_ref().unwrap_or(&model.config.data.source);
    let dataset = data::load(source)?;
    let evaluation = evaluate(&gpu, &model, &dataset, arguments.split)?;
    let code_size = model.network.code_size();
    if arguments.json {
        let errors = |errors: Errors| json!({ "bce": errors.bce, "mse": errors.mse, "sse": errors.sse });
        return line(json!({
            "data": dataset.name(),
            "split": arguments.split.name(),
            "images": evaluation.images,
            "code_size": code_size,
            "model": errors(evaluation.model),
            "pca": evaluation.pca.map(errors),
        }));
    }
    line(format_args!("{} images of {}, split {}\n", evaluation.images, dataset.name(), arguments.split))?;
    let mut table = TextTable::new([
        ("", Align::Left),
        ("cross-entropy per pixel", Align::Right),
        ("squared error per pixel", Align::Right),
        ("per image", Align::Right),
    ]);
    let rows =
        [(format!("model, code of {code_size}"), Some(evaluation.model)), (format!("PCA-{code_size}"), evaluation.pca)];
    for (name, errors) in rows {
        let cell = |value: fn(Errors) -> String| errors.map_or_else(|| "not computed".to_owned(), value);
        table.push([
            name,
            cell(|errors| format!("{:.4}", errors.bce)),
            cell(|errors| format!("{:.5}", errors.mse)),
            cell(|errors| format!("{:.2}", errors.sse)),
        ]);
    }
    line(table)
}
