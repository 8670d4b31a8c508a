//! Trainings and evaluations on an adapter; `tests/verify.rs` holds every step of them against the twin.

mod support;

use diabolo::config::Config;
use diabolo::data::{Dataset, Images, Split, load};
use diabolo::error::Error;
use diabolo::model::{Network, glorot_uniform};
use diabolo::program::{Memory, Plan};
use diabolo::reference::corruption::word;
use diabolo::reference::training::{forward, loss_and_gradients};
use diabolo::reference::{Corruption, Loss, Matrix, Noise};
use diabolo::tasks::evaluate::{Terms, evaluate};
use diabolo::train::{Evaluator, Trainer};
use support::gpu;

fn config(assignments: &[&str]) -> Config {
    let assignments: Vec<String> = assignments.iter().map(|&word| word.to_owned()).collect();
    let config = Config::load("dense", &assignments).unwrap();
    config.validate().unwrap();
    config
}

fn glyphs(count: usize) -> Images {
    load("glyphs").unwrap().train().first(count)
}

#[test]
fn an_epoch_s_loss_is_the_mean_over_its_images_not_over_its_steps() {
    let gpu = gpu();
    let config = config(&["training.batch_size=40"]);
    let images = glyphs(95);
    let parameters = glorot_uniform(&config.network(784), 1);
    let start = || Trainer::new(&gpu, &config, &images, &parameters).unwrap();
    let losses: Vec<f64> = start().epoch_losses(0, |_| ()).unwrap().into_iter().map(f64::from).collect();
    let mean = (losses[0] * 40.0 + losses[1] * 40.0 + losses[2] * 15.0) / 95.0;
    assert!((start().train_epoch(0, |_| ()).unwrap() - mean).abs() <= 1e-12, "{losses:?}");
}

