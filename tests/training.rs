//! Whole runs on an adapter against the twin in f64, and against themselves.

mod support;

use diabolo::config::Config;
use diabolo::data::{Dataset, ImageShape, Images, load};
use diabolo::error::Error;
use diabolo::gpu::Gpu;
use diabolo::kernels::matmul::Schedule;
use diabolo::model::{Network, Parameters, glorot_uniform};
use diabolo::reference::shuffle::Shuffle;
use diabolo::reference::training::{DenseLayer, Trainer as Twin, loss_and_gradients};
use diabolo::reference::{Loss, Matrix};
use diabolo::train::{Evaluator, Trainer};
use support::gpu;

const STEPS: usize = 50;

fn config(assignments: &[&str]) -> Config {
    let assignments: Vec<String> = assignments.iter().map(|&word| word.to_owned()).collect();
    let config = Config::load("dense", &assignments).unwrap();
    config.validate().unwrap();
    config
}

fn glyphs(count: usize) -> Images {
    load("glyphs").unwrap().train().first(count)
}

/// The same layers with the same numbers in f64.
fn twin_layers(network: &Network, parameters: &Parameters) -> Vec<DenseLayer> {
    let tensors = parameters.tensors().chunks_exact(2);
    let layer = |(layer, tensors): (&diabolo::model::Dense, &[diabolo::model::ParameterTensor])| DenseLayer {
        weight: Matrix::from_f32(layer.inputs, layer.outputs, &tensors[0].values),
        bias: tensors[1].values.iter().copied().map(f64::from).collect(),
        activation: layer.activation,
    };
    network.layers().iter().zip(tensors).map(layer).collect()
}

/// The batches of an epoch, in the order of the shuffle.
fn batches(images: &Images, config: &Config, epoch: u32) -> Vec<Matrix> {
    let shuffle = Shuffle::new(images.len() as u32, config.training.seed, epoch);
    let order: Vec<u32> = (0..images.len() as u32).map(|position| shuffle.sample_at(position)).collect();
    let pixels = images.shape().pixels();
    order
        .chunks(config.training.batch_size)
        .map(|samples| {
            Matrix::from_fn(samples.len(), pixels, |row, pixel| {
                f64::from(images.image(samples[row] as usize)[pixel]) / 255.0
            })
        })
        .collect()
}

/// Trains both for two epochs of 25 steps, the last of each smaller, from the same weights, in the same order, on the same bytes, and
/// compares the loss of every step and the mean of each epoch.
fn follows_its_twin(gpu: &Gpu, images: &Images, config: &Config, schedule: Schedule) {
    let network = config.network(images.shape().pixels());
    let parameters = glorot_uniform(&network, config.training.seed);
    let start = || Trainer::with_schedule(gpu, config, images, &parameters, schedule).unwrap();
    let (mut trainer, mut by_epoch) = (start(), start());
    let mut twin = Twin::new(twin_layers(&network, &parameters), config.loss, config.optimizer);
    for epoch in 0..2 {
        let losses = trainer.epoch_losses(epoch, |_| ()).unwrap();
        let batches = batches(images, config, epoch);
        assert_eq!((losses.len(), batches.len()), (STEPS / 2, STEPS / 2));
        assert!(batches[STEPS / 2 - 1].rows < config.training.batch_size);
        let mut weighted = 0.0;
        for (step, (&loss, batch)) in losses.iter().zip(&batches).enumerate() {
            let expected = twin.step(batch);
            let error = (f64::from(loss) - expected).abs() / expected;
            assert!(error <= 1e-4, "{:?} epoch {epoch} step {step}: {loss}, not {expected}", config.loss);
            weighted += expected * batch.rows as f64 / images.len() as f64;
        }
        let mean = by_epoch.train_epoch(epoch, |_| ()).unwrap();
        assert!((mean - weighted).abs() / weighted <= 1e-4, "epoch {epoch}: {mean}, not {weighted}");
    }
}

#[test]
fn fifty_steps_of_the_preset_follow_the_twin_in_every_schedule() {
    let gpu = gpu();
    let config = config(&["training.batch_size=40"]);
    let images = glyphs(STEPS / 2 * 40 - 13);
    for schedule in Schedule::ALL {
        follows_its_twin(&gpu, &images, &config, schedule);
    }
}

