//! Pictures of runs, through the program.

mod support;

use assert_cmd::Command;
use image::RgbImage;
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use support::said;

fn diabolo(folder: &Path) -> Command {
    let mut command = support::diabolo();
    command.current_dir(folder);
    command
}

fn train(folder: &Path, run: &str, words: &[&str]) {
    diabolo(folder).args(["train", "--quiet", "--no-tune", "--out", run]).args(words).assert().success();
}

fn plot(folder: &Path, words: &[&str]) -> RgbImage {
    let said = said(diabolo(folder).arg("plot").args(words).args(["-o", "p.png"]));
    assert!(said.ends_with("p.png\n"), "{said}");
    image::open(folder.join("p.png")).unwrap().into_rgb8()
}

fn refused(folder: &Path, words: &[&str], code: i32, part: &str) {
    let message = support::refused(diabolo(folder).arg("plot").args(words), code);
    assert!(message.contains(part), "{message}");
}

fn colors(picture: &RgbImage) -> HashSet<[u8; 3]> {
    picture.pixels().map(|pixel| pixel.0).collect()
}

/// The first colors of the plots' palette.
const BLUE: [u8; 3] = [0, 114, 178];
const VERMILION: [u8; 3] = [213, 94, 0];
const SKY: [u8; 3] = [86, 180, 233];

#[test]
fn losses_features_and_codes_of_a_run_on_glyphs_become_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    train(folder, "glyphs", &["--data", "glyphs", "--epochs", "1"]);
    let losses = plot(folder, &["glyphs"]);
    assert_eq!(losses.dimensions(), (960, 600));
    assert!(colors(&losses).contains(&BLUE) && !colors(&losses).contains(&VERMILION));

    // 64 units of 28 × 28 pixels, 16 side by side, each from black or white over gray.
    let features = plot(folder, &["glyphs", "--what", "features"]);
    assert!(features.width() > 900 && features.height() < features.width() / 3);
    assert!(features.pixels().all(|pixel| pixel.0[0] == pixel.0[1] && pixel.0[1] == pixel.0[2]));
    assert!(colors(&features).len() > 50);
    let few = plot(folder, &["glyphs", "--what", "features", "--count", "8", "--columns", "4"]);
    assert!(few.height() * 3 > few.width() && few.height() < few.width());

    let codes = plot(folder, &["glyphs", "--what", "codes", "--count", "300"]);
    assert_eq!(codes.dimensions(), (960, 600));
    assert!([BLUE, VERMILION, SKY].iter().all(|color| colors(&codes).contains(color)));

    refused(folder, &["glyphs", "glyphs", "--what", "codes"], 2, "give one run");
    for (words, unused) in [
        (&["--data", "glyphs"][..], "losses are of whole runs: leave --data out"),
        (&["--split", "test"], "losses are of whole runs: leave --split out"),
        (&["--set", "data.only=3"], "losses are of whole runs: leave --set out"),
        (&["--count", "2000"], "losses are of whole runs: leave --count out"),
        (&["--columns", "16"], "losses are of whole runs: leave --columns out"),
        (&["--what", "features", "--split", "test"], "features are of the model alone: leave --split out"),
        (&["--what", "codes", "--columns", "16"], "codes are no images side by side: leave --columns out"),
    ] {
        refused(folder, &[&["glyphs"], words].concat(), 2, unused);
    }
    refused(folder, &["glyphs", "-o", "p.gif"], 2, "must end in .png");
    refused(folder, &["glyphs", "-o", "nowhere/p.png"], 5, "its folder is not there");
    refused(folder, &["none"], 5, "there is no run directory none");
}

/// Images without classes, codes of two numbers and of one, runs with other losses and one that has no epoch yet.
#[test]
fn runs_of_any_kind_are_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let row = |image: usize| (0..16).map(|i| (image * i * 37 % 256).to_string()).collect::<Vec<_>>().join(",") + "\n";
    fs::write(folder.join("data.csv"), (0..60).map(row).collect::<String>()).unwrap();
    let words = ["--data", "data.csv", "--batch", "10", "--epochs", "3", "--set", "network.decoder=[]", "--set"];
    let encoder = |units: usize| format!("network.encoder=[{{units={units},activation=\"identity\"}}]");
    train(folder, "two", &[&words[..], &[&encoder(2)]].concat());
    train(folder, "one", &[&words[..], &[&encoder(1), "--set", "loss=mae"]].concat());

    let codes = plot(folder, &["two", "--what", "codes"]);
    assert!(colors(&codes).contains(&BLUE) && !colors(&codes).contains(&VERMILION));
    refused(folder, &["one", "--what", "codes"], 2, "one number each");
    for (runs, number) in [(&["two", "one"][..], 2), (&["two", "two"], 2), (&["one"], 1)] {
        let losses = plot(folder, runs);
        let found = [BLUE, VERMILION].iter().filter(|color| colors(&losses).contains(*color)).count();
        assert_eq!(found, number, "{runs:?}");
    }
    // A run that goes on has a line that is not whole yet, and one that has just begun has none.
    let metrics = folder.join("two/metrics.jsonl");
    let whole = plot(folder, &["two"]);
    fs::write(&metrics, fs::read_to_string(&metrics).unwrap() + "{\"epoch\":4").unwrap();
    fs::remove_file(folder.join("two/model.safetensors")).unwrap();
    assert_eq!(plot(folder, &["two"]), whole);
    fs::remove_file(&metrics).unwrap();
    refused(folder, &["one", "two"], 5, "holds no losses yet");
    fs::write(&metrics, "nonsense\n").unwrap();
    refused(folder, &["two"], 5, "is damaged in line 1");
}
