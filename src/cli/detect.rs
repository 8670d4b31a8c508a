//! `diabolo detect`: the images that a trained model finds unlike those it was trained on.

use super::RunArguments;
use super::image_files::save_pictures;
use super::output::line;
use super::refusals::refuse_other_ending;
use crate::data::{Dataset, Images};
use crate::error::Error;
use crate::report::table::{Align, TextTable, thousands};
use crate::tasks::detect::{Detection, detect};
use crate::tasks::pca;
use crate::tasks::reconstruct::reconstruct;
use clap::Args;
use std::path::PathBuf;

/// Score images by how badly a trained model gives them back: what is unlike its training images is flagged
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    run: RunArguments,
    /// The class that is normal, all others being anomalies; the one that the run was trained on, if it was one, when left out
    #[arg(long, value_name = "CLASS")]
    normal: Option<String>,
    /// The share of the training images whose score is not above the threshold
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, value_parser = share)]
    quantile: f64,
    /// A table: the index of each image, its file if it is from a folder, its class if known, its score, and whether it is flagged (….csv)
    #[arg(short, long, default_value = "anomalies.csv", value_name = "FILE")]
    output: PathBuf,
    /// A picture: the most anomalous images over their reconstructions, and the least anomalous over theirs (….png)
    #[arg(long, default_value = "anomalies.png", value_name = "FILE")]
    picture: PathBuf,
    /// Images of either kind in the picture
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    columns: u32,
}

fn share(text: &str) -> Result<f64, &'static str> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or("it is a share from 0 to 1, as in 0.95")
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    for (file, ending) in [(&arguments.output, "csv"), (&arguments.picture, "png")] {
        refuse_other_ending(file, ending)?;
    }
    let RunArguments { memory, data, assignments, .. } = &arguments.run;
    let (model, trained_on) = arguments.run.model_and_trained_on(&[&arguments.output, &arguments.picture])?;
    let judged = memory.load(&model.config.data)?;
    let images = judged.split(arguments.run.split())?;
    let are_others = data.is_some() || !assignments.is_empty();
    let of_training = if are_others { Some(memory.load(&trained_on)?) } else { None };
    let of_training = of_training.as_ref().unwrap_or(&judged);
    let normal = match (&arguments.normal, trained_on.only.as_str()) {
        (Some(normal), _) => Some(normal.clone()),
        (None, "") => only_class(of_training),
        (None, only) => Some(only.to_owned()),
    };
    let training = match &normal {
        Some(class) => of_training.train().of_class(of_training.label_of(class)?),
        None => of_training.train().clone(),
    };
    // Images without classes can be judged by a normal class, only not counted as right or wrong.
    let label = match (&arguments.normal, &normal, images.labels()) {
        (Some(named), _, Some(_)) => Some(judged.label_of(named)?),
        // That of the training may have no images here.
        (None, Some(class), Some(_)) => judged.label_of(class).ok(),
        _ => None,
    };
    let gpu = arguments.run.gpu.open()?;
    let detection = detect(&gpu, &model, &training, images, label, arguments.quantile)?;

    let labels = images.labels().map(|labels| labels.iter().map(|&label| judged.class_name(label)).collect::<Vec<_>>());
    let order = detection.order();
    let count = (arguments.columns as usize).min(order.len());
    let rest = order.iter().rev().copied();
    let shown = images.select(&order.iter().copied().take(count).chain(rest.take(count)).collect::<Vec<_>>());
    let pairs = reconstruct(&gpu, &model, &shown)?;
    let values = count * shown.shape().pixels();
    let (most, least) = pairs.originals.split_at(values);
    let (most_again, least_again) = pairs.reconstructions.split_at(values);
    detection.save(&arguments.output, images.names(), labels.as_deref())?;
    save_pictures(&arguments.picture, &[most, most_again, least, least_again], shown.shape(), arguments.columns)?;
    tell(arguments, &detection, &training, images, normal.as_deref(), label, model.network.code_size())?;
    line(format_args!("\n{}\n{}", arguments.output.display(), arguments.picture.display()))
}

/// The class of all training images, if it is one.
fn only_class(dataset: &Dataset) -> Option<String> {
    let (first, others) = dataset.train().labels()?.split_first()?;
    others.iter().all(|label| label == first).then(|| dataset.class_name(*first))
}

fn tell(
    arguments: &Arguments,
    detection: &Detection,
    training: &Images,
    images: &Images,
    normal: Option<&str>,
    label: Option<u32>,
    code_size: usize,
) -> Result<(), Error> {
    let of_class = normal.map_or_else(String::new, |class| format!(" of the class {class}"));
    line(format_args!(
        "threshold {:.2}: {:.1} % of {} training images{of_class} have no larger squared error",
        detection.threshold,
        100.0 * arguments.quantile,
        thousands(training.len() as u64)
    ))?;
    let flagged = |is_counted: &dyn Fn(usize) -> bool| {
        let counted: Vec<usize> = (0..images.len()).filter(|&image| is_counted(image)).collect();
        let flagged = counted.iter().filter(|&&image| detection.is_flagged(image)).count();
        let share = 100.0 * flagged as f64 / counted.len().max(1) as f64;
        format!("{} of {} ({share:.1} %)", thousands(flagged as u64), thousands(counted.len() as u64))
    };
    let (Some(labels), Some(normal)) = (images.labels(), normal) else {
        return line(format_args!("flagged: {}", flagged(&|_| true)));
    };
    line(format_args!(
        "flagged: {} of class {normal}, {} of others",
        flagged(&|image| Some(labels[image]) == label),
        flagged(&|image| Some(labels[image]) != label)
    ))?;
    let Some(ranking) = detection.ranking else {
        return line(format_args!("there is no area under a ROC curve: it takes images of class {normal} and others"));
    };
    line("")?;
    let mut table =
        TextTable::new([("scored by", Align::Left), ("AUROC", Align::Right), ("average precision", Align::Right)]);
    let (model, pca) = (format!("model, code of {code_size}"), pca::name(code_size, pca::available(training)));
    for (name, ranking) in [(model, Some(ranking)), (pca, detection.pca)] {
        let [auroc, precision] = match ranking {
            Some(ranking) => [ranking.auroc, ranking.average_precision].map(|figure| format!("{figure:.4}")),
            None => ["not computed", ""].map(str::to_owned),
        };
        table.push([name, auroc, precision]);
    }
    line(table)
}
