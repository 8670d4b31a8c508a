//! Images to classes, through the program.

mod support;

use assert_cmd::Command;
use diabolo::data::Images;
use diabolo::tasks::classify::Classifier;
use diabolo::train::RunDirectory;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use support::{column, diabolo, refused_on_the_way, said};

fn refused(command: &mut Command, code: i32, part: &str) {
    let message = refused_on_the_way(command, code);
    assert!(message.contains(part), "{message}");
}

/// The first of the drawn glyphs as a folder of IDX files, at half their size, and a model of them.
fn trained(folder: &Path) -> PathBuf {
    let glyphs = diabolo::data::load("glyphs").unwrap();
    let data = folder.join("glyphs");
    fs::create_dir(&data).unwrap();
    for (name, images) in [("train", glyphs.train().first(2000)), ("t10k", glyphs.test().first(500))] {
        let header = |magic: u32, sizes: &[usize]| -> Vec<u8> {
            [magic].into_iter().chain(sizes.iter().map(|&size| size as u32)).flat_map(u32::to_be_bytes).collect()
        };
        let bytes = [header(0x0803, &[images.len(), 14, 14]), halved(&images)].concat();
        fs::write(data.join(format!("{name}-images-idx3-ubyte")), bytes).unwrap();
        let labels = images.labels().unwrap().iter().map(|&label| label as u8).collect();
        let bytes = [header(0x0801, &[images.len()]), labels].concat();
        fs::write(data.join(format!("{name}-labels-idx1-ubyte")), bytes).unwrap();
    }
    let run = folder.join("run");
    let arguments = ["train", "--epochs", "5", "--batch", "64", "--quiet", "--no-tune", "--data"];
    diabolo().args(arguments).arg(&data).arg("--out").arg(&run).assert().success();
    run
}

/// The mean of each four pixels of images of 28 × 28.
fn halved(images: &Images) -> Vec<u8> {
    let pixel = |image: &[u8], row: usize, column: usize| {
        let at = |y: usize, x: usize| u32::from(image[(2 * row + y) * 28 + 2 * column + x]);
        ((at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)) / 4) as u8
    };
    let places = (0..14).flat_map(|row| (0..14).map(move |column| (row, column)));
    (0..images.len()).flat_map(|i| places.clone().map(move |(y, x)| pixel(images.image(i), y, x))).collect()
}

fn metrics(directory: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(directory.join("metrics.json")).unwrap()).unwrap()
}

/// The accuracy on the test images by the encoder at a place of a trial.
fn accuracy(metrics: &Value, trial: usize, encoder: usize) -> f64 {
    metrics["trials"][trial]["outcomes"][encoder]["test"]["accuracy"].as_f64().unwrap()
}

