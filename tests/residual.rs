//! Layers that add what they take to what they give, in trainings and through the program; `tests/verify.rs` holds their steps against the twin.

mod support;

use diabolo::config::Config;
use diabolo::data::load;
use diabolo::model::{Layer, initial_parameters};
use diabolo::reference::Activation;
use diabolo::train::Trainer;
use safetensors::SafeTensors;
use serde_json::Value;
use std::fs;
use std::path::Path;
use support::{diabolo, gpu, write_csv};

/// Eight layers that each leave little of a gradient learn the mean image at best. Past them it comes whole.
#[test]
fn residual_layers_let_a_deep_network_learn() {
    let gpu = gpu();
    let images = load("glyphs").unwrap().train().first(1000);
    let last_losses = |residual: bool| -> f32 {
        let words =
            ["training.batch_size=50", "training.epochs=12", "optimizer.learning_rate=0.003"].map(str::to_owned);
        let mut config = Config::load("dense", &words).unwrap();
        let first = Layer::new(32, Activation::Tanh);
        let layer = Layer { residual, ..first };
        config.network.encoder = vec![first, layer, layer, layer];
        config.network.decoder = vec![layer; 4];
        config.validate().unwrap();
        let parameters = initial_parameters(&config.network(784), config.network.initialization, 1);
        let mut trainer = Trainer::new(&gpu, &config, &images, &parameters).unwrap();
        let losses: Vec<f32> = (0..12).flat_map(|epoch| trainer.epoch_losses(epoch, |_| ()).unwrap()).collect();
        losses[losses.len() - 20..].iter().sum::<f32>() / 20.0
    };
    let (residual, plain) = (last_losses(true), last_losses(false));
    assert!(residual < 0.8 * plain, "{residual} and {plain}");
}

const ENCODER: &str = "network.encoder=[{units=16, activation=\"tanh\"}, {units=16, activation=\"gelu\", residual=true, dropout=0.1}, \
    {units=16, activation=\"identity\", residual=true}]";
const DECODER: &str = "network.decoder=[{units=16, activation=\"relu\", residual=true, normalization=\"layer\"}]";

fn array(path: &Path) -> Vec<f32> {
    npyz::NpyFile::new(fs::File::open(path).map(std::io::BufReader::new).unwrap()).unwrap().into_vec().unwrap()
}

fn numbers(bytes: &[u8]) -> Vec<f64> {
    bytes.as_chunks().0.iter().copied().map(f32::from_le_bytes).map(f64::from).collect()
}

/// A network with shortcuts around dropout, around its code and around normalization becomes the same model again, also where it is stopped and
/// goes on. Its codes follow from the model file, and images from its codes.
#[test]
fn a_residual_network_is_trained_evaluated_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_csv(&at("glyphs.csv"), &load("glyphs").unwrap().train().first(1000));
    let train = |name: &str, more: &[&str]| {
        let mut command = diabolo();
        command.args(["train", "--batch", "50", "--quiet", "--no-tune", "--set", "data.size=[14,14]"]);
        command.args(["--set", ENCODER, "--set", DECODER, "--data"]).arg(at("glyphs.csv"));
        command.arg("--out").arg(at(name)).args(more);
        command
    };
    let model = |name: &str| fs::read(at(name).join("model.safetensors")).unwrap();
    for (name, epochs) in [("whole", "4"), ("again", "4"), ("resumed", "1")] {
        train(name, &["--epochs", epochs]).assert().success();
    }
    assert!(model("whole") == model("again"), "another run has become another model");
    let without = ENCODER.replace(", residual=true}]", "}]");
    let refused = train("resumed", &["--epochs", "4", "--resume", "--set", &without]).assert().failure().code(2);
    let message = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(message.contains("network.encoder") && message.trim_end().lines().count() == 1, "{message}");
    train("resumed", &["--epochs", "4", "--resume"]).assert().success();
    assert!(model("resumed") == model("whole"), "the resumed run has become another model");
    let summary = fs::read_to_string(at("whole").join("summary.json")).unwrap();
    assert!(summary.contains("layered"), "a step with shortcuts was fused: {summary}");

    diabolo().arg("encode").arg(at("whole")).arg("-o").arg(at("codes.npy")).assert().success();
    diabolo().arg("decode").arg(at("whole")).arg(at("codes.npy")).arg("-o").arg(at("images.npy")).assert().success();
    diabolo()
        .arg("reconstruct")
        .arg(at("whole"))
        .args(["--count", "100", "-o"])
        .arg(at("pairs.npy"))
        .assert()
        .success();
    let (codes, pairs) = (array(&at("codes.npy")), array(&at("pairs.npy")));
    assert!(array(&at("images.npy")) == pairs[100 * 196..], "images of codes are not the reconstructions");
    let told = diabolo().arg("evaluate").arg(at("whole")).arg("--json").assert().success().get_output().stdout.clone();
    let evaluated: Value = serde_json::from_slice(&told).unwrap();
    let (originals, given_back) = pairs.split_at(100 * 196);
    let squares = originals.iter().zip(given_back).map(|(a, b)| f64::from(a - b).powi(2));
    let (sse, told) = (squares.sum::<f64>() / 100.0, evaluated["model"]["sse"].as_f64().unwrap());
    assert!((told - sse).abs() <= 1e-4 * sse, "{told}, not {sse}");
    let bytes = model("whole");
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let layer = |name: &str, input: &[f64], activation: fn(f64) -> f64| -> Vec<f64> {
        let [weight, mut sums] =
            ["weight", "bias"].map(|part| numbers(file.tensor(&format!("{name}.{part}")).unwrap().data()));
        for (row, value) in weight.chunks(sums.len()).zip(input) {
            sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight * value);
        }
        sums.into_iter().map(activation).collect()
    };
    let plus = |a: Vec<f64>, b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a + b).collect() };
    for (image, code) in pairs[..100 * 196].chunks(196).zip(codes.chunks(16)) {
        let image: Vec<f64> = image.iter().copied().map(f64::from).collect();
        let first = layer("encoder.0", &image, f64::tanh);
        let second = plus(layer("encoder.1", &first, |z| Activation::Gelu.apply(z)), &first);
        let expected = plus(layer("encoder.2", &second, |z| z), &second);
        for (computed, expected) in code.iter().zip(expected) {
            let off = (f64::from(*computed) - expected).abs();
            assert!(off <= 1e-5 * (1.0 + expected.abs()), "{computed}, not {expected}");
        }
    }

    let fine = ["--method", "finetune", "--epochs", "20", "--batch", "50", "--validation", "0"];
    diabolo().arg("classify").arg(at("whole")).args(fine).assert().success();
    let told = fs::read_to_string(at("whole").join("finetune/metrics.json")).unwrap();
    let metrics: Value = serde_json::from_str(&told).unwrap();
    let accuracy = metrics["trials"][0]["outcomes"][0]["test"]["accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.5, "of ten classes, {accuracy} are told");
}
