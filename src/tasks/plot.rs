//! What is drawn of trained models: the losses of runs, and the features of a first layer.

use crate::config::{Config, DataConfig};
use crate::error::Error;
use crate::report::metrics::read_metrics;
use crate::report::plot::Series;
use crate::train::history::{curve, description, of_whole, test_loss};
use crate::train::{RunDirectory, TrainedModel};
use std::path::{Path, PathBuf};

/// The losses of runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Losses {
    /// One of each run, in their order.
    pub series: Vec<Series>,
    /// What they are of.
    pub description: String,
    /// What each run is trained on.
    pub data: Vec<DataConfig>,
}

/// Reads the losses of runs, which need not be finished. Where all have the same loss, that is shown, the training images' dashed; where
/// they differ, the squared error of the test images, which is measured of each.
///
/// # Errors
/// A directory that holds no run, or one without an epoch.
pub fn losses(runs: &[PathBuf]) -> Result<Losses, Error> {
    let (mut read, mut data) = (Vec::new(), Vec::new());
    for path in runs {
        let directory = RunDirectory::begun(path)?;
        let config = Config::load(&directory.config().to_string_lossy(), &[])?;
        let history = if directory.metrics().is_file() { read_metrics(&directory.metrics())? } else { Vec::new() };
        if of_whole(&history).next().is_none() {
            return Err(Error::Run(format!("{} holds no losses yet: its first epoch is not over", path.display())));
        }
        data.push(config.data);
        read.push((path, config.loss, history));
    }
    let common = read.first().map(|(_, loss, _)| *loss).filter(|first| read.iter().all(|(_, loss, _)| loss == first));
    let series = read.iter().map(|(path, _, history)| {
        let label = name(path, runs);
        let training = |measured| if measured { curve(history, |metrics| metrics.train_loss) } else { Vec::new() };
        match common.map(test_loss) {
            Some(Some(measure)) => Series { label, points: curve(history, measure), dashed: training(true) },
            Some(None) => Series { label, points: training(true), dashed: Vec::new() },
            None => Series { label, points: curve(history, |metrics| metrics.test_sse), dashed: Vec::new() },
        }
    });
    let description = match common {
        Some(loss) if test_loss(loss).is_some() => format!("{}; dashed: training", description(loss)),
        Some(loss) => format!("{} of training", description(loss)),
        None => "squared error per test image".to_owned(),
    };
    Ok(Losses { series: series.collect(), description, data })
}

/// The last part of a run's path, or all of it where another run's has the same.
fn name(path: &Path, runs: &[PathBuf]) -> String {
    let short = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let is_shared = runs.iter().filter(|other| short(other) == short(path)).count() > 1;
    short(path).filter(|_| !is_shared).unwrap_or_else(|| path.display().to_string())
}

/// The weights of a model's first layer: an image for each unit, [units, pixels], of the input that it answers to most.
///
/// Each is scaled alone, so that a weight of 0 is gray, 0.5, and the largest of the unit's magnitudes black or white.
pub fn features(model: &TrainedModel) -> Vec<f32> {
    let Some((layer, weight)) = model.network.layers().first().zip(model.parameters.tensors().first()) else {
        return Vec::new();
    };
    let mut features = Vec::with_capacity(weight.values.len());
    for unit in 0..layer.outputs {
        let weights = || weight.values.iter().skip(unit).step_by(layer.outputs);
        let largest = weights().fold(0.0f32, |largest, weight| largest.max(weight.abs()));
        // A unit all of whose weights are 0 is gray.
        let scale = if largest.is_normal() { 0.5 / largest } else { 0.0 };
        features.extend(weights().map(|weight| 0.5 + weight * scale));
    }
    features
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Parameters, glorot_uniform};

    #[test]
    fn runs_are_named_by_the_last_part_of_their_path_unless_that_is_shared() {
        let runs = ["runs/one", "runs/two", "old/one"].map(PathBuf::from);
        assert_eq!(runs.each_ref().map(|path| name(path, &runs)), ["runs/one", "two", "old/one"]);
    }

    #[test]
    fn a_feature_is_what_leads_to_a_unit_and_is_scaled_alone() {
        let assignments = ["network.encoder=[{units=2,activation=\"relu\"}]", "network.decoder=[]"].map(str::to_owned);
        let config = Config::load("dense", &assignments).unwrap();
        let network = config.network(3);
        let weight = [1.0, 0.0, -4.0, 0.0, 2.0, 0.0];
        let parameters: Parameters =
            glorot_uniform(&network, 1).map(|place, index, value| if place == 0 { weight[index] } else { value });
        let model = TrainedModel { config, network, parameters };
        assert_eq!(features(&model), [0.625, 0.0, 0.75, 0.5, 0.5, 0.5]);
    }
}
