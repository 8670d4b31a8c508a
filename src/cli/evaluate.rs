//! `diabolo evaluate`: the errors of a trained model, beside PCA's.

use super::RunArguments;
use super::noise::NoiseArguments;
use super::output::line;
use crate::data::Dataset;
use crate::error::Error;
use crate::report::table::{Align, TextTable};
use crate::tasks::evaluate::{Evaluation, Terms, evaluate};
use crate::tasks::pca;
use crate::train::Errors;
use clap::Args;
use serde_json::json;

/// Measure a trained model on a split, beside principal components (PCA) of the same code size
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    run: RunArguments,
    #[command(flatten)]
    noise: NoiseArguments,
    /// How many principal components to measure beside the model, of which there are no more than an image has values, and one fewer than
    /// training images; as many as its code has numbers if left out
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    components: Option<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let (mut model, gpu, dataset) = arguments.run.load(&[])?;
    let mut terms = Terms::of(&model);
    let noise = arguments.noise.corruption();
    if let Some(corruption) = noise {
        model.config.corruption = corruption;
        model.config.validate()?;
        terms.noise = corruption;
    }
    terms.components = arguments.components.map_or(terms.components, |components| components as usize);
    let evaluation = evaluate(&gpu, &model, &dataset, arguments.run.split(), terms)?;
    let code_size = model.network.code_size();
    if arguments.json {
        let errors = |errors: Errors| json!({ "bce": errors.bce, "mse": errors.mse, "sse": errors.sse });
        return line(json!({
            "data": dataset.name(),
            "split": arguments.run.split().name(),
            "images": evaluation.images,
            "code_size": code_size,
            "noise": noise.map(|noise| json!({ "kind": noise.noise.name(), "amount": noise.amount })),
            "noisy_images": evaluation.noisy.map(errors),
            "components": terms.components.min(pca::available(dataset.train())),
            "model": errors(evaluation.model),
            "negative_elbo": evaluation.negative_bound,
            "pca": evaluation.pca.map(errors),
            "classes": evaluation.classes.iter().map(|class| json!({
                "class": dataset.class_name(class.label),
                "images": class.images,
                "model": errors(class.model),
                "pca": class.pca.map(errors),
            })).collect::<Vec<_>>(),
        }));
    }
    let noise = noise.map(|noise| format!(", with {} noise of {}", noise.noise.name(), noise.amount));
    let (images, split) = (evaluation.images, arguments.run.split());
    line(format_args!("{images} images of {}, split {split}{}\n", dataset.name(), noise.unwrap_or_default()))?;
    let mut table = TextTable::new([
        ("", Align::Left),
        ("cross-entropy per pixel", Align::Right),
        ("squared error per pixel", Align::Right),
        ("per image", Align::Right),
    ]);
    let noisy = evaluation.noisy.map(|errors| ("images with noise".to_owned(), Some(errors)));
    let model = (format!("model, code of {code_size}"), Some(evaluation.model));
    let pca = (pca::name(terms.components, pca::available(dataset.train())), evaluation.pca);
    for (name, errors) in noisy.into_iter().chain([model, pca]) {
        let cell = |value: fn(Errors) -> String| errors.map_or_else(|| "not computed".to_owned(), value);
        table.push([
            name,
            cell(|errors| format!("{:.4}", errors.bce)),
            cell(|errors| format!("{:.5}", errors.mse)),
            cell(|errors| format!("{:.2}", errors.sse)),
        ]);
    }
    line(table)?;
    if let [_, _, ..] = evaluation.classes[..] {
        line(format_args!("\n{}", of_classes(&evaluation, &dataset)))?;
    }
    match evaluation.negative_bound {
        Some(bound) => line(format_args!("\n−ELBO {bound:.2} nats per image, a code being drawn for each")),
        None => Ok(()),
    }
}

/// The squared error per image of each class.
fn of_classes(evaluation: &Evaluation, dataset: &Dataset) -> TextTable<4> {
    let mut table = TextTable::new([
        ("class", Align::Left),
        ("images", Align::Right),
        ("model, per image", Align::Right),
        ("PCA", Align::Right),
    ]);
    for class in &evaluation.classes {
        let pca = class.pca.map_or_else(|| "not computed".to_owned(), |errors| format!("{:.2}", errors.sse));
        table.push([dataset.class_name(class.label), class.images.to_string(), format!("{:.2}", class.model.sse), pca]);
    }
    table
}
