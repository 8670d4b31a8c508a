//! Classes of different sizes in the training of an autoencoder, through the program.

mod support;

use diabolo::data::{Images, load};
use serde_json::Value;
use std::fs;
use std::path::Path;
use support::{diabolo, write_csv};

fn glyphs(count: usize) -> Images {
    load("glyphs").unwrap().train().first(count)
}

fn without_labels(images: &Images) -> Images {
    Images::new(images.shape(), images.bytes().to_vec(), None).unwrap()
}

/// The squared error per image of each class, as `evaluate` tells it.
fn errors_of_classes(run: &Path) -> Vec<f64> {
    let output = diabolo().arg("evaluate").arg(run).arg("--json").assert().success().get_output().stdout.clone();
    let evaluated: Value = serde_json::from_slice(&output).unwrap();
    let classes = evaluated["classes"].as_array().unwrap();
    // The mean of all is that of the classes by their sizes.
    let of = |class: &Value| class["images"].as_f64().unwrap() * class["model"]["sse"].as_f64().unwrap();
    let mean = classes.iter().map(of).sum::<f64>() / evaluated["images"].as_f64().unwrap();
    assert!((mean - evaluated["model"]["sse"].as_f64().unwrap()).abs() < 1e-6 * mean, "{evaluated}");
    classes.iter().map(|class| class["model"]["sse"].as_f64().unwrap()).collect()
}

/// A class that is rare in training is given back better where it weighs as much as the others, and where classes are drawn alike, also where the
/// training is stopped and goes on.
#[test]
fn a_rare_class_is_given_back_better_where_classes_are_balanced() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_csv(&at("glyphs.csv"), &glyphs(2200));
    let train = |name: &str, more: &[&str]| {
        let mut command = diabolo();
        command.args(["train", "--batch", "100", "--quiet", "--no-tune", "--limit", "8=6"]);
        command.args(["--set", "data.size=[14,14]", "--data"]);
        command.arg(at("glyphs.csv")).arg("--out").arg(at(name)).args(more);
        command
    };
    train("none", &["--epochs", "8"]).assert().success();
    train("sampling", &["--epochs", "8", "--balance", "sampling"]).assert().success();
    train("weights", &["--epochs", "8", "--balance", "weights"]).assert().success();
    let [none, sampling, weights] = ["none", "sampling", "weights"].map(|name| errors_of_classes(&at(name)));
    assert_eq!([none.len(), sampling.len(), weights.len()], [10; 3]);
    assert!(sampling[8] < 0.95 * none[8], "{} and {}", none[8], sampling[8]);
    assert!(weights[8] < 0.95 * none[8], "{} and {}", none[8], weights[8]);
    let summary = fs::read_to_string(at("weights").join("summary.json")).unwrap();
    assert!(summary.contains("layered"), "a step with weights was fused: {summary}");
    let told = diabolo().arg("evaluate").arg(at("sampling")).assert().success().get_output().stdout.clone();
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains(&format!("{:.2}", sampling[8])) && told.contains("class"), "{told}");

    // The limit was of the images that were trained on.
    write_csv(&at("unlabeled.csv"), &without_labels(&glyphs(60)));
    let mut of_others = diabolo();
    of_others.arg("reconstruct").arg(at("none")).arg("--data").arg(at("unlabeled.csv")).arg("-o").arg(at("pairs.png"));
    of_others.assert().success();

    train("streamed", &["--epochs", "8", "--balance", "weights", "--gpu-memory", "60kB"]).assert().success();
    let [streamed, resident] =
        ["streamed", "weights"].map(|name| fs::read(at(name).join("model.safetensors")).unwrap());
    assert!(streamed == resident, "streaming changes the model");

    // What was begun with fewer epochs and went on is the same; what is drawn otherwise is another training.
    train("resumed", &["--epochs", "2", "--balance", "sampling"]).assert().success();
    let refused = train("resumed", &["--resume", "--epochs", "8", "--balance", "none"]).assert().failure().code(2);
    let message = String::from_utf8(refused.get_output().stderr.clone()).unwrap();
    assert!(message.contains("training.balance"), "{message}");
    train("resumed", &["--resume", "--epochs", "8", "--balance", "sampling"]).assert().success();
    let [resumed, whole] = ["resumed", "sampling"].map(|name| fs::read(at(name).join("model.safetensors")).unwrap());
    assert!(resumed == whole, "the training went on otherwise");
}

#[test]
fn classes_that_are_not_there_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_csv(&at("none.csv"), &without_labels(&glyphs(60)));
    let refused = |data: &Path, arguments: &[&str], code: i32, part: &str| {
        let mut command = diabolo();
        command.args(["train", "--batch", "20", "--quiet", "--data"]).arg(data).args(arguments);
        let assert = command.arg("--out").arg(at("run")).assert().failure().code(code);
        let message = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
        assert!(message.contains(part), "{message}");
        assert!(!at("run").exists());
    };
    for balance in ["sampling", "weights"] {
        let told = format!("training.balance is \"{balance}\", but the images have no classes to balance");
        refused(&at("none.csv"), &["--balance", balance], 2, &told);
    }
    refused(Path::new("glyphs"), &["--limit", "ten=5"], 2, "has no class `ten`");
    refused(Path::new("glyphs"), &["--limit", "8=5", "--limit", "8=6"], 2, "the class `8` has two limits");
    refused(Path::new("glyphs"), &["--limit", "8"], 2, "it is CLASS=COUNT, as in 8=58");
    let told = "unknown limit \"8\": it is CLASS=COUNT, as in 8=58";
    refused(Path::new("glyphs"), &["--set", "data.limit=[\"8\"]"], 2, told);
    refused(Path::new("glyphs"), &["--balance", "weight"], 2, "it is none, weights or sampling");
}
