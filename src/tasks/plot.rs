//! What is drawn of trained models: the losses of runs, the features of a first layer, codes in the plane.

use super::Codes;
use super::evaluate::refuse_other_sizes;
use super::pca::{MOST_PIXELS, principal_components};
use crate::config::Config;
use crate::data::Images;
use crate::error::Error;
use crate::report::metrics::read_metrics;
use crate::report::plot::Series;
use crate::train::history::{curve, description, of_whole, test_loss};
use crate::train::{RunDirectory, TrainedModel};
use nalgebra::DMatrix;
use std::path::{Path, PathBuf};

/// The losses of runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Losses {
    /// One of each run, in their order.
    pub series: Vec<Series>,
    /// What they are of.
    pub description: String,
}

/// Reads the losses of runs, which need not be finished. Where all have the same loss, that is shown, the training images' dashed; where
/// they differ, the squared error of the test images, which is measured of each.
///
/// # Errors
/// A directory that holds no run, or one without an epoch.
pub fn losses(runs: &[PathBuf]) -> Result<Losses, Error> {
    let mut read = Vec::new();
    for path in runs {
        let directory = RunDirectory::begun(path)?;
        let config = Config::load(&directory.config().to_string_lossy(), &[])?;
        let history = if directory.metrics().is_file() { read_metrics(&directory.metrics())? } else { Vec::new() };
        if of_whole(&history).next().is_none() {
            return Err(Error::Run(format!("{} holds no losses yet: its first epoch is not over", path.display())));
        }
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
    Ok(Losses { series: series.collect(), description })
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
///
/// # Errors
/// `images` are of another size than the model's.
pub fn features(model: &TrainedModel, images: &Images) -> Result<Vec<f32>, Error> {
    refuse_other_sizes(model, images)?;
    let Some((layer, weight)) = model.network.layers().first().zip(model.parameters.tensors().first()) else {
        return Ok(Vec::new());
    };
    let mut features = Vec::with_capacity(weight.values.len());
    for unit in 0..layer.outputs {
        let weights = || weight.values.iter().skip(unit).step_by(layer.outputs);
        let largest = weights().fold(0.0f32, |largest, weight| largest.max(weight.abs()));
        // A unit all of whose weights are 0 is gray.
        let scale = if largest.is_normal() { 0.5 / largest } else { 0.0 };
        features.extend(weights().map(|weight| 0.5 + weight * scale));
    }
    Ok(features)
}

/// Codes in the plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    pub points: Vec<[f64; 2]>,
    /// What the axes are.
    pub descriptions: [String; 2],
}

/// Puts codes into the plane: those of two numbers as they are, others by their first two principal components. Of more numbers than an
/// eigenvalue problem should have, the first two are taken.
///
/// # Errors
/// Codes of a single number.
pub fn plane(codes: &Codes) -> Result<Plane, Error> {
    if codes.size < 2 {
        return Err(Error::Usage("the model's codes have one number each: the plane needs two or more".to_owned()));
    }
    if codes.size == 2 || codes.size > MOST_PIXELS {
        let points = codes.values.chunks_exact(codes.size).map(|code| [code[0], code[1]].map(f64::from));
        let descriptions = ["code.0", "code.1"].map(str::to_owned);
        return Ok(Plane { points: points.collect(), descriptions });
    }
    // [images, size], a row for each code.
    let values = codes.values.iter().copied().map(f64::from);
    let mut centered = DMatrix::from_row_iterator(codes.len(), codes.size, values);
    for mut column in centered.column_iter_mut() {
        let mean = column.mean();
        column.add_scalar_mut(-mean);
    }
    let covariance = centered.tr_mul(&centered) / codes.len() as f64;
    let variance = covariance.trace();
    let components = principal_components(covariance, 2);
    let projected = centered * components;
    let share = |axis: usize| {
        let of_axis = projected.column(axis).norm_squared() / codes.len() as f64;
        // Codes that are all the same have no variance to share.
        if variance > 0.0 {
            format!(" ({:.0} % of the codes' variance)", 100.0 * of_axis / variance)
        } else {
            String::new()
        }
    };
    let descriptions = [format!("first principal component{}", share(0)), format!("second{}", share(1))];
    let points = projected.row_iter().map(|row| [row[0], row[1]]).collect();
    Ok(Plane { points, descriptions })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ImageShape;
    use crate::model::{Parameters, glorot_uniform};

    fn codes(size: usize, values: Vec<f32>) -> Codes {
        Codes::without_images(size, values)
    }

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
        let images = |width| Images::new(ImageShape { height: 1, width, channels: 1 }, vec![0; width], None).unwrap();
        assert_eq!(features(&model, &images(3)).unwrap(), [0.625, 0.0, 0.75, 0.5, 0.5, 0.5]);
        assert_eq!(features(&model, &images(4)).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn codes_of_two_numbers_stay_and_longer_ones_are_turned_to_their_widest_side() {
        let two = plane(&codes(2, vec![1.0, 2.0, 3.0, 4.0])).unwrap();
        assert_eq!((two.points, &*two.descriptions[1]), (vec![[1.0, 2.0], [3.0, 4.0]], "code.1"));
        // Along (0, 1, 1) by ±√2, along (1, 0, 0) by ±0.5.
        let values = vec![0.5, 1.0, 1.0, -0.5, 1.0, 1.0, 0.5, -1.0, -1.0, -0.5, -1.0, -1.0];
        let Plane { points, descriptions } = plane(&codes(3, values)).unwrap();
        for [x, y] in points {
            assert!((x.abs() - 2f64.sqrt()).abs() < 1e-12 && (y.abs() - 0.5).abs() < 1e-12, "{x} {y}");
        }
        assert_eq!(descriptions[0], "first principal component (89 % of the codes' variance)");
        assert_eq!(plane(&codes(1, vec![1.0])).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn codes_that_are_all_the_same_are_one_point() {
        let Plane { points, descriptions } = plane(&codes(3, vec![0.0, 7.0, 1.0, 0.0, 7.0, 1.0])).unwrap();
        assert_eq!(points, [[0.0; 2]; 2]);
        assert_eq!(descriptions, ["first principal component", "second"]);
    }

    #[test]
    fn very_long_codes_show_their_first_two_numbers() {
        let plane = plane(&codes(3000, [vec![1.0; 3000], vec![2.0; 3000]].concat())).unwrap();
        assert_eq!(plane.points, [[1.0; 2], [2.0; 2]]);
    }
}
