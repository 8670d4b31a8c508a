//! Trained models on other data than they were trained on, on none, and where a file that they write would replace what it is made from.

mod support;

use image::{GrayImage, Luma};
use std::fs;
use std::path::{Path, PathBuf};
use support::{diabolo, refused, said, write_idx_folder};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// So many pictures of 6 × 6 pixels in a folder.
    fn write_pictures(&self, name: &str, count: u8) {
        fs::create_dir_all(self.at(name)).unwrap();
        for place in 0..count {
            let picture = GrayImage::from_fn(6, 6, |x, y| Luma([(7 * x as u8 + 3 * y as u8) * place]));
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

    /// A command on a run, with files of the folder behind flags.
    fn with(&self, command: &str, run: &Path, files: &[(&str, &str)], more: &[&str]) -> assert_cmd::Command {
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
    // A class that is named must be there.
    assert!(refused(&mut detect("new", &["--normal", "a"]), 2).contains("has no class `a`; use one of: b, c"));

    for (data, count) in [("new", 5), ("new/c", 3), ("known", 28)] {
        said(&mut folder.with("encode", &run, &[("--data", data), ("-o", "codes.csv")], &ALL));
        assert_eq!(fs::read_to_string(folder.at("codes.csv")).unwrap().lines().count(), 1 + count, "{data}");
    }
    let one = folder.with("encode", &run, &[("--data", "new"), ("-o", "codes.csv")], &[&ALL[..], &["--set", "data.only=b"]].concat());
    said(&mut { one });
    assert_eq!(fs::read_to_string(folder.at("codes.csv")).unwrap().lines().count(), 3);
}
