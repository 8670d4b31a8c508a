//! What comes of variational codes; `tests/verify.rs` holds their trainings against the twin.

mod support;

use diabolo::config::Config;
use diabolo::data::load;
use diabolo::gpu::Gpu;
use diabolo::model::{Network, Parameters, initial_parameters};
use diabolo::program::Memory;
use diabolo::reference::training::{BatchPlace, Objective, loss_and_gradients};
use diabolo::reference::{CodeSettings, Loss, Matrix};
use diabolo::train::{Inference, Trainer, negative_bound};
use support::gpu;

fn config(assignments: &[&str]) -> Config {
    let code = ["network.encoder=[{units=40, activation=\"relu\"}, {units=6, activation=\"identity\"}]"];
    let small = ["network.decoder=[{units=40, activation=\"relu\"}]", "training.batch_size=60", "training.epochs=6"];
    let assignments = [&code[..], &small[..], assignments].concat();
    let config = Config::load("vae", &assignments.into_iter().map(str::to_owned).collect::<Vec<_>>()).unwrap();
    config.validate().unwrap();
    config
}

fn initial(config: &Config) -> (Network, Parameters) {
    let network = config.network(784);
    let parameters = initial_parameters(&network, config.network.initialization, config.training.seed);
    (network, parameters)
}

fn memory(gpu: &Gpu, network: &Network, parameters: &Parameters) -> Memory {
    let mut memory = Memory::default();
    memory.upload_parameters(gpu, network, parameters).unwrap();
    memory
}

#[test]
fn the_lower_bound_is_the_twin_s_and_training_raises_it() {
    let gpu = gpu();
    let images = load("glyphs").unwrap().train().first(500);
    let config = config(&[]);
    let (network, parameters) = initial(&config);
    let bound = |parameters: &Parameters| {
        negative_bound(&gpu, &network, &mut memory(&gpu, &network, parameters), "images", &images, 5).unwrap()
    };
    let before = bound(&parameters);
    let batch = Matrix::from_fn(500, 784, |row, pixel| f64::from(images.image(row)[pixel]) / 255.0);
    let place = Some(BatchPlace { seed: 5, epoch: u32::MAX, first_position: 0 });
    let code = CodeSettings { variational: 1.0, ..CodeSettings::NONE };
    let objective = Objective { loss: Loss::BinaryCrossEntropy, code, code_layer: 1 };
    let (twin, _) = loss_and_gradients(&parameters.in_f64(&network), objective, &batch, &batch, place);
    assert!((before / (784.0 * twin) - 1.0).abs() < 1e-5, "{before}, not {}", 784.0 * twin);
    let mut trainer = Trainer::new(&gpu, &config, &images, &parameters).unwrap();
    let losses: Vec<f64> = (0..6).map(|epoch| trainer.train_epoch(epoch, |_| ()).unwrap()).collect();
    let after = bound(&trainer.parameters().unwrap());
    assert!(after < 0.8 * before, "{before} {after}");
    assert!((after / (784.0 * losses[5]) - 1.0).abs() < 0.1, "{after} {losses:?}");
}

#[test]
fn codes_and_reconstructions_are_those_of_the_means() {
    let gpu = gpu();
    let images = load("glyphs").unwrap().train().first(7);
    let (network, parameters) = initial(&config(&[]));
    assert_eq!((network.code_size(), network.to_string().as_str()), (6, "784-40-6-40-784"));
    let layers = parameters.in_f64(&network);
    let batch = Matrix::from_fn(7, 784, |row, pixel| f64::from(images.image(row)[pixel]) / 255.0);
    let computed = |network: &Network| {
        let mut memory = memory(&gpu, network, &parameters);
        let mut values = Vec::new();
        let mut inference = Inference::new(&gpu, network, &mut memory, "images", &images).unwrap();
        inference.outputs(&gpu, |outputs| values.extend(outputs.iter().copied().map(f64::from))).unwrap();
        values
    };
    for (count, computed) in [(2, computed(&network.encoder())), (4, computed(&network))] {
        let twin = layers[..count].iter().fold(batch.clone(), |input, layer| layer.outputs(&layer.logits(&input)));
        assert_eq!(computed.len(), twin.elements.len());
        for (computed, twin) in computed.iter().zip(&twin.elements) {
            assert!((computed - twin).abs() < 1e-4, "{computed}, not {twin}");
        }
    }
}

#[test]
fn a_variational_training_is_the_same_where_its_images_are_streamed() {
    let images = load("glyphs").unwrap().train().first(200);
    let config = config(&["training.batch_size=30"]);
    let trained = |gpu: &Gpu| {
        let (_, parameters) = initial(&config);
        let mut trainer = Trainer::new(gpu, &config, &images, &parameters).unwrap();
        trainer.train_epoch(1, |_| ()).unwrap();
        let parameters = trainer.parameters().unwrap();
        parameters.tensors().iter().flat_map(|tensor| tensor.values.iter().map(|x| x.to_bits())).collect::<Vec<_>>()
    };
    assert!(trained(&gpu()) == trained(&gpu().with_data_memory(3 * 30 * 784)));
}
