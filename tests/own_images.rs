//! The user's own images through the program: from files to a trained model, and what it says where that cannot be.

mod support;

use assert_cmd::Command;
use image::{GrayImage, Luma, Rgb, RgbImage};
use npyz::WriterBuilder;
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use support::{diabolo, refused, refused_on_the_way, said, standard_output};
use tempfile::TempDir;

/// `train` for two short epochs on `data`, into `run`.
fn train(data: &Path, run: &Path) -> Command {
    let mut command = diabolo();
    command.args(["train", "--epochs", "2", "--batch", "8", "--data"]).arg(data).arg("--out").arg(run);
    command
}

/// Discs of some color on ground of another: 24 images of each of two classes, as PNG, JPEG, WebP and BMP.
fn write_discs(folder: &Path, size: impl Fn(u32) -> (u32, u32)) {
    for (class, color) in [("red", Rgb([220, 40, 30])), ("blue", Rgb([20, 60, 200]))] {
        fs::create_dir_all(folder.join(class)).unwrap();
        for place in 0..24 {
            let (width, height) = size(place);
            let radius = (width.min(height) / 4 + place % 3) as i64;
            let picture = RgbImage::from_fn(width, height, |x, y| {
                let (x, y) = (i64::from(x) - i64::from(width / 2), i64::from(y) - i64::from(height / 2));
                if x * x + y * y <= radius * radius { color } else { Rgb([240, 230, 200]) }
            });
            let ending = ["png", "jpg", "webp", "bmp"][place as usize % 4];
            picture.save(folder.join(class).join(format!("{place}.{ending}"))).unwrap();
        }
    }
}

fn test_images(run: &Path, more: &[&str]) -> Value {
    let evaluated = said(diabolo().arg("evaluate").arg(run).arg("--json").args(more));
    serde_json::from_str(&evaluated).unwrap()
}

#[test]
fn color_images_of_mixed_sizes_train_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("discs"), folder.path().join("run"));
    write_discs(&data, |place| (16 + place, 40 - place));
    let message = refused(&mut train(&data, &run), 5);
    assert!(message.contains("1.jpg: is 39×17 pixels") && message.contains("--set data.size=[64,64]"), "{message}");
    assert!(!run.exists());

    let sized = ["--set", "data.size=[12,16]", "--set", "data.resize=crop"];
    let told = said(train(&data, &run).args(sized));
    assert!(told.contains("discs: 43 training and 5 test images of 12×16×3 in 2 classes"), "{told}");
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    assert!(config.contains("size = [") && config.contains("resize = \"crop\""), "{config}");

    // The run finds its images and its split again.
    let evaluated = test_images(&run, &[]);
    assert_eq!((&evaluated["images"], &evaluated["data"]), (&5.into(), &"discs".into()));
    let summary: Value = serde_json::from_slice(&fs::read(run.join("summary.json")).unwrap()).unwrap();
    let difference = evaluated["model"]["bce"].as_f64().unwrap() - summary["test_bce"].as_f64().unwrap();
    assert!(difference.abs() < 1e-9, "{evaluated} {summary}");
    assert_eq!(test_images(&run, &["--split", "train"])["images"], 43);

    // Of the 43 training images there are 42 principal components.
    assert_eq!(test_images(&run, &["--components", "42"])["pca"], test_images(&run, &["--components", "500"])["pca"]);
    assert_eq!(test_images(&run, &["--components", "500"])["components"], 42);

    // The run tells what shape codes become.
    let codes = folder.path().join("codes.npy");
    diabolo().arg("encode").arg(&run).arg("-o").arg(&codes).assert().success();
    let decode = |size: &str| {
        let mut command = diabolo();
        command.arg("decode").arg(&run).arg(&codes).args(["--size", size, "-o"]).arg(folder.path().join("decoded.png"));
        command
    };
    decode("12,16").assert().success();
    let message = refused(&mut decode("8,8"), 2);
    assert!(message.contains("the model's images have 576 values, which 8×8 pixels do not"), "{message}");

    // Originals in the picture have the discs' colors.
    let picture = folder.path().join("pairs.png");
    diabolo().arg("reconstruct").arg(&run).args(["--set", "data.test_share=1", "-o"]).arg(&picture).assert().success();
    let picture = image::open(&picture).unwrap().to_rgb8();
    let is_near = |pixel: &Rgb<u8>, color: [u8; 3]| pixel.0.iter().zip(color).all(|(a, b)| a.abs_diff(b) < 12);
    for color in [[220, 40, 30], [20, 60, 200], [240, 230, 200]] {
        assert!(picture.pixels().filter(|pixel| is_near(pixel, color)).count() > 100, "{color:?} is not to be seen");
    }
}