/// Every method leaves a classifier that says of the test images what its table and its figures say, and that is well above chance.
#[test]
fn images_are_classified_by_every_method() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let run = trained(folder.path());
    let training = ["--batch", "32", "--epochs", "6"];
    for (method, encoders, more) in [("probe", 3, &training[..]), ("finetune", 4, &training), ("knn", 3, &[])] {
        let directory = run.join(method);
        let told = said(diabolo().arg("classify").arg(&run).args(["--method", method]).args(more));
        assert!(told.contains("macro average") && told.contains("PCA-32") && told.contains("pixels"), "{told}");
        let metrics = metrics(&directory);
        assert_eq!(metrics["trials"][0]["outcomes"].as_array().unwrap().len(), encoders);
        let by_codes = accuracy(&metrics, 0, 0);
        // Three times what guesses would reach, after so short a training.
        assert!(by_codes > 0.3, "{method}: {by_codes}");
        let table = directory.join("predictions.csv");
        let [truth, predicted] = ["label", "predicted"].map(|name| column(&table, name));
        assert_eq!(truth.len(), 500);
        let right = truth.iter().zip(&predicted).filter(|(truth, predicted)| truth == predicted).count();
        assert_eq!(right as f64 / 500.0, by_codes, "{method}");
        assert_eq!(image::image_dimensions(directory.join("confusion.png")).unwrap(), (960, 600));

        // The file alone says the same again, streamed or not.
        let again = at("again.csv");
        let told = said(diabolo().arg("predict").arg(&directory).args(["--gpu-memory", "50kB", "-o"]).arg(&again));
        assert!(told.contains("500 images") && told.contains("% of them as they are labeled"), "{told}");
        assert_eq!(column(&again, "predicted"), predicted, "{method}");
    }
    // At a rate of 0 the encoder stays as the model has it.
    let spared = at("spared");
    let arguments = ["--method", "finetune", "--epochs", "1", "--labels", "3", "--encoder-rate", "0", "-o"];
    diabolo().arg("classify").arg(&run).args(arguments).arg(&spared).assert().success();
    let model = RunDirectory::open(&run).unwrap().load_model().unwrap().parameters;
    let encoder_of = |directory: &Path| Classifier::load(directory).unwrap().parameters.tensors()[..4].to_vec();
    assert_eq!(encoder_of(&spared), model.tensors()[..4]);
    assert_ne!(encoder_of(&run.join("finetune")), model.tensors()[..4]);

    // Streamed images are trained on in the same order, with the same labels.
    let streamed = at("streamed");
    let arguments = ["--batch", "32", "--epochs", "6", "--gpu-memory", "50kB", "-o"];
    diabolo().arg("classify").arg(&run).args(arguments).arg(&streamed).assert().success();
    let [streamed, resident] =
        [&streamed, &run.join("probe")].map(|folder| fs::read(folder.join("predictions.csv")).unwrap());
    assert!(streamed == resident, "streaming changes the classifier");

    refused(diabolo().arg("classify").arg(&run), 2, "is not empty: give another directory with --output");
    refused(
        diabolo().arg("predict").arg(run.join("model.safetensors")),
        5,
        "is no classifier: give the directory that",
    );
    refused(diabolo().arg("classify").arg(&run).args(["--validation", "1", "-o"]).arg(at("none")), 2, "--validation");
    for (arguments, part) in [
        (["--encoder-rate", "1.0", "--method", "probe"], "by --method finetune alone: leave --encoder-rate out"),
        (["--encoder-rate", "nan", "--method", "finetune"], "--encoder-rate must be at least 0"),
        (["--neighbors", "5", "--method", "probe"], "by --method knn alone: leave --neighbors out"),
        (["--neighbors", "5", "--method", "finetune"], "by --method knn alone: leave --neighbors out"),
        (["--epochs", "6", "--method", "knn"], "neighbors are not trained: leave --epochs out"),
        (["--batch", "256", "--method", "knn"], "neighbors are not trained: leave --batch out"),
        (["--learning-rate", "0.01", "--method", "knn"], "neighbors are not trained: leave --learning-rate out"),
        (["--balance", "weights", "--method", "knn"], "neighbors are not trained: leave --balance out"),
    ] {
        refused(diabolo().arg("classify").arg(&run).args(arguments).arg("-o").arg(at("none")), 2, part);
    }
    refused(diabolo().arg("classify").arg(&run).args(["--labels", "1,2,1", "-o"]).arg(at("none")), 2, "has 1 twice");
    for (limits, told) in
        [(["no such class=5", "2=5"], "has no class `no such class`"), (["2=5", "2=6"], "the class `2` has two limits")]
    {
        let mut limited = diabolo();
        limited
            .arg("classify")
            .arg(&run)
            .args(limits.map(|limit| ["--limit", limit]).concat())
            .arg("-o")
            .arg(at("none"));
        refused(&mut limited, 2, told);
    }
    assert!(!at("none").exists(), "something is left of a failure");
}

/// What is asked for beyond what is there is told.
#[test]
fn more_labels_and_neighbors_than_there_are_images_are_all_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let run = trained(folder.path());
    let arguments = ["--method", "knn", "--labels", "3,1000", "--neighbors", "40", "-o"];
    let assert = diabolo().arg("classify").arg(&run).args(arguments).arg(folder.path().join("knn")).assert().success();
    let noted = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(noted.contains("--labels 1000: all images of 10 classes are taken, as there are no more"), "{noted}");
    assert!(noted.contains("30 neighbors vote, as there are no more labeled images"), "{noted}");
    assert!(!noted.contains("--labels 3:") && noted.matches("neighbors vote").count() == 1, "{noted}");
}

