//! Images to codes, through the program.

mod support;

use safetensors::SafeTensors;
use std::fs;
use std::path::Path;
use support::diabolo;

fn numbers(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}

fn array(path: &Path) -> (Vec<u64>, Vec<f32>) {
    let file = npyz::NpyFile::new(fs::File::open(path).map(std::io::BufReader::new).unwrap()).unwrap();
    (file.shape().to_vec(), file.into_vec().unwrap())
}

/// A tensor of a run's model, in f64.
fn parameter(model: &SafeTensors<'_>, name: &str) -> Vec<f64> {
    numbers(model.tensor(name).unwrap().data()).into_iter().map(f64::from).collect()
}

/// Codes follow from the model file, computed here in f64; every format holds the same, in the order of the images, and streaming
/// changes nothing.
#[test]
fn images_become_codes_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let run = at("run");
    diabolo().args(["train", "--data", "glyphs", "--epochs", "1", "--quiet", "--out"]).arg(&run).assert().success();
    for (file, more) in [("c.npy", None), ("c.csv", None), ("c.safetensors", None), ("streamed.npy", Some("1MB"))] {
        let mut command = diabolo();
        command.arg("encode").arg(&run).arg("-o").arg(at(file));
        command.args(more.into_iter().flat_map(|size| ["--gpu-memory", size]));
        let said = String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap();
        assert!(said.contains("10000 codes of 32 numbers"), "{said}");
    }
    let (shape, codes) = array(&at("c.npy"));
    assert_eq!(shape, [10_000, 32]);
    assert!(array(&at("streamed.npy")).1 == codes, "streaming changes the codes");

    let pairs = at("pairs.npy");
    diabolo().arg("reconstruct").arg(&run).args(["--count", "300", "-o"]).arg(&pairs).assert().success();
    let (_, pairs) = array(&pairs);
    let bytes = fs::read(run.join("model.safetensors")).unwrap();
    let model = SafeTensors::deserialize(&bytes).unwrap();
    let layers = ["encoder.0", "encoder.1"]
        .map(|layer| (parameter(&model, &format!("{layer}.weight")), parameter(&model, &format!("{layer}.bias"))));
    for (image, code) in pairs[..300 * 784].chunks(784).zip(codes.chunks(32)) {
        let mut values: Vec<f64> = image.iter().copied().map(f64::from).collect();
        for (weight, bias) in &layers {
            let mut sums = bias.clone();
            for (row, value) in weight.chunks(sums.len()).zip(&values) {
                sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight * value);
            }
            values = sums.into_iter().map(|sum| sum.max(0.0)).collect();
        }
        for (computed, expected) in code.iter().zip(values) {
            assert!((f64::from(*computed) - expected).abs() <= 1e-5 * (1.0 + expected), "{computed}, not {expected}");
        }
    }

    let bytes = fs::read(at("c.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert!(numbers(file.tensor("codes").unwrap().data()) == codes);
    let labels: Vec<u32> =
        file.tensor("labels").unwrap().data().as_chunks().0.iter().copied().map(u32::from_le_bytes).collect();
    let glyphs = diabolo::data::load("glyphs").unwrap();
    assert_eq!(Some(&labels[..]), glyphs.test().labels());
    let names = glyphs.class_names();
    let mut reader = csv::Reader::from_path(at("c.csv")).unwrap();
    for ((row, code), &label) in reader.records().map(Result::unwrap).zip(codes.chunks(32)).zip(&labels) {
        assert_eq!(row[0], names.map_or_else(|| label.to_string(), |names| names[label as usize].clone()));
        assert!(row.iter().skip(1).map(|number| number.parse::<f32>().unwrap()).eq(code.iter().copied()));
    }
}

#[test]
fn a_file_of_codes_that_cannot_be_is_refused_before_the_work() {
    let refused = |output: &str, code: i32, part: &str| {
        let assert = diabolo().args(["encode", "nowhere", "-o", output]).assert().failure().code(code);
        let message = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
        assert!(message.contains(part) && message.trim_end().lines().count() == 1, "{message}");
    };
    refused("codes.png", 2, "must end in .npy, .csv or .safetensors");
    refused("no such folder/codes.npy", 5, "its folder is not there");
    refused("codes.npy", 5, "there is no run directory nowhere");
}