/// The batches of the presets are larger than many a folder.
#[test]
fn fewer_images_than_a_batch_are_trained_on_together() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("discs"), folder.path().join("run"));
    write_discs(&data, |_| (20, 20));
    let train = |preset: &[&str], more: &[&str]| {
        let mut command = diabolo();
        command.arg("train").args(preset).arg("--data").arg(&data).args(more).arg("--out").arg(&run);
        command
    };
    let few = ["network.encoder=[{units=4, activation=\"relu\", normalization=\"batch\"}]", "data.test_share=0.96"];
    let message = refused_on_the_way(train(&[], &["--set", few[0], "--set", few[1]]).args(["--epochs", "1"]), 2);
    assert!(
        message.contains("training.batch_size must be at least 3 where layers have batch normalization"),
        "{message}"
    );
    assert!(!run.exists());

    let assert = train(&[], &["--epochs", "1"]).assert().success();
    let noted = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(noted.contains("batches of 43, as there are no more training images"), "{noted}");
    assert!(standard_output(&assert).contains(", batches of 43, 1 epochs"), "{}", standard_output(&assert));
    let batch_size = || fs::read_to_string(run.join("config.toml")).unwrap().contains("batch_size = 43\n");
    assert!(batch_size());
    // It goes on the same, from its own configuration as from the preset.
    for (preset, epochs) in [(&[][..], "2"), (&["dense"], "3")] {
        train(preset, &["--epochs", epochs, "--resume"]).assert().success();
        assert!(batch_size());
    }
    assert_eq!(fs::read_to_string(run.join("metrics.jsonl")).unwrap().lines().count(), 3);
    // Fewer images than it was begun with are no reason for another batch.
    fs::remove_file(data.join("red/0.png")).unwrap();
    for preset in [&[][..], &["dense"]] {
        let message = refused_on_the_way(train(preset, &["--epochs", "4", "--resume"]).arg("--quiet"), 5);
        assert!(message.contains("was trained on 43 images"), "{message}");
    }
}

#[test]
fn one_new_image_goes_through_a_trained_model() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run, new) = (folder.path().join("discs"), folder.path().join("run"), folder.path().join("new"));
    write_discs(&data, |_| (20, 20));
    said(&mut train(&data, &run));
    fs::create_dir(&new).unwrap();
    RgbImage::from_pixel(31, 17, Rgb([9, 8, 7])).save(new.join("only.png")).unwrap();

    let reconstruct = |assignments: &[&str], code: i32| {
        let mut command = diabolo();
        command.arg("reconstruct").arg(&run).arg("--data").arg(&new).arg("-o").arg(folder.path().join("new.npy"));
        for assignment in assignments {
            command.args(["--set", assignment]);
        }
        if code == 0 { said(&mut command) } else { refused(&mut command, code) }
    };
    assert!(reconstruct(&[], 5).contains("holds 1 image, too few"));
    let message = reconstruct(&["data.test_share=1"], 2);
    assert!(message.contains("17×31×3") && message.contains("--set data.size=[height,width]"), "{message}");
    reconstruct(&["data.test_share=1", "data.size=[20,20]"], 0);
    let file = fs::File::open(folder.path().join("new.npy")).map(std::io::BufReader::new).unwrap();
    assert_eq!(npyz::NpyFile::new(file).unwrap().shape(), [2, 1, 20, 20, 3]);

    assert!(reconstruct(&["training.epochs=3"], 2).contains("keys of [data]"));
    assert!(reconstruct(&["data.test_share=0"], 2).contains("data.test_share must be above 0"));
    assert!(reconstruct(&["data.size=[20]"], 2).contains("data.size must be [height, width]"));
    // There is nothing to learn from where all is to be judged.
    let message = refused(train(&data, &folder.path().join("none")).args(["--set", "data.test_share=1"]), 5);
    assert!(
        message.contains("`discs` has no train images: all 48 are test images, as with data.test_share=1"),
        "{message}"
    );
    let message = refused(&mut train(&new, &folder.path().join("none")), 5);
    assert!(message.contains("give at least two to train"), "{message}");

    let mut command = diabolo();
    let assert = command.arg("evaluate").arg(&run).args(["--set", "data.test_share=1"]).assert().success();
    assert!(standard_output(&assert).contains("PCA-32 "), "{}", standard_output(&assert));
    let noted = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(noted.contains("there are no training images, of which principal components could be taken"), "{noted}");
}

