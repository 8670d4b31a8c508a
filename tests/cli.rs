//! The program as its users meet it: what it writes, what it says, and with what code it ends.

mod support;

use serde_json::Value;
use std::fs;
use support::{diabolo, refused, standard_output, write_idx_folder};

#[test]
fn adapters_are_listed_for_people_and_for_programs() {
    let listed = standard_output(&diabolo().arg("adapters").assert().success());
    assert!(listed.contains("backend") && listed.contains("0  "), "{listed}");
    let json = standard_output(&diabolo().args(["adapters", "--json"]).assert().success());
    let adapters: Value = serde_json::from_str(&json).unwrap();
    assert!(adapters[0]["name"].is_string() && adapters[0]["max_storage_buffer_binding_size"].is_u64(), "{json}");
}

#[test]
fn presets_are_listed_with_a_line_each_and_printed_to_start_from() {
    let listed = standard_output(&diabolo().arg("presets").assert().success());
    for preset in diabolo::config::PRESETS {
        let line = listed.lines().find(|line| line.starts_with(preset.name)).unwrap();
        assert!(line.contains(preset.about), "{line}");
        let printed = standard_output(&diabolo().args(["presets", preset.name]).assert().success());
        assert_eq!(printed.trim_end(), preset.text.trim_end());
    }
    let message = refused(diabolo().args(["presets", "lineer"]), 2);
    assert!(message.contains("did you mean 'linear'?"), "{message}");
}

#[test]
fn an_adapter_is_verified_for_people_and_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("found.json");
    let arguments = ["verify", "--quick", "--seed", "11", "--only", "gather", "--json"];
    let said = standard_output(&diabolo().args(arguments).arg(&json).assert().success());
    assert!(said.contains("gather  SHUFFLE") && said.contains("seed     11") && said.contains("all is well"), "{said}");
    let found: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    let report = &found["adapters"][0];
    assert!(report["adapter"]["name"].is_string() && report["seed"] == 11, "{found}");
    let rows = report["rows"].as_array().unwrap();
    let is_good = |row: &Value| row["verdict"] == "passed" && row["cases"].as_u64().unwrap() > 0;
    assert_eq!(rows.len(), (diabolo::kernels::gather::KERNEL.variants)().len(), "{found}");
    assert!(rows.iter().all(is_good), "{found}");
}

#[test]
fn an_adapter_is_measured_for_people_for_programs_and_as_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let (json, plot) = (folder.path().join("measured.json"), folder.path().join("roofline.png"));
    let measured =
        diabolo().args(["bench", "--quick", "--json"]).arg(&json).arg("--plot").arg(&plot).assert().success();
    let said = standard_output(&measured);
    assert!(said.contains("peak") && said.contains("GFLOP/s") && said.contains("images/s"), "{said}");
    let measured: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    let bench = &measured["adapters"][0];
    let peak = bench["limits"]["operations_per_second"]["median"].as_f64().unwrap();
    let products = bench["products"].as_array().unwrap();
    assert!(!products.is_empty() && peak > 0.0);
    for product in products {
        let rate = product["operations_per_second"]["median"].as_f64().unwrap();
        let share = product["share_of_peak"].as_f64().unwrap();
        assert!(rate > 0.0 && (share - rate / peak).abs() < 1e-9, "{product}");
    }
    // A slow adapter leaves out what takes long, and says so.
    let trainings = bench["trainings"].as_array().unwrap();
    assert!(!trainings.is_empty() || bench["left_out"].to_string().contains("dense, batches of 256"), "{bench}");
    assert_eq!(image::image_dimensions(&plot).unwrap(), (960, 600));
}

#[test]
fn the_same_seed_verifies_the_same_cases() {
    let once = || {
        let arguments = ["verify", "--quick", "--seed", "3", "--only", "row_sums"];
        let said = standard_output(&diabolo().args(arguments).assert().success());
        said.lines().find(|line| line.starts_with("row_sums")).unwrap().to_owned()
    };
    assert_eq!(once(), once());
}

#[test]
fn a_check_that_there_is_not_is_refused_with_the_list() {
    let message = refused(diabolo().args(["verify", "--only", "matmull"]), 2);
    assert!(message.contains("matmul_tiled") && message.contains("determinism"), "{message}");
}

