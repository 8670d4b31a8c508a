//! What trainings make of the keys that layers have of their own; `tests/verify.rs` holds their steps against the twin.

mod support;

use diabolo::config::Config;
use diabolo::data::{ImageShape, Images, load};
use diabolo::model::{Initialization, ModelFile, Parameters, initial_parameters, to_safetensors};
use diabolo::program::{Memory, Plan};
use diabolo::reference::shuffle::Shuffle;
use diabolo::reference::training::{BatchPlace, Trainer as Twin, forward};
use diabolo::reference::{Algorithm, Augmentation, Matrix, Optimizer, Schedule};
use diabolo::train::{ClassifierSettings, ClassifierTrainer, Evaluator, Reconstructor, Trainer};
use std::fs;
use std::path::Path;
use support::{diabolo, gpu, write_csv};

fn config(assignments: &[&str]) -> Config {
    let assignments: Vec<String> = assignments.iter().map(|&word| word.to_owned()).collect();
    let config = Config::load("dense", &assignments).unwrap();
    config.validate().unwrap();
    config
}

fn glyphs(count: usize) -> Images {
    load("glyphs").unwrap().train().first(count)
}

fn initial(config: &Config) -> Parameters {
    initial_parameters(&config.network(784), config.network.initialization, config.training.seed)
}

/// The second layer of the encoder stays as it is, whether a step is fused or not; the others learn.
#[test]
fn a_layer_without_a_rate_stays_as_it_is() {
    let gpu = gpu();
    let images = glyphs(96);
    let layers = "[{units=16, activation=\"relu\"}, {units=8, activation=\"tanh\", learning_rate_factor=0}]";
    for (optimizer, tied) in [("adamw", "false"), ("momentum", "true")] {
        let config = config(&[
            &format!("network.encoder={layers}"),
            "network.decoder=[{units=16, activation=\"relu\", learning_rate_factor=0.5}]",
            &format!("network.tied={tied}"),
            &format!("optimizer.algorithm={optimizer}"),
            "optimizer.weight_decay=0.1",
            "training.batch_size=32",
        ]);
        let before = initial(&config);
        let usual = Plan::usual(&gpu, &config.network(784), 32, &config.additions());
        for plan in [usual, Plan { fused: None, ..usual }] {
            let mut trainer = Trainer::with_plan(&gpu, &config, &images, &before, plan).unwrap();
            trainer.train_epoch(0, |_| ()).unwrap();
            for (before, after) in before.tensors().iter().zip(trainer.parameters().unwrap().tensors()) {
                // The decoder's first weight is that of the code's layer, if weights are tied.
                let must_stay =
                    before.name.starts_with("encoder.1") || tied == "true" && before.name == "decoder.0.weight";
                assert_eq!(before.values == after.values, must_stay, "{}, {}", plan.name(), before.name);
            }
        }
    }
}

const DROPPING: &str =
    "network.encoder=[{units=24, activation=\"relu\", dropout=0.2}, {units=8, activation=\"identity\", dropout=0.1}]";

/// Dropout changes the loss of a step, but no evaluation.
#[test]
fn outputs_are_dropped_in_training_alone() {
    let gpu = gpu();
    let images = glyphs(96);
    let dropping = config(&[DROPPING, "training.batch_size=32"]);
    let mut all_stays = dropping.clone();
    all_stays.network.encoder.iter_mut().for_each(|layer| layer.dropout = 0.0);
    let parameters = initial(&dropping);
    let loss = |config: &Config| {
        let mut trainer = Trainer::new(&gpu, config, &images, &parameters).unwrap();
        trainer.epoch_losses(0, |_| ()).unwrap()[0]
    };
    // Of the first step, before any update.
    assert_ne!(loss(&dropping), loss(&all_stays));
    assert_eq!(loss(&dropping), loss(&dropping));
    let errors = |config: &Config| {
        let mut memory = Memory::default();
        let network = config.network(784);
        memory.upload_parameters(&gpu, &network, &parameters).unwrap();
        Evaluator::new(&gpu, &network, &mut memory, "images", &images).unwrap().errors_of_images(&gpu).unwrap()
    };
    assert_eq!(errors(&dropping), errors(&all_stays));
    assert!(
        Plan::available(&gpu, &dropping.network(784), 32, &dropping.additions())
            .iter()
            .all(|plan| plan.fused.is_none())
    );
}

/// A configuration whose layers all have a normalization.
fn normalized(normalization: &str, more: &[&str]) -> Config {
    let layers = |units: [usize; 2]| {
        units
            .map(|units| format!("{{units={units}, activation=\"relu\", normalization=\"{normalization}\"}}"))
            .join(", ")
    };
    let of_network =
        [format!("network.encoder=[{}]", layers([24, 8])), format!("network.decoder=[{}]", layers([8, 24]))];
    let usual = ["training.batch_size=32", "optimizer.learning_rate=0.01"];
    config(&[&[of_network[0].as_str(), &of_network[1]][..], &usual, more].concat())
}

