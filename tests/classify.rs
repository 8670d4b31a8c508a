//! Images to classes, through the program.

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::Path;

fn diabolo() -> Command {
    let mut command = Command::cargo_bin("diabolo").unwrap();
    command.env_remove("DIABOLO_DATA").env_remove("DIABOLO_MIRROR");
    command
}

fn said(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

fn refused(command: &mut Command, code: i32, part: &str) {
    let assert = command.assert().failure().code(code);
    let message = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    let message = message.lines().find(|line| line.starts_with("diabolo: ")).unwrap_or_default();
    assert!(message.contains(part), "{message}");
}

fn metrics(directory: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(directory.join("metrics.json")).unwrap()).unwrap()
}

/// The accuracy on the test images by the encoder at a place of a trial.
fn accuracy(metrics: &Value, trial: usize, encoder: usize) -> f64 {
    metrics["trials"][trial]["outcomes"][encoder]["test"]["accuracy"].as_f64().unwrap()
}

/// Columns of a table with a header, by name.
fn column(path: &Path, name: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let place = reader.headers().unwrap().iter().position(|header| header == name).unwrap();
    reader.records().map(|row| row.unwrap()[place].to_owned()).collect()
}

/// Every method leaves a classifier that says of the test images what its table and its figures say, and that is well above chance.
#[test]
fn images_are_classified_by_every_method() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let run = at("run");
    diabolo()
        .args(["train", "--data", "glyphs", "--epochs", "1", "--quiet", "--no-tune", "--out"])
        .arg(&run)
        .assert()
        .success();

    // A tenth of the images are enough here.
    let few = ["--labels", "60", "--epochs", "8"];
    for (method, encoders, least) in [("probe", 3, 0.5), ("finetune", 4, 0.8), ("knn", 3, 0.7)] {
        let directory = run.join(method);
        let told = said(diabolo().arg("classify").arg(&run).args(["--method", method]).args(few));
        assert!(told.contains("macro average") && told.contains("PCA-32") && told.contains("pixels"), "{told}");
        let metrics = metrics(&directory);
        assert_eq!(metrics["trials"][0]["outcomes"].as_array().unwrap().len(), encoders);
        let by_codes = accuracy(&metrics, 0, 0);
        assert!(by_codes > least, "{method}: {by_codes}");
        let [truth, predicted] = ["label", "predicted"].map(|name| column(&directory.join("predictions.csv"), name));
        assert_eq!(truth.len(), 10_000);
        let right = truth.iter().zip(&predicted).filter(|(truth, predicted)| truth == predicted).count();
        assert_eq!(right as f64 / 1e4, by_codes, "{method}");
        assert_eq!(image::image_dimensions(directory.join("confusion.png")).unwrap(), (960, 600));

        // The file alone says the same again, streamed or not.
        let again = at("again.csv");
        let told = said(diabolo().arg("predict").arg(&directory).args(["--gpu-memory", "1MB", "-o"]).arg(&again));
        assert!(told.contains("10000 images") && told.contains("% of them as they are labeled"), "{told}");
        assert_eq!(column(&again, "predicted"), predicted, "{method}");
    }
    refused(diabolo().arg("classify").arg(&run), 2, "is not empty: give another directory with --output");
    refused(diabolo().arg("predict").arg(run.join("model.safetensors")), 5, "is no classifier");
    refused(diabolo().arg("classify").arg(&run).args(["--validation", "1"]), 2, "--validation");
    refused(
        diabolo().arg("classify").arg(&run).args(["--limit", "no such class=5", "-o"]).arg(at("none")),
        2,
        "there is no class 'no such class'",
    );
    assert!(!at("none").exists(), "nothing is left of a failure");

    // Several numbers of labels make a curve, several seeds a spread.
    let directory = at("curve");
    let told = said(
        diabolo()
            .arg("classify")
            .arg(&run)
            .args(["--labels", "2,20", "--repeats", "2", "--epochs", "60", "-o"])
            .arg(&directory),
    );
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
    let run = folder.path().join("run");
    diabolo()
        .args(["train", "--data", "glyphs", "--epochs", "1", "--quiet", "--no-tune", "--out"])
        .arg(&run)
        .assert()
        .success();
    let class = diabolo::data::load("glyphs").unwrap().class_names().map_or("8".to_owned(), |names| names[8].clone());
    let recall = |balance: &str| {
        let directory = folder.path().join(balance);
        let limit = format!("{class}=10");
        let arguments = ["--labels", "200", "--limit", &limit, "--epochs", "15", "--balance", balance, "-o"];
        diabolo().arg("classify").arg(&run).args(arguments).arg(&directory).assert().success();
        let metrics = metrics(&directory);
        assert_eq!(metrics["trials"][0]["outcomes"][0]["training_images"], 9 * 200 + 10);
        metrics["trials"][0]["outcomes"][0]["test"]["classes"][8]["recall"].as_f64().unwrap()
    };
    let [none, weights, sampling] = ["none", "weights", "sampling"].map(recall);
    assert!(weights > none + 0.05 && sampling > none + 0.05, "{none}, {weights} and {sampling}");
}