/// The whole way on the embedded data: train, look at every file of the run directory, evaluate and reconstruct.
#[test]
fn a_run_on_the_embedded_data_leaves_everything_it_promises() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let trained = diabolo().args(["train", "--epochs", "2", "--seed", "7", "--out"]).arg(&run).assert().success();
    let said = standard_output(&trained);
    for part in ["glyphs: 60,000 training and 10,000 test images of 28×28×1", "784 → 64", "106,448", "2/2", "images/s"]
    {
        assert!(said.contains(part), "'{part}' is missing in:\n{said}");
    }

    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    assert!(config.contains("seed = 7") && config.contains("epochs = 2"), "{config}");
    let metrics: Vec<Value> = fs::read_to_string(run.join("metrics.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(metrics.len(), 2);
    let keys: Vec<&str> = metrics[0].as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected =
        ["epoch", "step", "train_loss", "test_bce", "test_mse", "test_sse", "seconds", "images_per_second"];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    // 60,000 images in batches of 256: 234 whole ones and one of 96.
    assert_eq!(metrics[1]["step"], 470);
    let number = |key: &str, epoch: usize| metrics[epoch][key].as_f64().unwrap();
    assert!(number("train_loss", 1) < number("train_loss", 0));
    // The mean image would leave 0.2739; below the pixels' own entropy of 0.0718 the network would have seen the answer.
    assert!(number("test_bce", 1) > 0.0718 && number("test_bce", 1) < 0.19, "{metrics:?}");
    assert!((number("test_mse", 1) * 784.0 - number("test_sse", 1)).abs() < 1e-6);
    let summary: Value = serde_json::from_slice(&fs::read(run.join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["parameter_count"], 106_448);
    assert_eq!(summary["test_bce"], metrics[1]["test_bce"]);
    assert!(summary["adapter"]["name"].is_string() && summary["dispatches_per_step"].as_u64() > Some(1));
    // 70,000 images of 784 bytes, and what their training takes beside them.
    let gpu_bytes = summary["gpu_bytes"].as_u64().unwrap();
    assert!((70_000 * 784..80_000_000).contains(&gpu_bytes), "{gpu_bytes}");
    for picture in ["reconstructions.png", "loss.png"] {
        let (width, height) = image::open(run.join(picture)).unwrap().to_rgb8().dimensions();
        assert!(width >= 400 && height >= 200, "{picture} is {width} × {height}");
    }

    let evaluated = diabolo().arg("evaluate").arg(&run).arg("--json").assert().success();
    let evaluated: Value = serde_json::from_str(&standard_output(&evaluated)).unwrap();
    let difference = evaluated["model"]["bce"].as_f64().unwrap() - number("test_bce", 1);
    assert!(difference.abs() < 1e-9, "{evaluated}");
    // 14.09 was computed for PCA-32 on these images with NumPy.
    let pca = evaluated["pca"]["sse"].as_f64().unwrap();
    assert!((pca - 14.09).abs() < 0.02, "PCA leaves {pca}");

    let noisy =
        diabolo().arg("evaluate").arg(&run).args(["--noise", "masking", "--components", "8", "--json"]).assert();
    let noisy: Value = serde_json::from_str(&standard_output(&noisy.success())).unwrap();
    let sse = |value: &Value, of: &str| value[of]["sse"].as_f64().unwrap();
    assert!(sse(&noisy, "model") > sse(&evaluated, "model") && sse(&noisy, "pca") > sse(&evaluated, "pca"));
    // A quarter of the images' squares.
    let glyphs = diabolo::data::load("glyphs").unwrap();
    let squares: f64 = glyphs.test().bytes().iter().map(|&byte| (f64::from(byte) / 255.0).powi(2)).sum();
    let share = sse(&noisy, "noisy_images") / (squares / glyphs.test().len() as f64);
    assert!((share - 0.25).abs() < 1e-3, "{share}");
    assert_eq!((&noisy["noise"]["amount"], &noisy["components"]), (&Value::from(0.25), &Value::from(8)));
    for (wrong, told) in [(["--noise", "some"], "gaussian, masking"), (["--amount", "1"], "--noise")] {
        assert!(refused(diabolo().arg("evaluate").arg(&run).args(wrong), 2).contains(told));
    }
    let too_much = ["--noise", "masking", "--amount", "2"];
    assert!(refused(diabolo().arg("evaluate").arg(&run).args(too_much), 2).contains("corruption.amount"));

    let picture = folder.path().join("pairs.png");
    diabolo().arg("reconstruct").arg(&run).args(["--count", "6", "-o"]).arg(&picture).assert().success();
    assert!(image::open(&picture).is_ok());
    refused(diabolo().arg("reconstruct").arg(&run).args(["-o", "pairs.gif"]), 2);
    refused(diabolo().arg("train").arg("--out").arg(&run), 2);
}

/// `reconstruct` gives what the weights in `model.safetensors` say, computed here in f64 from nothing but that file.
#[test]
fn reconstructions_follow_from_the_model_file() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    write_idx_folder(&data, 60, 30);
    let run = folder.path().join("run");
    let train = ["train", "--batch", "20", "--epochs", "3", "--quiet", "--data"];
    let quiet = diabolo().args(train).arg(&data).arg("--out").arg(&run).assert().success();
    assert_eq!(standard_output(&quiet), "");
    let npy = folder.path().join("pairs.npy");
    diabolo().arg("reconstruct").arg(&run).args(["--count", "30", "-o"]).arg(&npy).assert().success();
    let file = npyz::NpyFile::new(fs::File::open(&npy).map(std::io::BufReader::new).unwrap()).unwrap();
    assert_eq!(file.shape(), [2, 30, 4, 5, 1]);
    let values: Vec<f32> = file.into_vec().unwrap();
    let (originals, reconstructions) = values.split_at(600);

    let bytes = fs::read(run.join("model.safetensors")).unwrap();
    let model = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let numbers = |name: &str| -> Vec<f64> {
        let view = model.tensor(name).unwrap();
        view.data().chunks_exact(4).map(|four| f64::from(f32::from_le_bytes(four.try_into().unwrap()))).collect()
    };
    let layers = ["encoder.0", "encoder.1", "decoder.0", "decoder.1", "decoder.2"];
    for (original, reconstruction) in originals.chunks(20).zip(reconstructions.chunks(20)) {
        let mut values: Vec<f64> = original.iter().copied().map(f64::from).collect();
        for layer in layers {
            let (weight, mut sums) = (numbers(&format!("{layer}.weight")), numbers(&format!("{layer}.bias")));
            for (row, value) in weight.chunks(sums.len()).zip(&values) {
                sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight * value);
            }
            let is_last = layer == "decoder.2";
            values = sums.iter().map(|&x| if is_last { 1.0 / (1.0 + (-x).exp()) } else { x.max(0.0) }).collect();
        }
        for (computed, expected) in reconstruction.iter().zip(values) {
            assert!((f64::from(*computed) - expected).abs() <= 1e-5, "{computed}, not {expected}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_model_file() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    write_idx_folder(&data, 200, 20);
    let model = |name: &str, seed: &str| {
        let run = folder.path().join(name);
        let arguments = ["train", "--quiet", "--batch", "32", "--epochs", "3", "--seed", seed, "--data"];
        diabolo().args(arguments).arg(&data).arg("--out").arg(&run).assert().success();
        fs::read(run.join("model.safetensors")).unwrap()
    };
    let first = model("first", "3");
    assert_eq!(first, model("second", "3"));
    assert_ne!(first, model("third", "4"));
}

/// The training images take 200 × 20 bytes. In 3,000 bytes each of three buffers holds 50 of them, one batch of 40.
#[test]
fn a_small_gpu_memory_changes_neither_the_model_nor_its_errors() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    write_idx_folder(&data, 200, 50);
    let train = |name: &str, more: &[&str]| {
        let run = folder.path().join(name);
        let mut command = diabolo();
        command.args(["train", "--quiet", "--batch", "40", "--epochs", "2", "--data"]);
        command.arg(&data).arg("--out").arg(&run).args(more);
        (command, run)
    };
    let trained = |name: &str, more: &[&str]| {
        let (mut command, run) = train(name, more);
        command.assert().success();
        let summary: Value = serde_json::from_slice(&fs::read(run.join("summary.json")).unwrap()).unwrap();
        let errors = ["train_loss", "test_bce", "test_sse"].map(|key| summary[key].as_f64().unwrap());
        (fs::read(run.join("model.safetensors")).unwrap(), errors)
    };
    let resident = trained("resident", &[]);
    assert_eq!(trained("streamed", &["--gpu-memory", "3kB"]), resident);

    let evaluated = |more: &[&str]| {
        let run = folder.path().join("resident");
        let evaluate = diabolo().arg("evaluate").arg(run).args(["--split", "train", "--json"]).args(more).assert();
        let found: Value = serde_json::from_str(&standard_output(&evaluate.success())).unwrap();
        found["model"].clone()
    };
    assert_eq!(evaluated(&["--gpu-memory", "1KiB"]), evaluated(&[]));

    // The least that would do is named, and does.
    let (mut command, run) = train("small", &["--gpu-memory", "2kB"]);
    let message = refused(&mut command, 2);
    assert!(message.contains("limited to 2000 bytes") && message.contains("--gpu-memory 2400B or more"), "{message}");
    assert!(!run.exists());
    assert_eq!(trained("least", &["--gpu-memory", "2400B"]), resident);
    let (mut command, _) = train("nonsense", &["--gpu-memory", "much"]);
    assert!(refused(&mut command, 2).contains("as in 512MB or 2GiB"));
}

/// Of four channels a picture shows three, and 1 × 4100 pixels it shows reduced.
#[test]
fn images_of_any_shape_train_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    for (name, shape) in [("channels", [4u32, 5, 4]), ("wide", [1, 4100, 1]), ("tiny", [1, 1, 1])] {
        let data = folder.path().join(name);
        fs::create_dir(&data).unwrap();
        for (split, count) in [("train", 6u32), ("t10k", 3)] {
            let header = [0x0804, count, shape[0], shape[1], shape[2]].into_iter().flat_map(u32::to_be_bytes);
            let pixels = (0..count * shape.iter().product::<u32>()).map(|i| (i % 256) as u8);
            let bytes: Vec<u8> = header.chain(pixels).collect();
            fs::write(data.join(format!("{split}-images-idx4-ubyte")), bytes).unwrap();
        }
        let run = folder.path().join(format!("run-{name}"));
        let train = ["train", "--quiet", "--batch", "4", "--epochs", "1", "--data"];
        diabolo().args(train).arg(&data).arg("--out").arg(&run).assert().success();
        for file in ["model.safetensors", "summary.json", "loss.png", "reconstructions.png"] {
            assert!(run.join(file).exists(), "{name}: {file}");
        }
    }
}

#[test]
fn a_run_finds_its_data_again_from_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    write_idx_folder(&folder.path().join("data"), 40, 10);
    let train = ["train", "--quiet", "--batch", "20", "--epochs", "1", "--data", "data", "--out", "run"];
    diabolo().current_dir(&folder).args(train).assert().success();
    diabolo().current_dir("/").arg("evaluate").arg(folder.path().join("run")).assert().success();
}