#[test]
fn folders_called_train_and_test_are_the_split() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("digits"), folder.path().join("run"));
    for (split, count) in [("train", 20u8), ("test", 3)] {
        for class in ["even", "odd"] {
            let place = data.join(split).join(class);
            fs::create_dir_all(&place).unwrap();
            for value in 0..count {
                GrayImage::from_pixel(5, 4, Luma([10 * value])).save(place.join(format!("{value}.png"))).unwrap();
            }
        }
    }
    fs::write(data.join("readme.txt"), "mine").unwrap();
    let assert = train(&data, &run).assert().success();
    let told = standard_output(&assert);
    assert!(told.contains("digits: 40 training and 6 test images of 4×5×1 in 2 classes"), "{told}");
    let noted = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(noted.contains("1 file is not used, such as readme.txt"), "{noted}");
}

/// The same images as an NPY file, as a CSV file and as a folder give the same model, byte for byte.
#[test]
fn an_image_is_the_same_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let pixels: Vec<u8> = (0..40u32 * 36).map(|place| (place * place % 251) as u8).collect();
    let (images, npy, csv) = (folder.path().join("images"), folder.path().join("a.npy"), folder.path().join("b.csv"));
    let mut file = Vec::new();
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(&[40, 6, 6]).writer(&mut file).begin_nd().unwrap();
    writer.extend(pixels.iter().map(|pixel| f32::from(*pixel) / 255.0)).unwrap();
    writer.finish().unwrap();
    fs::write(&npy, file).unwrap();
    let mut text = (0..36).fold("label".to_owned(), |text, place| text + &format!(",pixel{place}")) + "\n";
    fs::create_dir(&images).unwrap();
    for (place, image) in pixels.chunks(36).enumerate() {
        write!(text, "{}", place % 3).unwrap();
        image.iter().for_each(|pixel| write!(text, ",{pixel}").unwrap());
        text.push('\n');
        GrayImage::from_raw(6, 6, image.to_vec()).unwrap().save(images.join(format!("{place}.png"))).unwrap();
    }
    fs::write(&csv, text).unwrap();

    let trained = [(&images, "1"), (&npy, "2"), (&csv, "3")].map(|(data, name)| {
        let run = folder.path().join(name);
        let told = said(&mut train(data, &run));
        assert!(told.contains("36 training and 4 test images of 6×6×1"), "{told}");
        assert_eq!(told.contains("in 3 classes"), data == &csv, "{told}");
        // The weights alone: the configuration in the metadata names the source.
        let bytes = fs::read(run.join("model.safetensors")).unwrap();
        let model = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let mut tensors = model.tensors();
        tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
        tensors.into_iter().map(|(name, tensor)| (name, tensor.data().to_vec())).collect::<Vec<_>>()
    });
    assert!(trained[0] == trained[1] && trained[1] == trained[2]);
}

