//! Trainings that are stopped, killed or refused, and go on: what becomes of them is what would have become of them, byte for byte.

mod support;

use assert_cmd::Command;
use diabolo::train::Checkpoint;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use support::diabolo;

/// `count` images of 4 × 4 in a CSV file.
fn write_csv(path: &Path, count: usize) {
    let row = |image: usize| (0..16).map(|i| (image * i * 37 % 256).to_string()).collect::<Vec<_>>().join(",") + "\n";
    fs::write(path, (0..count).map(row).collect::<String>()).unwrap();
}

struct Run {
    folder: tempfile::TempDir,
}

impl Run {
    fn new(images: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_csv(&folder.path().join("data.csv"), images);
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn train(&self, name: &str, more: &[&str]) -> Vec<String> {
        // On a busy machine one run might be found worth tuning, and another not: they would round differently.
        let words = ["train", "--quiet", "--no-tune", "--batch", "10", "--data", "data.csv", "--out", name];
        words.iter().chain(more).map(|&word| word.to_owned()).collect()
    }

    fn command(&self, name: &str, more: &[&str]) -> Command {
        let mut command = diabolo();
        command.current_dir(&self.folder).args(self.train(name, more));
        command
    }

    fn spawn(&self, name: &str, more: &[&str]) -> Child {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_diabolo"));
        command.env_remove("DIABOLO_DATA").current_dir(&self.folder).args(self.train(name, more));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Waits until the run has so many checkpoints, or one of so many steps.
    fn wait_for_step(&self, child: &mut Child, name: &str, step: u64) {
        let began = Instant::now();
        while self.steps(name).last().is_none_or(|&newest| newest < step) {
            assert!(child.try_wait().unwrap().is_none(), "the run has ended by itself");
            assert!(began.elapsed() < Duration::from_secs(120));
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn steps(&self, name: &str) -> Vec<u64> {
        let Ok(entries) = fs::read_dir(self.path(name).join("checkpoint")) else { return Vec::new() };
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        let mut steps: Vec<u64> =
            names.filter_map(|name| name.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse().ok()).collect();
        steps.sort_unstable();
        steps
    }

    fn model(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name).join("model.safetensors")).unwrap()
    }

    /// What the lines of `metrics.jsonl` say, but for what was measured with a clock.
    fn metrics(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(name).join("metrics.jsonl")).unwrap();
        let without_time = |line: &str| {
            let mut metrics: Value = serde_json::from_str(line).unwrap();
            metrics.as_object_mut().unwrap().retain(|key, _| !["seconds", "images_per_second"].contains(&key.as_str()));
            metrics
        };
        text.lines().map(without_time).collect()
    }

    /// What it says while it fails with this code.
    fn refused(&self, name: &str, more: &[&str], code: i32) -> String {
        support::refused(&mut self.command(name, more), code)
    }
}

#[cfg(unix)]
fn send(signal: &str, child: &Child) {
    let kill = format!("kill -{signal} {}", child.id());
    assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

const MANY: [&str; 4] = ["--epochs", "12", "--set", "checkpoint.every_steps=3"];
const GO_ON: [&str; 1] = ["--resume"];

/// Killed without warning again and again, in the middle of epochs, of measurements and of writing.
#[test]
#[cfg(unix)]
fn a_run_that_is_killed_again_and_again_becomes_the_model_that_it_would_have_become() {
    let run = Run::new(1000);
    run.command("straight", &MANY).assert().success();
    // 90 steps an epoch. A step that is no multiple of 3 is no checkpoint's.
    for (place, step) in [50, 300, 720].into_iter().enumerate() {
        let more = if place == 0 { &MANY[..] } else { &GO_ON[..] };
        let mut child = run.spawn("killed", more);
        run.wait_for_step(&mut child, "killed", step);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(run.steps("killed").iter().all(|step| step % 3 == 0));
        assert!(!run.path("killed/model.safetensors").exists());
    }
    run.command("killed", &GO_ON).assert().success();
    assert!(run.model("killed") == run.model("straight"));
    assert_eq!(run.metrics("killed"), run.metrics("straight"));
    assert_eq!(run.metrics("killed").len(), 12);
    // A disk that is busy gets fewer than one every three steps.
    assert_eq!((run.steps("killed").len(), run.steps("killed").last()), (3, Some(&1080)));
    let hidden = |folder: &str| {
        let names = fs::read_dir(run.path(folder)).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with('.')).count()
    };
    assert_eq!((hidden("killed"), hidden("killed/checkpoint")), (0, 0));
}

#[test]
#[cfg(unix)]
fn a_signal_saves_the_run_and_says_how_to_go_on() {
    let run = Run::new(1000);
    let epochs = ["--epochs", "40"];
    run.command("straight", &epochs).assert().success();
    let mut step_before = 0;
    for (signal, more) in [("INT", &epochs[..]), ("TERM", &GO_ON[..])] {
        let mut child = run.spawn("stopped", more);
        run.wait_for_step(&mut child, "stopped", step_before + 90);
        send(signal, &child);
        let output = child.wait_with_output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{message}");
        assert!(message.contains("go on with diabolo train --resume --output stopped"), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        let step = *run.steps("stopped").last().unwrap();
        assert!(message.contains(&format!("interrupted after step {step} ")), "{message}");
        step_before = step;
    }
    run.command("stopped", &GO_ON).assert().success();
    assert!(run.model("stopped") == run.model("straight"));
    assert_eq!(run.metrics("stopped"), run.metrics("straight"));
}

#[test]
#[cfg(unix)]
fn a_second_signal_ends_the_run_at_once_and_harms_nothing_that_was_written() {
    let run = Run::new(1000);
    let mut child = run.spawn("run", &["--epochs", "100000"]);
    run.wait_for_step(&mut child, "run", 90);
    // While it is stopped, both arrive before it can do anything.
    send("STOP", &child);
    send("INT", &child);
    send("TERM", &child);
    send("CONT", &child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let newest = *run.steps("run").last().unwrap();
    let checkpoint = Checkpoint::load(&run.path("run").join(format!("checkpoint/step-{newest:012}.safetensors")));
    assert_eq!(checkpoint.unwrap().metadata.step, newest);
}

/// While the adapter is tried out, before there is anything to save.
#[test]
#[cfg(unix)]
fn a_signal_before_the_training_ends_it_at_once_and_leaves_nothing() {
    for signal in ["INT", "TERM"] {
        let run = Run::new(1000);
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_diabolo"));
        command.env_remove("DIABOLO_DATA").env("XDG_CACHE_HOME", run.path("cache")).current_dir(&run.folder);
        command.args(["train", "--batch", "10", "--epochs", "100000", "--data", "data.csv", "--out", "run"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut first_line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut first_line).unwrap();
        assert!(first_line.starts_with("adapter"), "{first_line}");
        send(signal, &child);
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert!(!run.path("run").exists());
    }
}

#[test]
fn a_run_goes_on_to_no_fewer_epochs_than_it_has() {
    let run = Run::new(100);
    run.command("run", &["--epochs", "3"]).assert().success();
    let (config, model) = (fs::read(run.path("run/config.toml")).unwrap(), run.model("run"));
    let message = run.refused("run", &["--resume", "--epochs", "2"], 2);
    assert!(message.contains("training.epochs = 2: it must be at least 3"), "{message}");
    assert!(fs::read(run.path("run/config.toml")).unwrap() == config && run.model("run") == model);
    run.command("run", &GO_ON).assert().success();
    assert!(run.model("run") == model);
}

/// The learning rate that is left, and when to end, follow from the losses of all epochs, those before a kill among them.
#[test]
#[cfg(unix)]
fn a_run_out_of_patience_keeps_its_best_weights_also_where_it_was_killed() {
    let run = Run::new(400);
    let words =
        ["--epochs", "400", "--set", "optimizer.learning_rate=0.05", "--set", "checkpoint.every_steps=7", "--set"];
    let patient = [&words[..], &["training.patience=3", "--set"]].concat();
    let plateau =
        ["schedule.shape=plateau", "--set", "schedule.plateau_patience=1", "--set", "schedule.final_share=0.5"];
    let more = [&patient[..], &plateau].concat();
    run.command("straight", &more).assert().success();
    let metrics = run.metrics("straight");
    let losses: Vec<f64> = metrics.iter().map(|metrics| metrics["test_bce"].as_f64().unwrap()).collect();
    let best = (0..losses.len()).min_by(|&one, &other| losses[one].total_cmp(&losses[other])).unwrap();
    assert_eq!(losses.len(), best + 1 + 3, "{losses:?}");
    let read = |path: &str| fs::read(run.path(path)).unwrap();
    let summary: Value = serde_json::from_slice(&read("straight/summary.json")).unwrap();
    assert_eq!((&summary["epoch"], &summary["test_bce"]), (&metrics[best]["epoch"], &metrics[best]["test_bce"]));
    let (model, checkpoint) = (run.model("straight"), read("straight/checkpoint/best.safetensors"));
    let [model, checkpoint] = [&model, &checkpoint].map(|bytes| safetensors::SafeTensors::deserialize(bytes).unwrap());
    for (name, tensor) in model.tensors() {
        assert!(tensor.data() == checkpoint.tensor(&name).unwrap().data(), "{name}");
    }

    // In the middle of the epoch before the last, where the losses have had their say already.
    let step = 36 * (losses.len() as u64 - 2) + 7;
    let mut child = run.spawn("killed", &more);
    run.wait_for_step(&mut child, "killed", step);
    child.kill().unwrap();
    child.wait().unwrap();
    run.command("killed", &GO_ON).assert().success();
    assert_eq!(run.metrics("killed"), metrics);
    assert!(run.model("killed") == run.model("straight"));
    run.command("killed", &GO_ON).assert().success();
    assert!(run.metrics("killed") == metrics && run.model("killed") == run.model("straight"));

    run.command("constant", &[&patient[..], &["schedule.shape=constant"]].concat()).assert().success();
    assert_ne!(run.metrics("constant"), metrics);
    // More patience leads further.
    run.command("killed", &["--resume", "--set", "training.patience=4"]).assert().success();
    assert!(run.metrics("killed").len() > metrics.len());
}

/// In the middle of a layer's epoch, and where one stage has just ended.
#[test]
#[cfg(unix)]
fn a_run_that_is_killed_while_layers_are_pre_trained_becomes_the_same_model() {
    let run = Run::new(400);
    let layers = "network.encoder=[{units=8,activation=\"sigmoid\"},{units=4,activation=\"identity\"}]";
    let words =
        ["--epochs", "3", "--set", "checkpoint.every_steps=5", "--set", "checkpoint.keep=1000", "--set", layers];
    let mirror = ["--set", "network.decoder=[{units=8,activation=\"relu\"}]", "--set", "pretraining.epochs=2"];
    let noise = ["--set", "pretraining.noise=gaussian"];
    let more = [&words[..], &mirror, &noise].concat();
    run.command("straight", &more).assert().success();
    let metrics = run.metrics("straight");
    let stages: Vec<Option<&str>> = metrics.iter().map(|metrics| metrics["stage"].as_str()).collect();
    assert_eq!(stages, [Some("encoder.0"), Some("encoder.0"), Some("encoder.1"), Some("encoder.1"), None, None, None]);
    assert!(metrics.iter().zip(1u64..).all(|(line, epoch)| line["epoch"] == epoch && line["step"] == 36 * epoch));
    // 36 steps an epoch, 72 a stage.
    for (place, step) in [40, 72, 110, 144, 180].into_iter().enumerate() {
        let mut child = run.spawn("killed", if place == 0 { &more[..] } else { &GO_ON[..] });
        run.wait_for_step(&mut child, "killed", step);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    run.command("killed", &GO_ON).assert().success();
    assert_eq!(run.metrics("killed"), metrics);
    assert!(run.model("killed") == run.model("straight"));
    // From exactly between two stages.
    for step in run.steps("killed").into_iter().filter(|&step| step != 72) {
        fs::remove_file(run.path(&format!("killed/checkpoint/step-{step:012}.safetensors"))).unwrap();
    }
    fs::remove_file(run.path("killed/model.safetensors")).unwrap();
    run.command("killed", &GO_ON).assert().success();
    assert!(run.model("killed") == run.model("straight") && run.metrics("killed") == metrics);

    let message = run.refused("other", &["--set", "pretraining.epochs=1"], 2);
    assert!(message.contains("the encoder's mirror image"), "{message}");
    assert!(
        run.refused("killed", &["--resume", "--set", "pretraining.epochs=1"], 2).contains("pretraining.epochs = 2")
    );
}

#[test]
fn minutes_save_a_run_within_an_epoch_and_change_nothing() {
    let run = Run::new(1000);
    let often = ["--epochs", "1", "--set", "checkpoint.every_minutes=1e-6", "--set", "checkpoint.keep=1000"];
    run.command("often", &often).assert().success();
    run.command("never", &["--epochs", "1", "--set", "checkpoint.every_minutes=0"]).assert().success();
    assert!(run.steps("often").iter().any(|&step| step < 90), "{:?}", run.steps("often"));
    assert_eq!(run.steps("never"), [90]);
    assert_eq!(run.metrics("often"), run.metrics("never"));
}

#[test]
fn a_finished_run_can_be_trained_further_and_is_left_as_it_is_otherwise() {
    let run = Run::new(300);
    run.command("long", &["--epochs", "4"]).assert().success();
    run.command("short", &["--epochs", "2"]).assert().success();
    let (model, metrics) = (run.model("short"), run.metrics("short"));
    run.command("short", &GO_ON).assert().success();
    assert!(run.model("short") == model && run.metrics("short") == metrics);
    run.command("short", &["--resume", "--epochs", "4"]).assert().success();
    // All but what the configuration in the model says of the checkpoints.
    assert!(run.model("short") == run.model("long"));
    assert_eq!(run.metrics("short"), run.metrics("long"));
    // The best of the four has the smallest loss on the test images.
    let best = Checkpoint::load(&run.path("short/checkpoint/best.safetensors")).unwrap().metadata;
    let losses: Vec<f64> = run.metrics("short").iter().map(|metrics| metrics["test_bce"].as_f64().unwrap()).collect();
    let smallest = (0..4).min_by(|&one, &other| losses[one].total_cmp(&losses[other])).unwrap();
    assert_eq!(best.progress.epochs, smallest as u32 + 1);
    assert_eq!(best.best.unwrap().loss, losses[smallest]);
}

#[test]
fn what_is_not_the_same_training_is_refused() {
    let run = Run::new(300);
    // Where nothing is yet, a run is begun.
    run.command("run", &["--resume", "--epochs", "2"]).assert().success();
    let model = run.model("run");
    let message = run.refused("run", &["--resume", "--seed", "2"], 2);
    assert!(message.contains("has training.seed = 1, not 2"), "{message}");
    let message = run.refused("run", &["deep", "--resume"], 2);
    assert!(message.contains("the run to go on with has network."), "{message}");
    run.command("run", &["dense", "--resume", "--epochs", "2"]).assert().success();
    assert!(run.refused("run", &[], 2).contains("--resume"));
    write_csv(&run.path("data.csv"), 280);
    let message = run.refused("run", &GO_ON, 5);
    assert!(message.contains("trained on 270 images of 16 values, but its data now has 252 of 16"), "{message}");
    // As many images, but another one of those to train on, or of those to test on.
    write_csv(&run.path("data.csv"), 300);
    let rows = fs::read_to_string(run.path("data.csv")).unwrap();
    let set = diabolo::data::load(&run.path("data.csv").to_string_lossy()).unwrap();
    for images in [set.train(), set.test()] {
        let row = images.image(0).iter().map(u8::to_string).collect::<Vec<_>>().join(",");
        fs::write(run.path("data.csv"), rows.replace(&row, &format!("1{}", &row[1..]))).unwrap();
        let message = run.refused("run", &GO_ON, 5);
        assert!(message.contains("their labels or their weights have changed"), "{message}");
    }
    fs::write(run.path("data.csv"), rows).unwrap();
    run.command("run", &GO_ON).assert().success();
    assert!(run.model("run") == model);
    let resume_where = diabolo().args(["train", "--resume"]).assert().failure().code(2);
    assert!(String::from_utf8_lossy(&resume_where.get_output().stderr).contains("--output <"));
}

#[test]
fn on_another_adapter_a_run_goes_on_with_a_note() {
    let run = Run::new(300);
    run.command("run", &["--epochs", "2"]).assert().success();
    let newest = run.path("run/checkpoint/step-000000000054.safetensors");
    let mut checkpoint = Checkpoint::load(&newest).unwrap();
    checkpoint.metadata.adapter.name = "Another Adapter".into();
    fs::write(&newest, checkpoint.to_bytes().unwrap()).unwrap();
    let more = ["train", "--out", "run", "--resume", "--epochs", "3"];
    let resumed = diabolo().current_dir(&run.folder).args(more).assert().success();
    let notes = String::from_utf8_lossy(&resumed.get_output().stderr).into_owned();
    assert!(notes.contains("trained on Another Adapter") && notes.contains("which rounds otherwise"), "{notes}");
    assert_eq!(run.metrics("run").len(), 3);
}

#[test]
fn of_two_runs_into_one_directory_the_second_is_refused() {
    let run = Run::new(1000);
    let mut child = run.spawn("run", &["--epochs", "100000"]);
    run.wait_for_step(&mut child, "run", 90);
    let message = run.refused("run", &GO_ON, 2);
    assert!(message.contains("another process is training into run"), "{message}");
    // A process that is dead does not hold it.
    child.kill().unwrap();
    child.wait().unwrap();
    let epochs = (run.steps("run").last().unwrap() / 90 + 1).to_string();
    run.command("run", &["--resume", "--epochs", &epochs]).assert().success();
}

/// The newest one is damaged, then all of them.
#[test]
fn a_damaged_checkpoint_is_told_and_the_one_before_is_taken() {
    let run = Run::new(300);
    run.command("straight", &["--epochs", "4"]).assert().success();
    run.command("run", &["--epochs", "3"]).assert().success();
    let newest = run.path("run/checkpoint/step-000000000081.safetensors");
    let bytes = fs::read(&newest).unwrap();
    let damaged: Vec<u8> =
        bytes.iter().enumerate().map(|(i, &b)| if i == bytes.len() / 2 { b ^ 4 } else { b }).collect();
    fs::write(&newest, damaged).unwrap();
    // Not quiet, which would leave notes out too.
    let more = ["train", "--out", "run", "--resume", "--epochs", "4"];
    let resumed = diabolo().current_dir(&run.folder).args(more).assert().success();
    let notes = String::from_utf8_lossy(&resumed.get_output().stderr).into_owned();
    assert!(notes.contains("is damaged") && notes.contains("going back to the one before"), "{notes}");
    assert!(run.model("run") == run.model("straight"));
    assert_eq!(run.metrics("run"), run.metrics("straight"));

    for step in run.steps("run") {
        let path = run.path(&format!("run/checkpoint/step-{step:012}.safetensors"));
        fs::write(&path, &fs::read(&path).unwrap()[..1000]).unwrap();
    }
    let go_on = ["--resume", "--epochs", "5"];
    let message = run.refused("run", &go_on, 5);
    assert!(message.contains(".safetensors declares a header") || message.contains("truncated"), "{message}");
    assert!(
        message.contains("train anew in another directory, or go on from run/checkpoint/best.safetensors"),
        "{message}"
    );
    let told = diabolo().current_dir(&run.folder).args(["train", "--out", "run"]).args(go_on).assert().code(5);
    let notes = String::from_utf8_lossy(&told.get_output().stderr).matches("going back to the one before").count();
    assert_eq!(notes, run.steps("run").len() - 1);
    // What is told to do leads on.
    let (_, copy) = message.trim_end().split_once("by copying it to ").unwrap();
    fs::copy(run.path("run/checkpoint/best.safetensors"), run.path(copy)).unwrap();
    run.command("run", &go_on).assert().success();

    for path in fs::read_dir(run.path("run/checkpoint")).unwrap().map(|entry| entry.unwrap().path()) {
        fs::write(path, "").unwrap();
    }
    let message = run.refused("run", &["--resume", "--epochs", "6"], 5);
    assert!(message.ends_with("train anew in another directory\n"), "{message}");
}

#[test]
fn a_run_that_cannot_be_resumed_says_why() {
    let run = Run::new(300);
    fs::create_dir(run.path("other")).unwrap();
    fs::write(run.path("other/file"), "mine").unwrap();
    assert!(run.refused("other", &GO_ON, 5).contains("holds no run to go on with"));
    run.command("run", &["--epochs", "2"]).assert().success();
    fs::write(run.path("run/metrics.jsonl"), "").unwrap();
    assert!(run.refused("run", &GO_ON, 5).contains("lacks a line for epoch 1"));
}
