//! `diabolo evaluate`: the errors of a trained model, beside PCA's.

use super::RunArguments;
use super::output::line;
use crate::error::Error;
use crate::report::table::{Align, TextTable};
use crate::tasks::evaluate::evaluate;
use crate::train::Errors;
use clap::Args;
use serde_json::json;

/// Measure a trained model on a split, beside principal components (PCA) of the same code size
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    run: RunArguments,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let (model, gpu, dataset) = arguments.run.load()?;
    let evaluation = evaluate(&gpu, &model, &dataset, arguments.run.split)?;
    let code_size = model.network.code_size();
    if arguments.json {
        let errors = |errors: Errors| json!({ "bce": errors.bce, "mse": errors.mse, "sse": errors.sse });
        return line(json!({
            "data": dataset.name(),
            "split": arguments.run.split.name(),
            "images": evaluation.images,
            "code_size": code_size,
            "model": errors(evaluation.model),
            "pca": evaluation.pca.map(errors),
        }));
    }
    line(format_args!("{} images of {}, split {}\n", evaluation.images, dataset.name(), arguments.run.split))?;
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