#[test]
fn two_runs_at_once_get_a_directory_each() {
    let folder = tempfile::tempdir().unwrap();
    write_idx_folder(&folder.path().join("data"), 40, 10);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let train = ["train", "--quiet", "--batch", "20", "--epochs", "2", "--data", "data"];
                diabolo().current_dir(&folder).args(train).assert().success();
            });
        }
    });
    for number in 1..=3 {
        let run = folder.path().join(format!("runs/dense-data-{number}"));
        assert_eq!(fs::read_to_string(run.join("metrics.jsonl")).unwrap().lines().count(), 2);
    }
}

#[test]
fn a_known_data_set_is_found_where_the_environment_says() {
    let folder = tempfile::tempdir().unwrap();
    write_idx_folder(&folder.path().join("mnist"), 40, 10);
    let run = folder.path().join("run");
    let mut command = diabolo();
    command
        .env("DIABOLO_DATA", folder.path())
        .args(["train", "--data", "mnist", "--epochs", "1", "--batch", "20", "--out"]);
    let said = standard_output(&command.arg(&run).assert().success());
    assert!(said.contains("mnist: 40 training and 10 test images of 4×5×1"), "{said}");
}

#[test]
fn output_may_be_closed_early() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_diabolo"))
        .arg("adapters")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