/// Scales begin at 1 and learn; the model file has them, and an epoch's steps are several dispatches a layer.
#[test]
fn normalized_layers_learn_and_are_in_the_model_file() {
    let gpu = gpu();
    let images = glyphs(96);
    for normalization in ["layer", "batch"] {
        let config = normalized(normalization, &[]);
        let (network, before) = (config.network(784), initial(&config));
        let mut trainer = Trainer::new(&gpu, &config, &images, &before).unwrap();
        let losses: Vec<f32> = (0..20).flat_map(|epoch| trainer.epoch_losses(epoch, |_| ()).unwrap()).collect();
        assert!(losses[losses.len() - 1] < 0.7 * losses[0], "{losses:?}");
        let after = trainer.parameters().unwrap();
        let scales = |parameters: &Parameters| -> Vec<(String, Vec<f32>)> {
            let tensors = parameters.tensors().iter().filter(|tensor| tensor.name.ends_with(".scale"));
            tensors.map(|tensor| (tensor.name.clone(), tensor.values.clone())).collect()
        };
        let names: Vec<String> = scales(&after).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["encoder.0.scale", "encoder.1.scale", "decoder.0.scale", "decoder.1.scale"]);
        for ((name, before), (_, after)) in scales(&before).into_iter().zip(scales(&after)) {
            assert!(before.iter().all(|&scale| scale == 1.0) && before != after, "{name}: {before:?} {after:?}");
        }
        let learned = after.tensors().iter().filter(|tensor| tensor.kind.is_learned());
        let elements: usize = learned.map(|tensor| tensor.values.len()).sum();
        assert_eq!(elements, network.parameter_count());
        let file = to_safetensors(&after, "").unwrap();
        assert_eq!(ModelFile::read(&file).unwrap().parameters(&network).unwrap(), after);
        let plans = Plan::available(&gpu, &network, 32, &config.additions());
        assert!(plans.iter().all(|plan| plan.fused.is_none()), "{plans:?}");
    }
}

fn values(images: &Images) -> Matrix {
    Matrix::from_fn(images.len(), 784, |row, pixel| f64::from(images.image(row)[pixel]) / 255.0)
}

/// What layers gather of their batches' statistics, the last batch being a single image, is what the twin does, and by that each image is
/// given back, whatever others there are.
#[test]
fn running_statistics_are_the_twin_s_and_images_are_given_back_by_them() {
    let gpu = gpu();
    let images = glyphs(97);
    let config = normalized("batch", &["optimizer.learning_rate=0.001"]);
    let (network, before) = (config.network(784), initial(&config));
    let mut trainer = Trainer::new(&gpu, &config, &images, &before).unwrap();
    let mut twin = Twin::new(before.in_f64(&network), config.loss, config.optimizer);
    for epoch in 0..2 {
        let losses = trainer.epoch_losses(epoch, |_| ()).unwrap();
        assert_eq!(losses.len(), 4);
        let shuffle = Shuffle::new(97, config.training.seed, epoch);
        for (place, loss) in losses.into_iter().enumerate() {
            let first = 32 * place as u32;
            let order: Vec<usize> =
                (first..97.min(first + 32)).map(|position| shuffle.sample_at(position) as usize).collect();
            let all = values(&images);
            let batch = Matrix::from_fn(order.len(), 784, |row, pixel| all.at(order[row], pixel));
            let place = BatchPlace { seed: config.training.seed, epoch, first_position: first };
            let expected = twin.step(&batch, &batch, Some(place), config.optimizer.learning_rate);
            assert!((f64::from(loss) / expected - 1.0).abs() < 1e-4, "{loss}, not {expected}");
        }
    }
    let after = trainer.parameters().unwrap();
    for (layer, twin) in after.in_f64(&network).iter().zip(&twin.layers).take(4) {
        for (computed, twin) in
            [(&layer.running.means, &twin.running.means), (&layer.running.variances, &twin.running.variances)]
        {
            assert!(!twin.is_empty());
            assert!(computed.iter().zip(twin).all(|(a, b)| (a - b).abs() < 1e-3), "{computed:?}, not {twin:?}");
        }
    }
    let given_back = |count: usize| {
        let mut memory = Memory::default();
        memory.upload_parameters(&gpu, &network, &after).unwrap();
        let some = images.first(count);
        Reconstructor::new(&gpu, &network, &mut memory, "images", &some).unwrap().reconstruct(&gpu).unwrap()
    };
    let of_all = given_back(97).reconstructions;
    let layers = after.in_f64(&network);
    let passes = forward(&layers, &values(&images), None);
    let expected = layers[4].outputs(&passes[4].logits);
    for (computed, expected) in of_all.iter().zip(&expected.elements) {
        assert!((f64::from(*computed) - expected).abs() < 1e-4, "{computed}, not {expected}");
    }
    for count in [1, 5] {
        assert!(given_back(count).reconstructions[..] == of_all[..784 * count]);
    }
}