/// Several numbers of labels make a curve, several seeds a spread.
#[test]
fn more_labels_make_a_better_classifier() {
    let folder = tempfile::tempdir().unwrap();
    let run = trained(folder.path());
    let directory = folder.path().join("curve");
    let arguments = ["--labels", "2,30", "--repeats", "2", "--epochs", "60", "-o"];
    let told = said(diabolo().arg("classify").arg(&run).args(arguments).arg(&directory));
    assert!(told.contains(" ± "), "{told}");
    assert_eq!(image::image_dimensions(directory.join("labels.png")).unwrap(), (960, 600));
    let metrics = metrics(&directory);
    let mean = |trials: [usize; 2]| trials.map(|trial| accuracy(&metrics, trial, 0)).iter().sum::<f64>() / 2.0;
    assert!(mean([2, 3]) > mean([0, 1]) + 0.05, "{} and {}", mean([0, 1]), mean([2, 3]));
}

/// A class that is rare in training is found more often where classes weigh alike or are drawn alike.
#[test]
fn rare_classes_gain_by_weights_and_by_sampling() {
    let folder = tempfile::tempdir().unwrap();
    let run = trained(folder.path());
    let recall = |balance: &str| {
        let directory = folder.path().join(balance);
        let arguments = ["--limit", "8=10", "--batch", "64", "--epochs", "10", "--balance", balance, "-o"];
        diabolo().arg("classify").arg(&run).args(arguments).arg(&directory).assert().success();
        metrics(&directory)["trials"][0]["outcomes"][0]["test"]["classes"][8]["recall"].as_f64().unwrap()
    };
    let [none, weights, sampling] = ["none", "weights", "sampling"].map(recall);
    let streamed = folder.path().join("streamed");
    let arguments =
        ["--limit", "8=10", "--batch", "64", "--epochs", "10", "--balance", "sampling", "--gpu-memory", "100kB", "-o"];
    diabolo().arg("classify").arg(&run).args(arguments).arg(&streamed).assert().success();
    let [streamed, resident] =
        [&streamed, &folder.path().join("sampling")].map(|folder| fs::read(folder.join("predictions.csv")).unwrap());
    assert!(streamed == resident, "streaming changes which images are drawn");
    assert!(weights > none + 0.05 && sampling > none + 0.05, "{none}, {weights} and {sampling}");
}

/// What a classifier learns from is augmented, streamed or not, and what it is measured on stays as it is.
#[test]
fn a_classifier_learns_from_augmented_images() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let run = trained(folder.path());
    let classify = |more: &[&str], name: &str| {
        let mut command = diabolo();
        command.arg("classify").arg(&run).args(["--batch", "32", "--epochs", "3"]).args(more).arg("-o").arg(at(name));
        command
    };
    let augmented = ["--set", "augmentation.rotate=10", "--set", "augmentation.shift=0.1"];
    let streamed = [&augmented[..], &["--gpu-memory", "50kB"]].concat();
    let predictions = [("plain", &[][..]), ("augmented", &augmented), ("streamed", &streamed)].map(|(name, more)| {
        classify(more, name).assert().success();
        fs::read(at(name).join("predictions.csv")).unwrap()
    });
    assert!(predictions[0] != predictions[1], "it learned from the images as they are");
    assert!(predictions[1] == predictions[2], "streaming changes the classifier");
    let by_codes = accuracy(&metrics(&at("augmented")), 0, 0);
    assert!(by_codes > 0.3, "{by_codes}");
    // It says the same of the images as they are, read anew.
    let again = at("again.csv");
    diabolo().arg("predict").arg(at("augmented")).arg("-o").arg(&again).assert().success();
    assert_eq!(column(&again, "share"), column(&at("augmented").join("predictions.csv"), "share"));

    let mut neighbors = diabolo();
    neighbors.arg("classify").arg(&run).args(augmented).args(["--method", "knn", "-o"]).arg(at("none"));
    refused(&mut neighbors, 2, "neighbors are not trained: leave --set augmentation… out");
    refused(&mut classify(&["--set", "loss=mse"], "none"), 2, "keys of [data] and [augmentation]");
    refused(&mut classify(&["--set", "augmentation.rotate=200"], "none"), 2, "augmentation.rotate must be");
}
