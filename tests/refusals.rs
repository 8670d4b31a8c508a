//! What the program refuses: with one line that says what to do, the documented exit code, and nothing left behind.

mod support;

use assert_cmd::Command;
use std::fs;
use std::path::Path;
use support::{diabolo, refused, write_idx_folder};

#[test]
fn a_wrong_word_is_met_with_the_right_ones_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let wrong = |code: i32, arguments: &[&str]| {
        let message = refused(diabolo().arg("train").args(arguments).arg("--out").arg(&run), code);
        assert!(!run.exists(), "{message}");
        message
    };
    assert!(wrong(2, &["dens"]).contains("did you mean 'dense'?"));
    assert!(wrong(2, &["--set", "training.epocs=1"]).contains("did you mean 'training.epochs'?"));
    assert!(wrong(2, &["--epochs", "0"]).contains("training.epochs must be at least 1"));
    assert!(wrong(2, &["--batch", "65536"]).contains("training.batch_size must be between 1 and 65535"));
    for none in ["voodoo", "99"] {
        assert!(wrong(2, &["--adapter", none]).contains("this machine has: [0] "));
    }
    assert!(wrong(5, &["--data", "mnits"]).contains("did you mean `mnist`?"));
    assert!(wrong(2, &["missing.toml"]).contains("cannot read missing.toml"));
    let occupied = folder.path().join("occupied");
    fs::create_dir(&occupied).unwrap();
    fs::write(occupied.join("mine"), "").unwrap();
    assert!(refused(diabolo().args(["train", "--out"]).arg(&occupied), 2).contains("is not empty"));
    assert_eq!(fs::read_dir(&occupied).unwrap().count(), 1);
    // What the parser of the command line refuses is a usage error too.
    assert!(wrong(2, &["--epochs", "many"]).contains("'many'"));
    for number in ["1e3", "1.5", ""] {
        let message = wrong(2, &["--epochs", number]);
        assert!(message.contains("it must be a whole number without sign, as in 10"), "{message}");
    }
    let message = wrong(2, &["--epochs", "-1"]);
    assert!(message.contains("invalid value '-1' for '--epochs") && !message.contains("tip"), "{message}");
    assert!(wrong(2, &["--epochs", "99999999999999999999"]).contains("it is larger than can be"));
    assert!(wrong(2, &["--set", "training.seed=-1"]).contains("must be a whole number from 0 on, not -1"));
    assert!(wrong(2, &["--max-memory", "foo"]).contains("as in 512MB or 2GiB"));
    let message = refused(diabolo().args(["classify", "run", "--validation", "half"]), 2);
    assert!(message.contains("it must be a number, as in 0.1"), "{message}");
    assert!(wrong(5, &["--sample-weights", "none.npy"]).contains("check the name, as no such file is there"));
    assert!(refused(diabolo().args(["bench", "--plot", "b.jpg"]), 2).contains("b.jpg: the file must end in .png"));
    assert!(refused(diabolo().arg("tarin"), 2).contains("train"));
    assert!(refused(diabolo().args(["evaluate", "run", "--split", "validation"]), 2).contains("train"));
    assert!(refused(diabolo().arg("adapters").env("DIABOLO_LOG", "a=b=c"), 2).contains("DIABOLO_LOG"));
}

#[test]
fn a_training_that_diverges_says_so_and_leaves_no_model() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    write_idx_folder(&data, 40, 10);
    for rate in ["1e36", "1e38"] {
        let run = folder.path().join(rate);
        let mut command = diabolo();
        command.args(["train", "--quiet", "--batch", "40", "--epochs", "2", "--set"]);
        command.arg(format!("optimizer.learning_rate={rate}")).arg("--data").arg(&data).arg("--out").arg(&run);
        let message = refused(&mut command, 3);
        assert!(
            message.contains("diverged") && message.contains("learning_rate=1e-4, or --on-nan rollback"),
            "{message}"
        );
        assert!(run.join("config.toml").exists() && !run.join("model.safetensors").exists());
    }
    // Not even half the learning rate, five times over, helps against the last of these.
    let mut command = diabolo();
    command.args(["train", "--no-tune", "--batch", "40", "--epochs", "2", "--on-nan", "rollback"]);
    command
        .args(["--set", "optimizer.learning_rate=1e38", "--data"])
        .arg(&data)
        .arg("--out")
        .arg(folder.path().join("back"));
    let told = String::from_utf8(command.assert().failure().code(3).get_output().stderr.clone()).unwrap();
    assert!(
        told.contains("going back to step 0 with learning rate") && told.contains("diabolo: the training"),
        "{told}"
    );
    assert!(told.trim_end().ends_with("optimizer.learning_rate=1e-4") && !told.contains("--on-nan"), "{told}");
}

#[test]
fn layers_too_large_for_the_adapter_are_refused_before_they_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let layers = "network.encoder=[{units=1000000, activation=\"relu\"}, {units=1000000, activation=\"relu\"}]";
    let message = refused(diabolo().args(["train", "--set", layers, "--out"]).arg(&run), 4);
    assert!(message.contains("encoder.0.weight") && message.contains("smaller layers"), "{message}");
    assert!(!run.exists());
}

