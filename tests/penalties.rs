//! What trainings make of codes that are penalized, and of weights that are tied; `tests/verify.rs` holds their steps against the twin.

mod support;

use diabolo::config::Config;
use diabolo::data::{Images, load};
use diabolo::gpu::Gpu;
use diabolo::model::{Network, Parameters, initial_parameters};
use diabolo::reference::training::{forward, tie};
use diabolo::reference::{CodeSettings, Matrix};
use diabolo::train::Trainer;
use support::gpu;

fn config(preset: &str, assignments: &[&str]) -> Config {
    let assignments: Vec<String> = assignments.iter().map(|&word| word.to_owned()).collect();
    let config = Config::load(preset, &assignments).unwrap();
    config.validate().unwrap();
    config
}

fn glyphs(count: usize) -> Images {
    load("glyphs").unwrap().train().first(count)
}

fn initial(config: &Config) -> (Network, Parameters) {
    let network = config.network(784);
    let parameters = initial_parameters(&network, config.network.initialization, config.training.seed);
    (network, parameters)
}

fn trained(gpu: &Gpu, config: &Config, images: &Images) -> (Network, Parameters) {
    let (network, parameters) = initial(config);
    let mut trainer = Trainer::new(gpu, config, images, &parameters).unwrap();
    for epoch in 0..config.training.epochs {
        trainer.train_epoch(epoch, |_| ()).unwrap();
    }
    (network, trainer.parameters().unwrap())
}

/// The values of images, [images, pixels].
fn values(images: &Images) -> Matrix {
    Matrix::from_fn(images.len(), 784, |row, pixel| f64::from(images.image(row)[pixel]) / 255.0)
}

/// The codes of images, [images, units].
fn codes((network, parameters): &(Network, Parameters), images: &Images) -> Matrix {
    let layers = parameters.in_f64(network);
    let code = network.code_layer().unwrap();
    layers[..=code].iter().fold(values(images), |input, layer| layer.outputs(&layer.logits(&input)))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

#[test]
fn a_sparse_code_is_as_active_as_it_is_to_be() {
    let gpu = gpu();
    let images = glyphs(500);
    let small = [
        "network.encoder=[{units=32, activation=\"sigmoid\"}]",
        "optimizer.learning_rate=0.02",
        "schedule.shape=cosine",
        "training.batch_size=50",
        "training.epochs=20",
    ];
    let activity = |kl: &str| {
        let config = config("sparse", &[&small[..], &[kl]].concat());
        mean(codes(&trained(&gpu, &config, &images), &images).elements.into_iter())
    };
    let (sparse, plain) = (activity("code.kl=1000"), activity("code.kl=0"));
    assert!((sparse - 0.05).abs() <= 0.005, "{sparse}");
    assert!(plain > 0.1, "{plain}");
}

#[test]
fn a_contracted_code_changes_less_with_the_image() {
    let gpu = gpu();
    let images = glyphs(400);
    let norm = |weight: &str| {
        let code = "network.encoder=[{units=32, activation=\"relu\"}]";
        let config = config("contractive", &[code, weight, "training.batch_size=50", "training.epochs=20"]);
        let (network, parameters) = trained(&gpu, &config, &images);
        let layer = &parameters.in_f64(&network)[0];
        let jacobian = CodeSettings { contractive: 1.0, ..CodeSettings::NONE };
        let norms = jacobian.penalty(layer, &layer.logits(&values(&images))).of_samples;
        mean(norms.into_iter())
    };
    let (contracted, plain) = (norm("code.contractive=1"), norm("code.contractive=0"));
    assert!(contracted < 0.5 * plain, "{contracted} {plain}");
}

/// One step of gradient descent at so large a rate that it shows the gradient.
#[test]
fn the_gradient_of_a_thousand_contracted_units_is_that_of_central_differences() {
    const RATE: f64 = 1024.0;
    let gpu = gpu();
    let images = glyphs(4);
    let descent = ["optimizer.algorithm=sgd", "optimizer.learning_rate=1024", "training.batch_size=4"];
    let config = config("contractive", &[&descent[..], &["code.contractive=10"]].concat());
    let (network, before) = initial(&config);
    let mut trainer = Trainer::new(&gpu, &config, &images, &before).unwrap();
    trainer.train_epoch(0, |_| ()).unwrap();
    let after = trainer.parameters().unwrap();
    let batch = values(&images);
    let loss_at = |place: usize, by: f64| {
        let mut layers = before.in_f64(&network);
        layers[0].weight.elements[place] += by;
        tie(&mut layers);
        let passes = forward(&layers, &batch, None);
        let penalties = config.code.penalty(&layers[0], &passes[0].logits).of_samples;
        let outputs = &passes[1].logits;
        let errors = outputs.zip(&batch, |z, t| config.loss.value(layers[1].activation, z, t));
        (errors.elements.iter().sum::<f64>() + penalties.iter().sum::<f64>()) / outputs.elements.len() as f64
    };
    let [before, after] = [&before, &after].map(|parameters| &parameters.tensors()[0].values);
    for place in (0..5).map(|index| index * 197_003 % before.len()) {
        let expected = (loss_at(place, 1e-4) - loss_at(place, -1e-4)) / 2e-4;
        let computed = (f64::from(before[place]) - f64::from(after[place])) / RATE;
        assert!((computed - expected).abs() <= 1e-3 * expected.abs(), "weight {place}: {computed}, not {expected}");
    }
}

#[test]
fn of_a_code_as_many_numbers_are_active_as_may_be() {
    let gpu = gpu();
    let images = glyphs(300);
    let sixteen = "network.encoder=[{units=16, activation=\"sigmoid\"}]";
    let config = config("dense", &[sixteen, "code.active=3", "training.batch_size=50", "training.epochs=2"]);
    let codes = codes(&trained(&gpu, &config, &images), &images);
    for row in codes.elements.chunks(16) {
        assert_eq!(row.iter().filter(|&&h| h > 0.0).count(), 3, "{row:?}");
    }
}

#[test]
fn tied_weights_are_each_other_transposed_to_the_last_bit() {
    let gpu = gpu();
    let images = glyphs(300);
    let widths = [
        "network.encoder=[{units=50, activation=\"tanh\"}, {units=9, activation=\"sigmoid\"}]",
        "network.decoder=[{units=50, activation=\"tanh\"}]",
    ];
    let others = ["network.tied=true", "optimizer.weight_decay=0.01", "training.batch_size=70", "training.epochs=2"];
    let config = config("dense", &[&widths[..], &others[..]].concat());
    let (network, parameters) = trained(&gpu, &config, &images);
    let bits = |parameters: &Parameters, layer: usize| -> Vec<u32> {
        parameters.tensors()[2 * layer].values.iter().map(|value| value.to_bits()).collect()
    };
    for (encoder, decoder) in [(0, 3), (1, 2)] {
        let (rows, columns) = (network.layers()[encoder].inputs, network.layers()[encoder].outputs);
        let (own, tied) = (bits(&parameters, encoder), bits(&parameters, decoder));
        assert_ne!(own, bits(&initial(&config).1, encoder));
        for (place, &bit) in own.iter().enumerate() {
            let (row, column) = (place / columns, place % columns);
            assert_eq!(bit, tied[column * rows + row], "layer {encoder}, {row}, {column}");
        }
    }
    assert_eq!(network.parameter_count(), 784 * 50 + 50 * 9 + 50 + 9 + 50 + 784);
}
