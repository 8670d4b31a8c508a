//! What trained models are for, beside classifying, through the program.

mod support;

use assert_cmd::Command;
use diabolo::train::{RunDirectory, TrainedModel};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use support::{Folder, column, diabolo, refused_on_the_way};

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
    support::said(&mut with(command, arguments, files))
}

fn refused(command: &str, arguments: &[&str], files: &[(&str, &Path)], code: i32, part: &str) {
    let message = refused_on_the_way(&mut with(command, arguments, files), code);
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

/// A model that has seen one class only gives back the others badly. Scores, flags and figures follow from the reconstructions.
#[test]
fn images_of_classes_that_were_not_trained_on_are_detected() {
    let folder = Folder::new();
    let (run, table, picture) = (folder.at("run"), folder.at("scores.csv"), folder.at("picture.png"));
    train(&run, &["--only", "3", "--batch", "64"]);
    let detect = |run: &Path, arguments: &[&str]| {
        let mut command = diabolo();
        command.arg("detect").arg(run).args(arguments).arg("-o").arg(&table).arg("--picture").arg(&picture);
        String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
    };
    let told = detect(&run, &[]);
    let [labels, scores, flagged] = ["label", "score", "flagged"].map(|name| column(&table, name));
    let scores: Vec<f32> = scores.iter().map(|score| score.parse().unwrap()).collect();
    let pairs = folder.at("pairs.npy");
    let everything = ["--set", "data.only=", "--count", "500", "-o"];
    diabolo().arg("reconstruct").arg(&run).args(everything).arg(&pairs).assert().success();
    let (_, pairs) = array(&pairs);
    let (originals, reconstructions) = pairs.split_at(pairs.len() / 2);
    for ((image, again), &score) in originals.chunks(784).zip(reconstructions.chunks(784)).zip(&scores) {
        let squared: f64 = image.iter().zip(again).map(|(x, y)| f64::from(x - y).powi(2)).sum();
        assert!((f64::from(score) - squared).abs() <= 1e-4 * (1.0 + squared), "{score}, not {squared}");
    }
    let number_after = |words: &str| -> f64 {
        let rest = told.split_once(words).unwrap().1;
        let end = rest.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(rest.len());
        rest[..end].parse().unwrap()
    };
    let threshold = number_after("threshold ");
    for (score, flagged) in scores.iter().map(|&score| f64::from(score)).zip(&flagged) {
        assert!((score - threshold).abs() < 0.01 || (score > threshold) == (flagged == "true"), "{score}");
    }
    let (normal, others): (Vec<_>, Vec<_>) = scores.iter().zip(&labels).partition(|(_, label)| *label == "3");
    let share = |scores: &[(&f32, &String)]| {
        scores.iter().filter(|(score, _)| f64::from(**score) > threshold).count() as f64 / scores.len() as f64
    };
    assert!((0.02..0.09).contains(&share(&normal)), "{}", share(&normal));
    assert!(share(&others) > 0.3, "{}", share(&others));
    let pairs = || others.iter().flat_map(|(other, _)| normal.iter().map(move |(normal, _)| (other, normal)));
    let in_order: f64 = pairs()
        .map(|(other, normal)| if other > normal { 1.0 } else { 0.5 * f64::from(u8::from(other == normal)) })
        .sum();
    let auroc = in_order / pairs().count() as f64;
    assert!((number_after("model, code of 32  ") - auroc).abs() < 1e-4, "{auroc}: {told}");
    assert!(auroc > 0.8 && told.contains("PCA-32"), "{auroc}: {told}");
    assert_eq!(image::image_dimensions(&picture).unwrap(), (1395, 351));

    // Without a normal class there is nothing to be right or wrong about.
    let told = detect(&RUN, &[]);
    assert!(told.contains("95.0 % of 60,000 training images have") && !told.contains("AUROC"), "{told}");
    let flags = column(&table, "flagged").iter().filter(|flag| *flag == "true").count();
    assert!((300..800).contains(&flags), "{flags}");

    let files = [("-o", &*table), ("--picture", &*picture)];
    refused("detect", &["--normal", "ten"], &files, 2, "has no class `ten`; use one of: 0, 1, 2");
    refused("detect", &["--quantile", "2"], &files, 2, "a share from 0 to 1");
    refused("detect", &[], &[("-o", &picture)], 2, "must end in .csv");
    refused("reconstruct", &["--set", "data.only=ten"], &[], 2, "has no class `ten`");
}

/// What is decompressed is, bit for bit, what decoding the quantized codes gives, and of no other model, and of no damaged file.
#[test]
fn images_are_compressed_and_come_back_as_their_quantized_codes() {
    let folder = Folder::new();
    let (file, images, picture) = (folder.at("images.diabolo"), folder.at("images.npy"), folder.at("picture.png"));
    let told = said("compress", &["--bits", "5", "--set", "data.only=\"3\""], &[("-o", &file)]);
    assert!(["codes of 5 bits", "PNG", "JPEG"].iter().all(|row| told.contains(row)), "{told}");
    said("decompress", &[], &[("", &file), ("-o", &images)]);
    let (shape, images) = array(&images);
    let count = shape[0];
    assert_eq!(shape, [count, 28, 28, 1]);
    assert!(fs::metadata(&file).unwrap().len() < 32 * count, "{}", fs::metadata(&file).unwrap().len());

    let (codes, quantized, decoded) = (folder.at("codes.npy"), folder.at("quantized.csv"), folder.at("decoded.npy"));
    said("encode", &["--set", "data.only=\"3\""], &[("-o", &codes)]);
    let codes = diabolo::tasks::Codes::load(&codes, diabolo::tasks::CodesFormat::Npy, 1 << 30).unwrap();
    let again = diabolo::tasks::compress::QuantizedCodes::new(&codes, 5).codes();
    again.save(&quantized, diabolo::tasks::CodesFormat::Csv).unwrap();
    said("decode", &[], &[("", &quantized), ("-o", &decoded)]);
    assert!(bits(&array(&decoded).1) == bits(&images));

    // With more bits the images come nearer and take more; what is told of 5 bits is what the file has.
    let curve = folder.at("curve.png");
    let told =
        said("compress", &["--bits", "5", "--json", "--set", "data.only=\"3\""], &[("-o", &file), ("--curve", &curve)]);
    let rates: serde_json::Value = serde_json::from_str(&told).unwrap();
    let numbers = |key: &str| -> Vec<f64> {
        rates["codes"].as_array().unwrap().iter().map(|size| size[key].as_f64().unwrap()).collect()
    };
    let (sizes, ratios) = (numbers("bytes_per_image"), numbers("psnr"));
    assert!(sizes.len() == 8 && sizes.is_sorted() && ratios[0] + 1.0 < ratios[7], "{told}");
    assert_eq!((sizes[4] * count as f64).round() as u64, fs::metadata(&file).unwrap().len());
    assert!(rates["jpeg"].as_array().unwrap().len() > 3 && rates["png"]["bytes_per_image"].as_f64().unwrap() > 50.0);
    assert_eq!(image::image_dimensions(&curve).unwrap(), (960, 600));
    refused("compress", &[], &[("--curve", &file), ("-o", &file)], 2, "must end in .png");

    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    let damaged = folder.at("damaged.diabolo");
    fs::write(&damaged, &bytes).unwrap();
    refused("decompress", &[], &[("", &damaged), ("-o", &picture)], 5, "get it again, or compress the images again");
    fs::write(&damaged, &bytes[..middle]).unwrap();
    refused("decompress", &[], &[("", &damaged), ("-o", &picture)], 5, "is damaged or truncated");
    refused("decompress", &["--max-memory", "1MB"], &[("", &file), ("-o", &picture)], 5, "--max-memory");
    // Another model, by one bit of its first weight.
    let other = folder.at("other");
    fs::create_dir(&other).unwrap();
    for name in ["config.toml", "model.safetensors"] {
        fs::copy(RUN.join(name), other.join(name)).unwrap();
    }
    let directory = RunDirectory::open(&other).unwrap();
    let TrainedModel { config, parameters, .. } = directory.load_model().unwrap();
    let flipped = |value: f32| f32::from_bits(value.to_bits() ^ 1);
    let changed = parameters.map(|place, index, value| if (place, index) == (0, 0) { flipped(value) } else { value });
    directory.save_model(&config, &changed).unwrap();
    let mut command = diabolo();
    command.arg("decompress").arg(&other).arg(&file).arg("-o").arg(&picture);
    let assert = command.assert().failure().code(5);
    let message = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(
        message.contains("was compressed by another model") && message.contains("give the run of that one"),
        "{message}"
    );
    assert!(!picture.exists());
}

/// Noise is taken off, what is hidden is filled in and the rest left alone, and what was damaged before is reconstructed.
#[test]
fn damaged_images_are_cleaned() {
    let folder = Folder::new();
    let (picture, cleaned, pairs) = (folder.at("picture.png"), folder.at("cleaned.npy"), folder.at("pairs.npy"));
    let told = said("denoise", &["--noise", "gaussian", "--amount", "0.5", "--count", "40"], &[("-o", &picture)]);
    let figures = |row: &str| -> Vec<f64> {
        let rest = told.lines().find_map(|line| line.strip_prefix(row)).unwrap();
        rest.split_whitespace().map(|figure| figure.parse().unwrap()).collect()
    };
    let (damaged, after) = (figures("damaged"), figures("cleaned"));
    assert!(damaged.len() == 2 && damaged.iter().zip(&after).all(|(damaged, after)| after > damaged), "{told}");
    // Three rows for each 16 images.
    let (width, height) = image::image_dimensions(&picture).unwrap();
    assert!(height > 9 * 28 && width > 16 * 28, "{width}×{height}");

    said("reconstruct", &["--count", "40"], &[("-o", &pairs)]);
    let (_, pairs) = array(&pairs);
    let (originals, reconstructions) = pairs.split_at(pairs.len() / 2);
    let told = said("denoise", &["--as-they-are", "--count", "40"], &[("-o", &cleaned)]);
    assert!(!told.contains("PSNR"), "{told}");
    assert!(bits(&array(&cleaned).1) == bits(reconstructions));

    let mask = folder.at("mask.png");
    image::GrayImage::from_fn(28, 28, |x, _| image::Luma([if x < 14 { 0 } else { 255 }])).save(&mask).unwrap();
    said("denoise", &["--count", "40"], &[("--mask", &mask), ("-o", &cleaned)]);
    let (shape, filled) = array(&cleaned);
    assert_eq!(shape, [40, 28, 28, 1]);
    let mut changed = 0;
    for (place, (filled, original)) in filled.iter().zip(originals).enumerate() {
        if place % 28 >= 14 {
            assert_eq!(filled, original, "{place}");
        } else {
            changed += usize::from(filled != original);
        }
    }
    assert!(changed > 40 * 14 * 14, "{changed}");

    refused("denoise", &[], &[("-o", &picture)], 2, "was trained without noise");
    refused("denoise", &["--noise", "masking", "--amount", "2"], &[("-o", &picture)], 2, "corruption.amount");
    image::GrayImage::new(10, 12).save(&mask).unwrap();
    refused(
        "denoise",
        &[],
        &[("--mask", &mask), ("-o", &picture)],
        5,
        "but the images are 28×28; give one of their size",
    );
    fs::write(&mask, "no picture").unwrap();
    refused("denoise", &[], &[("--mask", &mask), ("-o", &picture)], 5, "cannot be read");
}

/// Samples follow from the seed, and a walk begins and ends at the reconstructions of its images.
#[test]
fn images_are_invented_and_walked_between() {
    let folder = Folder::new();
    let samples = |seed: &str| {
        let file = folder.at("samples.npy");
        let told = said("sample", &["--count", "300", "--seed", seed], &[("-o", &file)]);
        assert!(told.contains("10 Gaussians, fitted to 10000 codes"), "{told}");
        let (shape, images) = array(&file);
        assert_eq!(shape, [300, 28, 28, 1]);
        images
    };
    let images = samples("1");
    assert!(images.iter().all(|value| (0.0..=1.0).contains(value)));
    let ink = f64::from(images.iter().sum::<f32>()) / images.len() as f64;
    let (first, again) = (samples("2"), samples("2"));
    assert!(first == again && first != images);

    // A mixture that knows nothing of the classes makes the codes likelier with more Gaussians.
    let few = ["--set", "data.only=\"3\"", "--count", "20", "--covariance", "diagonal", "--components"];
    let likelihood = |count: &str| -> f64 {
        let file = folder.at("mixture.npy");
        let told = said("sample", &[&few[..], &[count]].concat(), &[("-o", &file)]);
        let (shape, images) = array(&file);
        assert!(shape == [20, 28, 28, 1] && images.iter().all(|value| (0.0..=1.0).contains(value)), "{shape:?}");
        let rest = told.split_once("log-likelihood ").unwrap().1;
        rest.split_once(' ').unwrap().0.parse().unwrap()
    };
    let [one, five] = ["1", "5"].map(likelihood);
    assert!(five > one, "{one} and {five}");

    let (pairs, walk, picture) = (folder.at("pairs.npy"), folder.at("walk.npy"), folder.at("walk.png"));
    said("reconstruct", &["--count", "8"], &[("-o", &pairs)]);
    let (_, pairs) = array(&pairs);
    let (originals, reconstructions) = pairs.split_at(8 * 784);
    let of_originals = f64::from(originals.iter().sum::<f32>()) / originals.len() as f64;
    assert!((0.5..2.0).contains(&(ink / of_originals)), "{ink} and {of_originals}");
    said("interpolate", &["--from", "0,5", "--to", "3,7", "--steps", "9"], &[("-o", &walk)]);
    let (shape, walk) = array(&walk);
    assert_eq!(shape, [18, 28, 28, 1]);
    let image = |place: usize| &walk[place * 784..][..784];
    for (place, index) in [(0, 0), (8, 3), (9, 5), (17, 7)] {
        let expected = &reconstructions[index * 784..][..784];
        let largest = image(place).iter().zip(expected).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
        assert!(largest <= 1e-5, "image {place} is {largest} off");
    }
    assert!(image(4) != image(0) && image(4) != image(8));
    said("interpolate", &["--from", "0", "--to", "3"], &[("-o", &picture)]);
    let (width, height) = image::image_dimensions(&picture).unwrap();
    assert!(width > 11 * height && height > 28, "{width}×{height}");

    // A grid of the plane: a picture as wide as it is high, of images that differ from corner to corner.
    let plane = folder.at("plane.npy");
    let told = said("interpolate", &["--plane", "--steps", "4"], &[("-o", &plane)]);
    assert!(told.contains("across first principal component"), "{told}");
    let (shape, grid) = array(&plane);
    assert_eq!(shape, [16, 28, 28, 1]);
    assert!(grid[..784] != grid[15 * 784..] && grid.iter().all(|value| (0.0..=1.0).contains(value)));
    said("interpolate", &["--plane", "--steps", "5"], &[("-o", &picture)]);
    let (width, height) = image::image_dimensions(&picture).unwrap();
    assert!(width == height && width > 5 * 28, "{width}×{height}");
    refused("interpolate", &["--plane", "--from", "0", "--to", "1"], &[], 2, "cannot be used with");

    refused("interpolate", &["--from", "0", "--to", "10000"], &[], 2, "there is no image 10000");
    refused("interpolate", &["--from", "0,1", "--to", "3"], &[], 2, "as many images each");
    refused("sample", &["--count", "0"], &[], 2, "--count");
}

/// A preview shows images as they are and as a training changes them, each version otherwise, and what the network sees of them.
#[test]
fn what_a_training_does_to_images_is_shown() {
    let folder = Folder::new();
    let (numbers, picture) = (folder.at("preview.npy"), folder.at("preview.png"));
    let data = folder.at("data.csv");
    let row = |image: &[u8]| image.iter().map(u8::to_string).collect::<Vec<_>>().join(",") + "\n";
    let rows: Vec<String> =
        diabolo::data::load("glyphs").unwrap().test().first(10).bytes().chunks(784).map(row).collect();
    fs::write(&data, rows.concat()).unwrap();
    let changed = ["augmentation.rotate=20", "augmentation.elastic=4", "augmentation.cut_out=0.2"];
    let preview = |changed: &[&str]| {
        let set = changed.iter().flat_map(|&assignment| ["--set", assignment]);
        let arguments: Vec<&str> = ["--count", "3", "--versions", "4"].into_iter().chain(set).collect();
        said("preview", &arguments, &[("--data", &data), ("-o", &numbers)]);
        array(&numbers)
    };
    let (shape, targets) = preview(&changed);
    assert_eq!(shape, [3, 5, 28, 28, 1]);
    let images = diabolo::data::load(data.to_str().unwrap()).unwrap().train().spread(3);
    for (place, image) in targets.chunks(784).enumerate() {
        let original = images.image(place / 5).iter().map(|&byte| f32::from(byte) / 255.0);
        let furthest = image.iter().zip(original).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
        assert_eq!(furthest < 1e-6, place % 5 == 0, "{place}: {furthest}");
        assert!(targets.chunks(784).skip(place + 1).all(|other| other != image), "{place}");
    }
    assert_eq!(bits(&preview(&changed).1), bits(&targets));
    assert_ne!(preview(&[&changed[..], &["training.seed=2"]].concat()).1, targets);

    let (shape, seen) = preview(&[&changed[..], &["corruption.noise=masking"]].concat());
    assert_eq!(shape, [2, 3, 5, 28, 28, 1]);
    let (given_back, seen) = seen.split_at(targets.len());
    assert_eq!(bits(given_back), bits(&targets));
    let masked = seen.iter().zip(&targets).filter(|(seen, target)| seen != target);
    assert!(masked.clone().count() > 100 && masked.clone().all(|(&seen, _)| seen == 0.0));

    // Left and right exchanged, or not.
    let (_, flipped) = preview(&["augmentation.flip=horizontal"]);
    let mirror = |image: &[f32]| -> Vec<f32> { image.chunks(28).flat_map(|row| row.iter().rev().copied()).collect() };
    let versions = flipped.chunks(5 * 784).flat_map(|image| {
        let (original, versions) = image.split_at(784);
        versions.chunks(784).map(move |version| (version == original, version == mirror(original)))
    });
    let versions: Vec<(bool, bool)> = versions.collect();
    assert!(versions.iter().all(|&(same, mirrored)| same != mirrored), "{versions:?}");
    assert!([true, false].into_iter().all(|same| versions.contains(&(same, !same))), "{versions:?}");

    said("preview", &["--set", "augmentation.shift=0.2", "--count", "2"], &[("--data", &data), ("-o", &picture)]);
    let (width, height) = image::image_dimensions(&picture).unwrap();
    assert!(width > 13 * 28 && height > 2 * 28, "{width}×{height}");
    refused("preview", &[], &[("--data", &data), ("-o", &picture)], 2, "leaves images as they are");
    refused("preview", &["--set", "augmentation.shift=2"], &[("-o", &picture)], 2, "augmentation.shift must be");
    diabolo().args(["preview", "no such preset"]).assert().failure().code(2);
}
