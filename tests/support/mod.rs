//! What the tests share: an adapter, and the program as its users run it.

#![allow(dead_code, reason = "each file of tests is a program of its own and takes some of these")]

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use diabolo::data::Images;
use diabolo::gpu::{Gpu, select_adapter};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The adapter that `DIABOLO_ADAPTER` names, or the default one. A machine without any adapter fails the tests; none is skipped.
pub fn gpu() -> Gpu {
    let wanted = std::env::var("DIABOLO_ADAPTER").ok();
    let adapter = select_adapter(wanted.as_deref()).unwrap_or_else(|error| panic!("{error}"));
    Gpu::open(&adapter).unwrap_or_else(|error| panic!("{error}"))
}

/// The program, which takes its data from nowhere else than it is told.
pub fn diabolo() -> Command {
    let mut command = Command::cargo_bin("diabolo").unwrap();
    command.env_remove("DIABOLO_DATA").env_remove("DIABOLO_MIRROR");
    command
}

pub fn standard_output(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

/// What a command that succeeds prints.
pub fn said(command: &mut Command) -> String {
    standard_output(&command.assert().success())
}

/// Fails with this exit code and a single line on the standard error stream, which is returned.
pub fn refused(command: &mut Command, code: i32) -> String {
    let message = standard_error(command, code);
    assert_eq!(message.trim_end().lines().count(), 1, "{message}");
    assert!(message.starts_with("diabolo: "), "{message}");
    message
}

/// The same, where progress or notes may stand before the line.
pub fn refused_on_the_way(command: &mut Command, code: i32) -> String {
    let message = standard_error(command, code);
    let line = message.lines().find(|line| line.starts_with("diabolo: "));
    line.unwrap_or_else(|| panic!("{message}")).to_owned()
}

fn standard_error(command: &mut Command, code: i32) -> String {
    let assert = command.assert().failure().code(code);
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

/// Images as a table, a row for each: its label, if there are labels, and its values.
pub fn write_csv(path: &Path, images: &Images) {
    let row = |label: Option<String>, values: Vec<String>| [label.into_iter().collect(), values].concat().join(",");
    let label = |place: usize| images.labels().map(|labels| labels[place].to_string());
    let values = |place: usize| images.image(place).iter().map(u8::to_string).collect();
    let header = images.labels().map(|_| {
        row(Some("label".to_owned()), (0..images.shape().pixels()).map(|pixel| format!("pixel{pixel}")).collect())
    });
    let rows = (0..images.len()).map(|place| row(label(place), values(place)));
    fs::write(path, header.into_iter().chain(rows).map(|row| row + "\n").collect::<String>()).unwrap();
}

/// The column of this name in a table with a header.
pub fn column(path: &Path, name: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let place = reader.headers().unwrap().iter().position(|header| header == name).unwrap();
    reader.records().map(|row| row.unwrap()[place].to_owned()).collect()
}

/// A folder of small IDX files: `train` and `test` images of 4 × 5 with labels.
pub fn write_idx_folder(folder: &Path, train: u32, test: u32) {
    fs::create_dir_all(folder).unwrap();
    for (name, count) in [("train", train), ("t10k", test)] {
        let header = |magic: u32, sizes: &[u32]| -> Vec<u8> {
            [magic].iter().chain(sizes).flat_map(|word| word.to_be_bytes()).collect()
        };
        let pixels = (0..count * 20).map(|i| (i * i % 251) as u8);
        let images: Vec<u8> = header(0x0803, &[count, 4, 5]).into_iter().chain(pixels).collect();
        let labels: Vec<u8> = header(0x0801, &[count]).into_iter().chain((0..count).map(|i| (i % 10) as u8)).collect();
        fs::write(folder.join(format!("{name}-images-idx3-ubyte")), images).unwrap();
        fs::write(folder.join(format!("{name}-labels-idx1-ubyte")), labels).unwrap();
    }
}

/// A folder that is gone after the test.
pub struct Folder(pub TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}