#[test]
fn any_data_set_can_be_resized() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.npy");
    let mut file = Vec::new();
    let mut writer =
        npyz::WriteOptions::new().default_dtype().shape(&[20, 8, 4, 3]).writer(&mut file).begin_nd().unwrap();
    writer.extend((0..20 * 96).map(|place| (place % 256) as u8)).unwrap();
    writer.finish().unwrap();
    fs::write(&data, file).unwrap();
    let sized = ["--set", "data.size=[4,4]", "--set", "data.channels=gray", "--set", "data.test_share=0.25"];
    let told = said(train(&data, &folder.path().join("run")).args(sized));
    assert!(told.contains("15 training and 5 test images of 4×4×1"), "{told}");
}

/// A folder, or a file in it, and what is said about it.
struct Hostile {
    source: PathBuf,
    _folder: TempDir,
}

fn hostile(name: &str, content: &[u8]) -> Hostile {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join(name);
    fs::create_dir_all(source.parent().unwrap()).unwrap();
    fs::write(&source, content).unwrap();
    // An image file is given by its folder.
    let is_array = name.ends_with("npy") || name.ends_with("csv");
    let source = if is_array { source } else { source.parent().unwrap().to_owned() };
    Hostile { source, _folder: folder }
}

#[test]
fn hostile_files_are_refused_in_one_line_that_names_them() {
    let npy = |header: &str, data: &[u8]| {
        [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
    };
    let array = |descr: &str, shape: &str, data: &[u8]| {
        npy(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}"), data)
    };
    let nan = [0.5, f32::NAN].map(f32::to_le_bytes).concat();
    for (name, content, parts) in [
        ("a.npy", array("<f4", "(2, 1, 1)", &nan), &["a.npy: holds NaN in image 1", "floats must be in [0, 1]"][..]),
        ("a.npy", array("|u1", "(0, 2, 2)", &[]), &["a.npy: holds nothing"]),
        ("a.npy", array("|u1", "(2, 2, 2)", &[0; 9]), &["a.npy: is oversized"]),
        ("a.npy", array("|u1", "(4294967296, 4294967296, 4294967296)", &[]), &["a.npy: has images of"]),
        ("a.npy", array("<f8", "(18446744073709551615, 2, 2)", &[]), &["a.npy: is truncated"]),
        ("a.npy", npy(&"[".repeat(9_000), &[]), &["a.npy: holds elements of type several fields"]),
        ("a.csv", b"1,2,3,4\n1,2,3\n".to_vec(), &["a.csv: line 2: has 3 fields"]),
        ("a.csv", b"1,2,3,4\n1,2,3,-4\n".to_vec(), &["a.csv: line 2, field 4: \"-4\"", "from 0 to 255"]),
        ("a.csv", b"label,a\n".to_vec(), &["a.csv: holds no rows"]),
        ("pictures/no\nimage.png", b"\x89PNG\r\n\x1a\n".to_vec(), &["1 of 1 images", "no\\nimage.png", "remove it"]),
        ("pictures/notes.txt", b"".to_vec(), &["pictures: holds no images", "notes.txt", "PNG, JPEG, WebP or BMP"]),
        ("cat.png", b"".to_vec(), &["1 of 1 images", "cat.png"]),
    ] {
        let hostile = hostile(name, &content);
        let run = hostile.source.parent().unwrap().join("run");
        let message = refused(&mut train(&hostile.source, &run), 5);
        assert!(parts.iter().all(|part| message.contains(part)), "{name}: {message}");
        assert!(!run.exists());
    }
}

#[test]
fn images_beyond_the_memory_limit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("discs"), folder.path().join("run"));
    write_discs(&data, |_| (20, 20));
    let message = refused(train(&data, &run).args(["--max-memory", "50KB"]), 5);
    assert!(message.contains("discs: its images need 56.2 KiB") && message.contains("allows 48.8 KiB"), "{message}");
    let message = refused(train(&PathBuf::from("glyphs"), &run).args(["--max-memory", "50MB"]), 5);
    assert!(message.contains("52.3 MiB"), "{message}");
    refused(train(&data, &run).args(["--max-memory", "much"]), 2);
    said(train(&data, &run).args(["--max-memory", "2MiB"]));
    assert!(refused(diabolo().arg("evaluate").arg(&run).args(["--max-memory", "50KB"]), 5).contains("56.2 KiB"));
}

