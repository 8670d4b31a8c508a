//! Trained models on other data than they were trained on, on none, and where a file that they write would replace what it is made from.

mod support;

use diabolo::report::npy::save_npy;
use image::{GrayImage, Luma};
use std::fs;
use std::path::{Path, PathBuf};
use support::{Folder, diabolo, refused, said, write_idx_folder};

/// Files of the folder behind flags, or alone where a flag is empty.
type Files<'a> = &'a [(&'a str, &'a str)];

impl Folder {
    /// So many pictures of 6 × 6 pixels in a folder.
    fn write_pictures(&self, name: &str, count: u8) {
        fs::create_dir_all(self.at(name)).unwrap();
        for place in 0..count {
            let picture = GrayImage::from_fn(6, 6, |x, y| Luma([((7 * x + 3 * y) * u32::from(place) % 256) as u8]));
            picture.save(self.at(name).join(format!("{place}.png"))).unwrap();
        }
    }

    /// A run of one epoch on data in the folder.
    fn train(&self, run: &str, data: &str, more: &[&str]) -> PathBuf {
        let arguments = ["train", "--quiet", "--no-tune", "--epochs", "1", "--batch", "4"];
        let mut command = diabolo();
        command.args(arguments).args(more).arg("--data").arg(self.at(data)).arg("--out").arg(self.at(run));
        command.assert().success();
        self.at(run)
    }

    /// A command on a run.
    fn with(&self, command: &str, run: &Path, files: Files<'_>, more: &[&str]) -> assert_cmd::Command {
        let mut built = diabolo();
        built.current_dir(&self.0).arg(command).arg(run);
        for (flag, file) in files {
            built.args(Some(flag).filter(|flag| !flag.is_empty())).arg(self.at(file));
        }
        built.args(more);
        built
    }
}

const ALL: [&str; 2] = ["--set", "data.test_share=1"];

/// New images may be of any class or of none, though the run has seen one class only.
#[test]
fn images_of_other_classes_than_the_one_trained_on_are_judged_and_shown() {
    let folder = Folder::new();
    folder.write_pictures("known/a", 20);
    folder.write_pictures("known/b", 8);
    folder.write_pictures("new/b", 2);
    folder.write_pictures("new/c", 3);
    let run = folder.train("run", "known", &["--only", "a", "--set", "data.test_share=0.2"]);
    let detect = |data: &str, more: &[&str]| folder.with("detect", &run, &[("--data", data)], &[&ALL, more].concat());

    let told = said(&mut detect("new", &[]));
    assert!(told.contains("training images of the class a"), "{told}");
    assert!(told.contains("flagged: 0 of 0 (0.0 %) of class a, ") && told.contains(" of 5 "), "{told}");
    assert!(told.contains("no area under a ROC curve: it takes images of class a and others"), "{told}");
    let table = fs::read_to_string(folder.at("anomalies.csv")).unwrap();
    assert_eq!(table.lines().filter(|row| row.contains(",b,") || row.contains(",c,")).count(), 5, "{table}");
    assert!(said(&mut detect("known", &[])).contains("AUROC"));
    assert!(!said(&mut detect("new/b", &[])).contains("class a,"));
    // Other images of the same data are judged by the same threshold.
    let threshold = |told: &str| told.lines().find(|line| line.starts_with("threshold")).unwrap().to_owned();
    let same = |more: &[&str]| said(&mut folder.with("detect", &run, &[], more));
    let by_training = threshold(&same(&[]));
    let cases: [(&[&str], usize); 3] = [
        (&ALL, 28),
        (&["--set", "data.split_seed=5"], 6),
        (&["--set", "data.test_share=1", "--set", "data.only=b"], 8),
    ];
    for (other, judged) in cases {
        assert_eq!(threshold(&same(other)), by_training, "{other:?}");
        let table = fs::read_to_string(folder.at("anomalies.csv")).unwrap();
        assert_eq!(table.lines().count(), 1 + judged, "{other:?}: {table}");
    }
    let message = refused(&mut folder.with("classify", &run, &[], &["--method", "knn"]), 2);
    assert!(message.contains("of one class") && message.contains("--set data.only= takes all"), "{message}");
    // A class that is named must be there.
    assert!(refused(&mut detect("new", &["--normal", "a"]), 2).contains("has no class `a`; use one of: b, c"));

    for (data, count) in [("new", 5), ("new/c", 3), ("known", 28)] {
        said(&mut folder.with("encode", &run, &[("--data", data), ("-o", "codes.csv")], &ALL));
        assert_eq!(fs::read_to_string(folder.at("codes.csv")).unwrap().lines().count(), 1 + count, "{data}");
    }
    let one = folder.with(
        "encode",
        &run,
        &[("--data", "new"), ("-o", "codes.csv")],
        &[&ALL[..], &["--set", "data.only=b"]].concat(),
    );
    said(&mut { one });
    assert_eq!(fs::read_to_string(folder.at("codes.csv")).unwrap().lines().count(), 3);
}