/// Each layer fits by itself, but all of them are far more than any machine has.
#[test]
fn more_layers_than_memory_holds_are_refused_before_they_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let (run, file) = (folder.path().join("run"), folder.path().join("huge.toml"));
    let layers = vec!["{ units = 4000, activation = \"relu\" }"; 10_000].join(", ");
    fs::write(&file, format!("[network]\nencoder = [{layers}]\n")).unwrap();
    let began = std::time::Instant::now();
    let message = refused(diabolo().arg("train").arg(&file).arg("--out").arg(&run), 4);
    assert!(
        message.contains("needs ") && message.contains(" are at hand: use smaller images, smaller layers"),
        "{message}"
    );
    assert!(began.elapsed() < std::time::Duration::from_secs(10) && !run.exists());
}

#[test]
fn damaged_data_is_named_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let images = data.join("train-images-idx3-ubyte");
    let labels = data.join("t10k-labels-idx1-ubyte");
    let run = folder.path().join("run");
    let refused = |damage: &dyn Fn(), parts: &[&str]| {
        write_idx_folder(&data, 60, 30);
        damage();
        let mut command = diabolo();
        command.args(["train", "--batch", "20", "--data"]).arg(&data).arg("--out").arg(&run);
        let message = refused(&mut command, 5);
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        assert!(!run.exists());
        fs::remove_dir_all(&data).unwrap();
    };
    let change = |path: &Path, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = fs::read(path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    };
    refused(&|| fs::remove_file(&images).unwrap(), &["train-images-idx3-ubyte"]);
    refused(&|| change(&images, &|bytes| bytes.truncate(700)), &["train-images", "truncated"]);
    refused(&|| change(&images, &|bytes| bytes.truncate(9)), &["train-images", "truncated"]);
    refused(&|| change(&images, &|bytes| bytes.push(0)), &["train-images"]);
    refused(&|| change(&images, &|bytes| bytes[2] = 13), &["train-images"]);
    refused(&|| change(&images, &|bytes| bytes[4..8].fill(0xff)), &["train-images"]);
    let fewer_labels = |bytes: &mut Vec<u8>| {
        bytes[7] = 29;
        bytes.truncate(8 + 29);
    };
    refused(&|| change(&labels, &fewer_labels), &["29 labels", "30 images"]);
}

#[test]
fn a_directory_that_holds_no_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["evaluate", "reconstruct", "encode"] {
        assert!(refused(diabolo().arg(command).arg(folder.path()), 5).contains("config.toml is missing"));
        assert!(refused(diabolo().args([command, "nowhere"]), 5).contains("there is no run directory nowhere"));
    }
}

#[test]
fn a_damaged_model_and_other_images_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    write_idx_folder(&data, 40, 10);
    let run = folder.path().join("run");
    let train = ["train", "--quiet", "--batch", "20", "--epochs", "1", "--data"];
    diabolo().args(train).arg(&data).arg("--out").arg(&run).assert().success();
    let message = refused(diabolo().arg("evaluate").arg(&run).args(["--data", "glyphs"]), 2);
    assert!(message.contains("takes images of 20 values") && message.contains("28×28×1"), "{message}");
    let model = run.join("model.safetensors");
    let bytes = fs::read(&model).unwrap();
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(&model, &flipped).unwrap();
    for command in ["evaluate", "reconstruct", "encode"] {
        let message = refused(diabolo().current_dir(&folder).arg(command).arg(&run), 5);
        assert!(message.contains("model.safetensors is damaged: its checksum"), "{message}");
        assert!(message.contains("put the whole file back, or train anew"), "{message}");
    }
    fs::write(&model, &bytes[..bytes.len() / 2]).unwrap();
    assert!(refused(diabolo().arg("evaluate").arg(&run), 5).contains("model.safetensors"));
}

/// With no driver to be found, the message says what to install. Where a machine's drivers come from is up to its system, so this
/// hides those of Linux.
#[test]
#[cfg(target_os = "linux")]
fn a_machine_without_an_adapter_is_told_what_to_install() {
    let none = |command: &mut Command| {
        let message = refused(
            command.env("WGPU_BACKEND", "vulkan").env("VK_DRIVER_FILES", "none").env("VK_ICD_FILENAMES", "none"),
            4,
        );
        assert!(message.contains("apt-get install libvulkan1 mesa-vulkan-drivers"), "{message}");
    };
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    none(diabolo().arg("adapters"));
    let named = refused(diabolo().arg("adapters").env("WGPU_BACKEND", "metal"), 4);
    assert!(named.contains("WGPU_BACKEND=metal: unset that"), "{named}");
    let unknown = refused(diabolo().arg("adapters").env("WGPU_BACKEND", "foo"), 2);
    assert!(unknown.contains("use vulkan, metal, dx12, gl"), "{unknown}");
    none(diabolo().arg("train").arg("--out").arg(&run));
    assert!(!run.exists());
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_cannot_be_written_is_an_error() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status =
        std::process::Command::new(env!("CARGO_BIN_EXE_diabolo")).arg("adapters").stdout(full).status().unwrap();
    assert_eq!(status.code(), Some(5));
}