#[test]
fn fifty_steps_of_every_loss_and_output_follow_the_twin() {
    let gpu = gpu();
    // Images of 3 × 7, whose 21 values are no whole number of words.
    let shape = ImageShape { height: 3, width: 7, channels: 1 };
    let bytes = glyphs(30).bytes()[..21 * 247].to_vec();
    let images = Images::new(shape, bytes, None).unwrap();
    let network = "network.encoder=[{units=9, activation=\"tanh\"}, {units=5, activation=\"sigmoid\"}, {units=3, activation=\"identity\"}]";
    let decoder = "network.decoder=[{units=6, activation=\"relu\"}]";
    for loss in Loss::ALL {
        for output in loss.outputs() {
            let loss = format!("loss={}", loss.name());
            let output = format!("network.output_activation={}", output.name());
            let config = config(&["training.batch_size=10", network, decoder, &loss, &output]);
            follows_its_twin(&gpu, &images, &config, Schedule::of(&gpu));
        }
    }
}

#[test]
fn the_first_update_goes_against_the_twin_s_gradient() {
    let gpu = gpu();
    let images = glyphs(64);
    // Adam's first step divides by |g| + ε: with a large ε it is the gradient itself that is seen.
    let config = config(&["training.batch_size=64", "optimizer.epsilon=1e3", "optimizer.learning_rate=1e3"]);
    let network = config.network(784);
    let before = glorot_uniform(&network, 1);
    let mut trainer = Trainer::new(&gpu, &config, &images, &before).unwrap();
    trainer.epoch_losses(0, |_| ()).unwrap();
    let after = trainer.parameters().unwrap();
    let batch = &batches(&images, &config, 0)[0];
    let (_, gradients) = loss_and_gradients(&twin_layers(&network, &before), config.loss, batch, batch);
    for (index, gradient) in gradients.iter().enumerate() {
        for (place, expected) in [(2 * index, &gradient.weight.elements), (2 * index + 1, &gradient.bias)] {
            let (old, new) = (&before.tensors()[place], &after.tensors()[place]);
            let norm = expected.iter().map(|g| g * g).sum::<f64>().sqrt();
            assert!(norm > 0.0, "{}", old.name);
            let moved = old.values.iter().zip(&new.values).map(|(&old, &new)| f64::from(old) - f64::from(new));
            let difference = moved.zip(expected).map(|(moved, g)| (moved - g).powi(2)).sum::<f64>().sqrt();
            // The parameters are rounded to 2⁻²⁴ of up to 1 each.
            let rounding = (expected.len() as f64).sqrt() / 16_777_216.0;
            assert!(difference <= 1e-3 * norm + rounding, "{}: {difference} of {norm}", old.name);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_does_not() {
    let gpu = gpu();
    let images = glyphs(3000);
    let train = |seed: &str| {
        let config = config(&[seed]);
        let network = config.network(784);
        let mut trainer =
            Trainer::new(&gpu, &config, &images, &glorot_uniform(&network, config.training.seed)).unwrap();
        for epoch in 0..2 {
            trainer.train_epoch(epoch, |_| ()).unwrap();
        }
        trainer.parameters().unwrap()
    };
    let first = train("training.seed=5");
    assert_eq!(first, train("training.seed=5"));
    assert_ne!(first, train("training.seed=6"));
}

#[test]
fn an_evaluation_is_the_twin_s() {
    let gpu = gpu();
    let config = config(&[]);
    let network = config.network(784);
    let parameters = glorot_uniform(&network, 1);
    // More than one batch of an evaluation, the last of them a small one.
    let images = glyphs(503);
    let mut trainer = Trainer::new(&gpu, &config, &images, &parameters).unwrap();
    let evaluator = Evaluator::new(&gpu, &network, trainer.memory_mut(), "test images", &images).unwrap();
    let errors = evaluator.errors(&gpu).unwrap();
    let layers = twin_layers(&network, &parameters);
    let batch = Matrix::from_fn(503, 784, |row, pixel| f64::from(images.image(row)[pixel]) / 255.0);
    let (bce, _) = loss_and_gradients(&layers, Loss::BinaryCrossEntropy, &batch, &batch);
    let (mse, _) = loss_and_gradients(&layers, Loss::MeanSquaredError, &batch, &batch);
    for (computed, expected) in [(errors.bce, bce), (errors.mse, mse), (errors.sse, mse * 784.0)] {
        assert!((computed - expected).abs() <= 1e-5 * expected, "{computed}, not {expected}");
    }
}

#[test]
fn a_loss_that_is_not_finite_ends_the_run_and_says_where() {
    let gpu = gpu();
    let config = config(&[
        "optimizer.learning_rate=1e30",
        "training.batch_size=10",
        "loss=mse",
        "network.output_activation=identity",
    ]);
    let network = config.network(784);
    let mut trainer = Trainer::new(&gpu, &config, &glyphs(100), &glorot_uniform(&network, 1)).unwrap();
    let error = trainer.train_epoch(0, |_| ()).unwrap_err();
    assert!(matches!(error, Error::Diverged { epoch: 1, .. }), "{error}");
    assert_eq!(error.exit_code(), 3);
}

/// Here every loss is still finite, but the one update that follows it is not.
#[test]
fn a_last_update_that_goes_astray_is_noticed() {
    let gpu = gpu();
    let config = config(&["optimizer.learning_rate=3e38", "training.batch_size=20", "optimizer.epsilon=1e-30"]);
    let images = glyphs(20);
    let network = config.network(784);
    let mut trainer = Trainer::new(&gpu, &config, &images, &glorot_uniform(&network, 1)).unwrap();
    trainer.train_epoch(0, |_| ()).unwrap();
    let evaluator = Evaluator::new(&gpu, &network, trainer.memory_mut(), "test images", &images).unwrap();
    let is_lost = trainer.finite_parameters(1).is_err() || !evaluator.errors(&gpu).unwrap().are_finite();
    assert!(is_lost);
}

/// A fault in one epoch leaves nothing behind that would hinder the next.
#[test]
fn a_trainer_can_go_on_after_an_error() {
    let gpu = gpu();
    let config = config(&[
        "optimizer.learning_rate=1e30",
        "training.batch_size=2",
        "loss=mse",
        "network.output_activation=identity",
    ]);
    let network = config.network(784);
    let mut trainer = Trainer::new(&gpu, &config, &glyphs(400), &glorot_uniform(&network, 1)).unwrap();
    for _ in 0..3 {
        assert!(matches!(trainer.train_epoch(0, |_| ()), Err(Error::Diverged { .. })));
    }
}

#[test]
fn a_batch_larger_than_the_data_is_refused() {
    let gpu = gpu();
    let config = config(&["training.batch_size=101"]);
    let parameters = glorot_uniform(&config.network(784), 1);
    let error = Trainer::new(&gpu, &config, &glyphs(100), &parameters).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("only 100 training images"), "{error}");
    assert_eq!(error.exit_code(), 2);
}

/// Principal components are the best linear autoencoder: what `evaluate` holds a model against must be that.
#[test]
fn pca_beats_a_trained_linear_autoencoder_of_the_same_size_and_comes_close_to_it() {
    let gpu = gpu();
    let images = glyphs(2000);
    let dataset = Dataset::new("some glyphs", images.clone(), images.clone()).unwrap();
    let config = config(&[
        "loss=mse",
        "network.output_activation=identity",
        "network.encoder=[{units=8, activation=\"identity\"}]",
        "network.decoder=[]",
        "training.batch_size=100",
        "optimizer.learning_rate=0.003",
    ]);
    let network = config.network(784);
    let mut trainer = Trainer::new(&gpu, &config, &images, &glorot_uniform(&network, 1)).unwrap();
    for epoch in 0..20 {
        trainer.train_epoch(epoch, |_| ()).unwrap();
    }
    let parameters = trainer.parameters().unwrap();
    let model = diabolo::train::TrainedModel { config, network, parameters };
    let evaluation = diabolo::tasks::evaluate::evaluate(&gpu, &model, &dataset, diabolo::data::Split::Test).unwrap();
    let pca = evaluation.pca.unwrap();
    assert!(pca.sse < evaluation.model.sse && evaluation.model.sse < 1.15 * pca.sse, "{evaluation:?}");
}