/// Whichever command it is, and by whichever way the file is reached.
#[test]
fn no_output_replaces_what_it_is_made_from() {
    let folder = Folder::new();
    folder.write_pictures("known", 12);
    let rows = (0..12).map(|row| (0..36).map(|pixel| (row * pixel % 256).to_string()).collect::<Vec<_>>().join(","));
    fs::write(folder.at("table.csv"), rows.map(|row| row + "\n").collect::<String>()).unwrap();
    save_npy(&folder.at("array.npy"), &[12, 6, 6], (0..12 * 36).map(|value| (value % 97) as f32 / 97.0)).unwrap();
    let run = folder.train("run", "array.npy", &[]);
    said(&mut folder.with("encode", &run, &[("-o", "codes.npy")], &[]));
    said(&mut folder.with("compress", &run, &[("-o", "images.png")], &[]));

    let of_run = "is a part of the run";
    let (of_data, read) = ("is a part of the data", "is what the command reads");
    let cases: [(&str, Files<'_>, &str, &str); 15] = [
        ("encode", &[], "run/model.safetensors", of_run),
        ("encode", &[], "run/checkpoint/../model.safetensors", of_run),
        ("encode", &[], "run/checkpoint/best.safetensors", of_run),
        ("compress", &[], "run/config.toml", of_run),
        ("compress", &[], "run/metrics.jsonl", of_run),
        ("compress", &[], "run/summary.json", of_run),
        ("encode", &[], "array.npy", of_data),
        ("detect", &[("--data", "table.csv")], "table.csv", of_data),
        ("reconstruct", &[("--data", "known")], "known/0.png", of_data),
        ("denoise", &[("--mask", "known/0.png")], "known/0.png", read),
        ("decode", &[("", "codes.npy")], "codes.npy", read),
        ("decode", &[("", "codes.npy")], "array.npy", of_data),
        ("decompress", &[("", "images.png")], "images.png", read),
        ("decompress", &[("", "images.png")], "array.npy", of_data),
        ("interpolate", &[("--data", "known")], "known/1.png", of_data),
    ];
    for (command, inputs, output, what) in cases {
        let before = fs::read(folder.at(output)).unwrap();
        let more: &[&str] = if command == "interpolate" { &["--plane"] } else { &[] };
        let message = refused(&mut folder.with(command, &run, &[inputs, &[("-o", output)]].concat(), more), 2);
        assert!(message.contains(what) && message.contains("give the output another name"), "{message}");
        assert!(fs::read(folder.at(output)).unwrap() == before, "{command} {output}");
    }
    fs::write(folder.at("mine.toml"), "[data]\nsource = \"array.npy\"\nweights = \"weights.csv\"\n").unwrap();
    fs::write(folder.at("weights.csv"), "1\n".repeat(12)).unwrap();
    for (input, what) in [("mine.toml", read), ("array.npy", of_data), ("weights.csv", read)] {
        let mut tune = diabolo();
        let message = refused(tune.current_dir(&folder.0).args(["tune", "mine.toml", "--json", input]), 2);
        assert!(message.contains(what), "{message}");
    }
    let both = [("-o", "curve.png"), ("--curve", "run/../curve.png")];
    let message = refused(&mut folder.with("compress", &run, &both, &[]), 2);
    assert!(message.contains("is named for two outputs: give each its own name"), "{message}");
    let pictured = folder.train("pictured", "known", &[]);
    assert!(refused(&mut folder.with("plot", &pictured, &[("-o", "known/0.png")], &[]), 2).contains(of_data));
    fs::create_dir(folder.at("folder.npy")).unwrap();
    let message = refused(&mut folder.with("encode", &run, &[("-o", "folder.npy")], &[]), 2);
    assert!(message.contains("is a folder: give the name of a file"), "{message}");
    let message = refused(&mut folder.with("encode", &run, &[("-o", "none/codes.npy")], &[]), 5);
    assert!(message.contains("its folder is not there"), "{message}");
    // Its pictures may be drawn anew.
    said(&mut folder.with("reconstruct", &run, &[("-o", "run/reconstructions.png")], &[]));
    // What stands in a folder of images would be one of them the next time.
    let joined = |command: &mut assert_cmd::Command| {
        let message = refused(command, 2);
        assert!(message.contains("become a part"), "{message}");
    };
    joined(&mut folder.with("reconstruct", &run, &[("--data", "known"), ("-o", "known/new.png")], &[]));
    let train = |data: &str, more: &[&str]| {
        let mut command = diabolo();
        command
            .current_dir(folder.at("known"))
            .args(["train", "--no-tune", "--epochs", "1", "--data", data])
            .args(more);
        command
    };
    joined(&mut train(".", &[]));
    joined(&mut train("../known", &["--output", "new/run"]));
    assert!(!folder.at("known/runs").exists() && !folder.at("known/new").exists());
}

/// What is drawn from the model alone stays the same when its data is gone. Only a shape that it cannot tell needs that.
#[test]
fn what_needs_no_images_needs_no_data() {
    let folder = Folder::new();
    folder.write_pictures("squares", 12);
    write_idx_folder(&folder.at("oblong"), 12, 4);
    let layers = [
        "network.encoder=[{units=8,activation=\"relu\"},{units=2,activation=\"identity\"}]",
        "network.decoder=[{units=8,activation=\"relu\"}]",
    ];
    let [sized, square, oblong] =
        [("sized", "oblong", Some("data.size=[5,7]")), ("square", "squares", None), ("oblong-run", "oblong", None)]
            .map(|(run, data, more)| {
                let assignments = layers.into_iter().chain(more).flat_map(|assignment| ["--set", assignment]);
                folder.train(run, data, &["vae"].into_iter().chain(assignments).collect::<Vec<_>>())
            });
    let commands: [(&str, &[&str]); 3] = [
        ("sample", &["-o", "out.png"]),
        ("interpolate", &["--plane", "-o", "out.png"]),
        ("plot", &["--what", "features", "-o", "out.png"]),
    ];
    let drawn = |run: &Path| {
        commands.map(|(command, more)| {
            said(&mut folder.with(command, run, &[], more));
            fs::read(folder.at("out.png")).unwrap()
        })
    };
    let before = [&sized, &square, &oblong].map(|run| drawn(run));
    for data in ["squares", "oblong"] {
        fs::rename(folder.at(data), folder.at("away").with_extension(data)).unwrap();
    }
    assert!(drawn(&sized) == before[0] && drawn(&square) == before[1]);
    for (command, more) in commands {
        let message = refused(&mut folder.with(command, &oblong, &[], more), 5);
        assert!(message.contains("no data set is called"), "{message}");
        // Data that is asked for must be there.
        refused(&mut folder.with(command, &square, &[("--data", "squares")], more), 5);
    }
    for (command, more) in [("sample", &["--components", "2"][..]), ("interpolate", &["--from", "0", "--to", "1"])] {
        let message = refused(&mut folder.with(command, &square, &[], more), 5);
        assert!(message.contains("no data set is called"), "{message}");
    }
}