/// How far a training's first step moves all parameters together.
fn first_step(config: &Config) -> f64 {
    let gpu = gpu();
    let images = glyphs(config.training.batch_size);
    let before = glorot_uniform(&config.network(784), 1);
    let mut trainer = Trainer::new(&gpu, config, &images, &before).unwrap();
    trainer.train_epoch(0, |_| ()).unwrap();
    let after = trainer.parameters().unwrap();
    let tensors = before.tensors().iter().zip(after.tensors());
    let moved = tensors.flat_map(|(before, after)| before.values.iter().zip(&after.values));
    moved.map(|(before, after)| (f64::from(*after) - f64::from(*before)).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn a_clipped_gradient_has_the_norm_that_it_may_have() {
    let moved = |norm: &str| first_step(&config(&["optimizer.algorithm=sgd", "optimizer.learning_rate=1", norm]));
    let whole = moved("optimizer.max_gradient_norm=0");
    for share in [0.5, 0.01] {
        let norm = share * whole;
        let clipped = moved(&format!("optimizer.max_gradient_norm={norm}"));
        assert!((clipped - norm).abs() <= 1e-4 * norm, "{clipped}, not {norm}");
    }
    let above = moved(&format!("optimizer.max_gradient_norm={}", 1.01 * whole));
    assert!((above - whole).abs() <= 1e-4 * whole, "{above}, not {whole}");
}

#[test]
fn a_norm_that_no_gradient_reaches_changes_no_bit() {
    let gpu = gpu();
    let images = glyphs(300);
    let train = |norm: &str| {
        let config = config(&["training.batch_size=50", norm]);
        let network = config.network(784);
        let plan = Plan { fused: None, ..Plan::usual(&gpu, &network, 50, &config.additions()) };
        let mut trainer = Trainer::with_plan(&gpu, &config, &images, &glorot_uniform(&network, 1), plan).unwrap();
        trainer.train_epoch(0, |_| ()).unwrap();
        trainer.parameters().unwrap()
    };
    assert_eq!(train("optimizer.max_gradient_norm=1e6"), train("optimizer.max_gradient_norm=0"));
}

#[test]
fn clipping_holds_a_training_that_diverges_without() {
    let gpu = gpu();
    let images = glyphs(500);
    let train = |norm: &str| {
        let steep = ["loss=mse", "network.output_activation=identity", "training.batch_size=10"];
        let config = config(&[&steep[..], &["optimizer.algorithm=sgd", "optimizer.learning_rate=1e4", norm]].concat());
        let parameters = glorot_uniform(&config.network(784), 1);
        Trainer::new(&gpu, &config, &images, &parameters).unwrap().train_epoch(0, |_| ())
    };
    let error = train("optimizer.max_gradient_norm=0").unwrap_err();
    assert_eq!(error.exit_code(), 3);
    train("optimizer.max_gradient_norm=1e-6").unwrap();
}

#[test]
fn another_seed_gives_another_model() {
    let gpu = gpu();
    let images = glyphs(300);
    let train = |seed: &str| {
        let config = config(&[seed]);
        let network = config.network(784);
        let parameters = glorot_uniform(&network, config.training.seed);
        let mut trainer = Trainer::new(&gpu, &config, &images, &parameters).unwrap();
        trainer.train_epoch(0, |_| ()).unwrap();
        trainer.parameters().unwrap()
    };
    assert_ne!(train("training.seed=5"), train("training.seed=6"));
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
    let mut evaluator = Evaluator::new(&gpu, &network, trainer.memory_mut(), "test images", &images).unwrap();
    let errors = evaluator.errors(&gpu).unwrap();
    let layers = parameters.in_f64(&network);
    let batch = Matrix::from_fn(503, 784, |row, pixel| f64::from(images.image(row)[pixel]) / 255.0);
    let (bce, _) = loss_and_gradients(&layers, Loss::BinaryCrossEntropy, &batch, &batch, None);
    let (mse, _) = loss_and_gradients(&layers, Loss::MeanSquaredError, &batch, &batch, None);
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
    let images = glyphs(100);
    let mut trainer = Trainer::new(&gpu, &config, &images, &glorot_uniform(&network, 1)).unwrap();
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
    let mut evaluator = Evaluator::new(&gpu, &network, trainer.memory_mut(), "test images", &images).unwrap();
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
    let images = glyphs(400);
    let mut trainer = Trainer::new(&gpu, &config, &images, &glorot_uniform(&network, 1)).unwrap();
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

/// What a network and one without layers make of images with noise, held against the twin's and against the images without.
#[test]
fn errors_on_images_with_noise_are_those_against_the_images_without() {
    let gpu = gpu();
    let images = glyphs(130);
    let network = config(&[]).network(784);
    let parameters = glorot_uniform(&network, 4);
    let seed = 5 + (7 << 32);
    for (noise, amount) in [(Noise::Gaussian, 0.5), (Noise::Masking, 0.25), (Noise::SaltAndPepper, 0.3)] {
        let corruption = Corruption { noise, amount };
        let clean = Matrix::from_fn(130, 784, |image, place| f64::from(images.image(image)[place]) / 255.0);
        let noisy = Matrix::from_fn(130, 784, |image, place| {
            corruption.apply(word(seed, u32::MAX, image as u32, place), clean.at(image, place))
        });
        let squares = |output: &Matrix| -> Vec<f64> {
            let squares = output.zip(&clean, |output, target| (output - target).powi(2));
            squares.elements.chunks(784).map(|image| image.iter().sum()).collect()
        };
        let passes = forward(&parameters.in_f64(&network), &noisy, None);
        let output = passes.last().unwrap().logits.map(|logit| network.output_activation().apply(logit));
        for (network, expected) in [(&network, squares(&output)), (&Network::default(), squares(&noisy))] {
            let mut memory = Memory::default();
            memory.upload_parameters(&gpu, network, &parameters).unwrap();
            let mut evaluator =
                Evaluator::with_noise(&gpu, network, &mut memory, "images", &images, corruption, seed).unwrap();
            let computed = evaluator.errors_of_images(&gpu).unwrap();
            assert_eq!(computed.len(), 130);
            for ([_, computed], expected) in computed.into_iter().zip(expected) {
                assert!((f64::from(computed) - expected).abs() <= 1e-4 * expected, "{computed}, not {expected}");
            }
        }
    }
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
    let evaluation = evaluate(&gpu, &model, &dataset, Split::Test, Terms::of(&model)).unwrap();
    let pca = evaluation.pca.unwrap();
    assert!(pca.sse < evaluation.model.sse && evaluation.model.sse < 1.15 * pca.sse, "{evaluation:?}");
}
