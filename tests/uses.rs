//! What trained models are for, beside classifying, through the program.

use assert_cmd::Command;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tempfile::TempDir;

fn diabolo() -> Command {
    let mut command = Command::cargo_bin("diabolo").unwrap();
    command.env_remove("DIABOLO_DATA").env_remove("DIABOLO_MIRROR");
    command
}

/// A run on glyphs that all tests share and none changes.
static RUN: LazyLock<PathBuf> = LazyLock::new(|| {
    let run = Path::new(env!("CARGO_TARGET_TMPDIR")).join("uses");
    let _ = fs::remove_dir_all(&run);
    train(&run, &[]);
    run
});

fn train(run: &Path, more: &[&str]) {
    let arguments = ["train", "--data", "glyphs", "--epochs", "2", "--quiet", "--no-tune", "--out"];
    diabolo().args(arguments).arg(run).args(more).assert().success();
}

/// What a command on the shared run prints.
fn said(command: &str, arguments: &[&str], files: &[(&str, &Path)]) -> String {
    let mut command = with(command, arguments, files);
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

fn refused(command: &str, arguments: &[&str], files: &[(&str, &Path)], code: i32, part: &str) {
    let mut command = with(command, arguments, files);
    let assert = command.assert().failure().code(code);
    let message = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    let message = message.lines().find(|line| line.starts_with("diabolo: ")).unwrap_or_default();
    assert!(message.contains(part), "{message}");
}

/// A file goes behind its flag, or alone where the flag is empty.
fn with(command: &str, arguments: &[&str], files: &[(&str, &Path)]) -> Command {
    let mut built = diabolo();
    built.arg(command).arg(&*RUN);
    for (flag, file) in files {
        built.args(Some(flag).filter(|flag| !flag.is_empty())).arg(file);
    }
    built.args(arguments);
    built
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn array(path: &Path) -> (Vec<u64>, Vec<f32>) {
    let file = npyz::NpyFile::new(fs::File::open(path).map(std::io::BufReader::new).unwrap()).unwrap();
    (file.shape().to_vec(), file.into_vec().unwrap())
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Codes become the images that a reconstruction gives, bit for bit.
#[test]
fn decoding_what_was_encoded_is_a_reconstruction() {
    let folder = Folder::new();
    let pairs = folder.at("pairs.npy");
    said("reconstruct", &["--count", "10000"], &[("-o", &pairs)]);
    let (shape, pairs) = array(&pairs);
    assert_eq!(shape, [2, 10_000, 28, 28, 1]);
    let reconstructions = bits(&pairs[pairs.len() / 2..]);
    let (codes, images, picture) = (folder.at("codes.npy"), folder.at("images.npy"), folder.at("picture.png"));
    said("encode", &[], &[("-o", &codes)]);
    said("decode", &[], &[("", &codes), ("-o", &images)]);
    let (shape, images) = array(&images);
    assert_eq!(shape, [10_000, 28, 28, 1]);
    assert!(bits(&images) == reconstructions);
    said("decode", &["--size", "14,56", "--columns", "4"], &[("", &codes), ("-o", &picture)]);
    let (width, height) = image::image_dimensions(&picture).unwrap();
    assert!(width > 4 * 56 && height > 14, "{width}×{height}");

    refused("decode", &["--size", "10,10"], &[("", &codes), ("-o", &picture)], 2, "which 10×10 pixels do not");
    refused("decode", &["--max-memory", "2MB"], &[("", &codes), ("-o", &picture)], 2, "--max-memory allows");
    refused("decode", &["--max-memory", "1MB"], &[("", &codes), ("-o", &picture)], 5, "--max-memory allows");
    let cut = folder.at("cut.npy");
    fs::write(&cut, &fs::read(&codes).unwrap()[..1000]).unwrap();
    refused("decode", &[], &[("", &cut), ("-o", &picture)], 5, "is truncated");
    let narrow = folder.at("narrow.csv");
    fs::write(&narrow, "code.0,code.1\n1,2\n").unwrap();
    refused("decode", &[], &[("", &narrow), ("-o", &picture)], 2, "the model's codes have 32 numbers");
    refused("decode", &[], &[("", &codes), ("-o", &folder.at("images.gif"))], 2, "must end in .png or .npy");
    refused("decode", &[], &[("", &folder.at("none.npy")), ("-o", &picture)], 5, "none.npy");
}