/// Two images have no statistics worth the name; frozen layers need none.
#[test]
fn a_classifier_refuses_batches_that_are_too_small_to_normalize() {
    let gpu = gpu();
    let images = glyphs(6);
    let network = normalized("batch", &[]).network(784).classifier(784, 10);
    let parameters = initial_parameters(&network, Initialization::Glorot, 1);
    for (frozen_layers, batch_size, fits) in [(0, 3, true), (0, 2, false), (1, 2, false), (2, 2, true)] {
        let settings = ClassifierSettings {
            optimizer: Optimizer::new(Algorithm::Adam, 1e-3),
            schedule: Schedule::CONSTANT,
            batch_size,
            epochs: 1,
            seed: 1,
            frozen_layers,
            class_weights: vec![1.0; 10],
            draws_classes_alike: false,
            augmentation: Augmentation::NONE,
        };
        match ClassifierTrainer::new(&gpu, &settings, &network, &parameters, &images) {
            Ok(_) => assert!(fits, "{batch_size} images"),
            Err(error) => {
                let told = error.to_string();
                assert!(!fits && told.contains("takes at least 3 images together, but a batch has 2: "), "{told}");
                assert_eq!(error.exit_code(), 2);
            }
        }
    }
}

/// That there are too few labeled images for batch normalization is told before the first number of a sweep is trained by, and before the
/// last layer is.
#[test]
fn a_sweep_that_cannot_be_fine_tuned_to_its_end_is_refused_at_its_start() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("images.csv"), folder.path().join("run"));
    let bytes = (1..=40).flat_map(|image| (0..16).map(move |pixel| (image * pixel * pixel % 251) as u8)).collect();
    let labels = (0..40).map(|image| image % 2).collect();
    let shape = ImageShape { height: 4, width: 4, channels: 1 };
    write_csv(&data, &Images::new(shape, bytes, Some(labels)).unwrap());
    let encoder = "network.encoder=[{units=4, activation=\"relu\", normalization=\"batch\"}]";
    let mut train = diabolo();
    train.args(["train", "--quiet", "--no-tune", "--epochs", "1", "--batch", "16", "--set", encoder, "--data"]);
    train.arg(&data).arg("--out").arg(&run).assert().success();
    let classify = |method: &str, arguments: &[&str]| {
        let mut command = diabolo();
        command
            .env("DIABOLO_LOG", "diabolo=debug")
            .arg("classify")
            .arg(&run)
            .args(["--method", method, "--epochs", "1"])
            .args(arguments);
        command.arg("-o").arg(folder.path().join(format!("{method}-{}", arguments.join("-"))));
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let trained = "epoch 1: loss";
    // Two classes, and as many images: all in one batch.
    for arguments in [["--labels", "3,1"], ["--batch", "2"]] {
        let (code, told) = classify("finetune", &arguments);
        assert!(told.contains("takes at least 3 images together, but a batch has 2: "), "{told}");
        assert!(code == Some(2) && !told.contains(trained), "{told}");
        let (code, told) = classify("probe", &arguments);
        assert!(code == Some(0) && told.contains(trained), "{told}");
    }
    let (code, told) = classify("finetune", &["--labels", "3,2"]);
    assert!(code == Some(0) && told.contains(trained), "{told}");
}

/// A run that was resumed drops what it would have dropped, and goes on with the statistics that it had; each layer that is pre-trained drops,
/// too. Layer normalization changes nothing of that.
#[test]
fn a_resumed_run_with_dropout_becomes_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("images.csv");
    let image = |i: usize| (0..64).map(|pixel| (i * pixel * pixel % 251).to_string()).collect::<Vec<_>>().join(",");
    fs::write(&data, (1..=100).map(image).collect::<Vec<_>>().join("\n")).unwrap();
    let train = |run: &Path, kind: &str, arguments: &[&str]| {
        let mut command = diabolo();
        command.args(["train", "--quiet", "--no-tune", "--batch", "32", "--set", DROPPING]).args(arguments);
        let decoder =
            format!("network.decoder=[{{units=24, activation=\"tanh\", dropout=0.3, normalization=\"{kind}\"}}]");
        command.args(["--set", &decoder, "--set", "pretraining.epochs=1", "--data"]).arg(&data);
        command.arg("--out").arg(run).assert().success();
        fs::read(run.join("model.safetensors")).unwrap()
    };
    for kind in ["layer", "batch"] {
        let (whole, resumed) = (folder.path().join(format!("whole-{kind}")), folder.path().join(kind));
        let once = train(&whole, kind, &["--epochs", "3"]);
        let first = train(&resumed, kind, &["--epochs", "1"]);
        let then = train(&resumed, kind, &["--epochs", "3", "--resume"]);
        assert!(then == once, "the resumed run has become another model");
        assert!(first != once, "the later epochs change nothing");
        let summary = fs::read_to_string(whole.join("summary.json")).unwrap();
        assert!(summary.contains("layered"), "a step with dropout was fused: {summary}");
    }
}
