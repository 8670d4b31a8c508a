//! What trainings make of images that count differently; `tests/verify.rs` holds their steps against the twin.

mod support;

use assert_cmd::Command;
use std::fs;
use std::path::Path;
use support::diabolo;

/// Every second image is dark in its upper half, the others in their lower half.
fn is_of_first_kind(image: usize) -> bool {
    image.is_multiple_of(2)
}

fn image(image: usize) -> String {
    let pixel = |pixel: usize| {
        let is_light = (pixel < 32) == is_of_first_kind(image);
        if is_light { (200 + (image * pixel) % 50).to_string() } else { ((image + pixel) % 20).to_string() }
    };
    format!("{},{}", is_of_first_kind(image), (0..64).map(pixel).collect::<Vec<_>>().join(","))
}

fn train(folder: &Path, run: &str, arguments: &[&str]) -> Command {
    let mut command = diabolo();
    command.args(["train", "--quiet", "--no-tune", "--batch", "20", "--data"]).arg(folder.join("images.csv"));
    command.args(["--set", "network.encoder=[{units=8, activation=\"relu\"}]", "--set", "network.decoder=[]"]);
    command.args(["--epochs", "60", "--set", "optimizer.learning_rate=0.01", "--out"]).arg(folder.join(run));
    command.args(arguments);
    command
}

/// The mean squared error of all images of a kind.
fn error_of(folder: &Path, run: &str, is_of_kind: fn(usize) -> bool) -> f64 {
    let pairs = folder.join("pairs.npy");
    let mut command = diabolo();
    command.arg("reconstruct").arg(folder.join(run)).args(["--set", "data.test_share=1", "--count", "100", "-o"]);
    command.arg(&pairs).assert().success();
    let values = npyz::NpyFile::new(&fs::read(&pairs).unwrap()[..]).unwrap().into_vec::<f32>().unwrap();
    let (originals, reconstructions) = values.split_at(6400);
    let errors = originals.iter().zip(reconstructions).enumerate().filter(|(place, _)| is_of_kind(place / 64));
    errors.map(|(_, (x, y))| f64::from(x - y).powi(2)).sum::<f64>() / 3200.0
}

/// What counts nothing is not learned. The model is the same whether images are streamed, or all weights are larger.
#[test]
fn images_count_as_much_as_their_weights_say() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let header = format!("label,{}", (0..64).map(|pixel| pixel.to_string()).collect::<Vec<_>>().join(","));
    fs::write(
        folder.join("images.csv"),
        [header].into_iter().chain((0..100).map(image)).collect::<Vec<_>>().join("\n"),
    )
    .unwrap();
    let weights = |of_first: u32, of_second: u32| {
        let weight = |image| if is_of_first_kind(image) { of_first } else { of_second };
        (0..100).map(|image| format!("{}\n", weight(image))).collect::<String>()
    };
    fs::write(folder.join("weights.csv"), format!("weight\n{}", weights(1, 0))).unwrap();
    fs::write(folder.join("larger.csv"), weights(64, 0)).unwrap();
    // A plan is timed on the first images, of which none may count.
    let last = (0..100).map(|image| if image < 95 { "0\n" } else { "1\n" }).collect::<String>();
    fs::write(folder.join("last.csv"), last).unwrap();
    let mut tuned = diabolo();
    tuned.args(["tune", "dense", "--data"]).arg(folder.join("images.csv")).args(["--batch", "5", "--set"]);
    tuned.arg(format!("data.weights={}", folder.join("last.csv").display())).assert().success();
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    train(folder, "weighted", &["--sample-weights", &file("weights.csv")]).assert().success();
    let [learned, ignored] = [is_of_first_kind as fn(usize) -> bool, |image| !is_of_first_kind(image)]
        .map(|kind| error_of(folder, "weighted", kind));
    assert!(learned < 0.01 && ignored > 0.2, "{learned} {ignored}");

    let model = |run: &str| fs::read(folder.join(run).join("model.safetensors")).unwrap();
    let tensors = |run: &str| {
        let bytes = model(run);
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        bytes[8 + length..].to_vec()
    };
    let streamed = ["--sample-weights", &file("weights.csv"), "--gpu-memory", "4kB"];
    train(folder, "streamed", &streamed).assert().success();
    assert!(model("streamed") == model("weighted"), "streaming changes the model");
    train(folder, "larger", &["--sample-weights", &file("larger.csv")]).assert().success();
    assert!(tensors("larger") == tensors("weighted"), "larger weights change the model");
    let summary = fs::read_to_string(folder.join("weighted").join("summary.json")).unwrap();
    assert!(summary.contains("layered"), "a step with weights was fused: {summary}");

    fs::write(folder.join("few.csv"), "1\n2\n").unwrap();
    let refused = train(folder, "refused", &["--sample-weights", &file("few.csv")]).assert().failure().code(5);
    let told = String::from_utf8(refused.get_output().stderr.clone()).unwrap();
    assert!(
        told.contains("few.csv: holds 2 weights, but the source has 100 images before some are kept for testing"),
        "{told}"
    );
    // The host, which would draw images that are streamed, knows no weights.
    let drawn = [&streamed[..], &["--balance", "sampling"]].concat();
    let refused = train(folder, "refused", &drawn).assert().failure().code(2);
    let told = String::from_utf8(refused.get_output().stderr.clone()).unwrap();
    assert!(told.contains("those that have weights cannot be drawn class by class"), "{told}");
    assert!(!folder.join("refused").exists());
}