#[cfg(unix)]
#[test]
fn links_in_circles_and_out_of_the_folder_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("discs"), folder.path().join("run"));
    write_discs(&data, |_| (8, 8));
    for (target, name) in [(data.clone(), "circle"), (folder.path().to_owned(), "above"), (data.join("self"), "self")] {
        let link = data.join(name);
        std::os::unix::fs::symlink(target, &link).unwrap();
        let message = refused(&mut train(&data, &run), 5);
        assert!(message.contains(link.to_str().unwrap()) && message.contains("symbolic link"), "{message}");
        fs::remove_file(link).unwrap();
    }
    // The folder itself may be linked to.
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&data, &link).unwrap();
    assert!(said(&mut train(&link, &run)).contains("discs: 43 training"));
}

/// What is said of an image names its file, so that a person finds it.
#[test]
fn the_names_of_files_go_with_their_images() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (data, run) = (at("discs"), at("run"));
    write_discs(&data, |place| (16 + place, 40 - place));
    said(train(&data, &run).args(["--set", "data.size=[12,12]", "--set", "data.test_share=0.5"]));
    let column = |file: &Path, name: &str| -> Vec<String> {
        let mut reader = csv::Reader::from_path(file).unwrap();
        let place = reader.headers().unwrap().iter().position(|header| header == name).unwrap();
        reader.records().map(|row| row.unwrap()[place].to_owned()).collect()
    };
    let codes = at("codes.csv");
    said(diabolo().arg("encode").arg(&run).arg("-o").arg(&codes));
    let names = column(&codes, "name");
    assert_eq!(names.len(), 24);
    for (name, label) in names.iter().zip(column(&codes, "label")) {
        assert!(data.join(name).is_file() && name.starts_with(&format!("{label}/")), "{name} of {label}");
    }
    // The image of a name is that of its code: alone in a folder, it has the same.
    let alone = at("alone");
    fs::create_dir_all(alone.join("red")).unwrap();
    let name = names.iter().find(|name| name.starts_with("red/")).unwrap();
    fs::copy(data.join(name), alone.join(name)).unwrap();
    let one = at("one.csv");
    said(
        diabolo()
            .arg("encode")
            .arg(&run)
            .args(["--set", "data.test_share=1", "--data"])
            .arg(&alone)
            .arg("-o")
            .arg(&one),
    );
    let row = |file: &Path| {
        let text = fs::read_to_string(file).unwrap();
        text.lines().find(|line| line.starts_with(&format!("{name},"))).unwrap().to_owned()
    };
    let numbers = |row: String| row.split(',').skip(2).map(|number| number.parse::<f64>().unwrap()).collect::<Vec<_>>();
    let (expected, found) = (numbers(row(&codes)), numbers(row(&one)));
    assert!(expected.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-4), "{expected:?} {found:?}");
    said(diabolo().arg("decode").arg(&run).arg(&codes).args(["--size", "12,12", "-o"]).arg(at("pictures.png")));
    let told = said(diabolo().arg("encode").arg(&run).arg("-o").arg(at("codes.npy")));
    assert!(told.contains("names of the images' files are kept in .csv"), "{told}");

    let anomalies = at("anomalies.csv");
    said(diabolo().arg("detect").arg(&run).arg("--picture").arg(at("anomalies.png")).arg("-o").arg(&anomalies));
    assert_eq!(column(&anomalies, "name"), names);
    said(diabolo().arg("classify").arg(&run).args(["--epochs", "1", "-o"]).arg(at("probe")));
    assert_eq!(column(&at("probe").join("predictions.csv"), "name"), names);
    let predictions = at("predictions.csv");
    said(diabolo().arg("predict").arg(at("probe")).arg("--data").arg(&alone).arg("-o").arg(&predictions));
    assert_eq!(column(&predictions, "name"), [name.as_str()]);
}
