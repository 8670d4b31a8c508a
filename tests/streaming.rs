//! Images that do not fit into the memory that they may take: what is computed of them is what it would be if they did, bit for bit.

mod support;

use diabolo::config::Config;
use diabolo::data::{Dataset, ImageShape, Images, Split, load};
use diabolo::error::Error;
use diabolo::gpu::Gpu;
use diabolo::model::{Parameters, glorot_uniform};
use diabolo::program::Memory;
use diabolo::reference::Balancing;
use diabolo::reference::{Activation, Loss};
use diabolo::tasks::evaluate::{Terms, evaluate};
use diabolo::train::{Evaluator, Reconstructions, Reconstructor, TrainedModel, Trainer};
use proptest::prelude::*;
use support::gpu;

/// Values of an image: no whole number of words.
const SHAPE: ImageShape = ImageShape { height: 3, width: 7, channels: 1 };
/// Bytes of an image on the GPU.
const IMAGE_BYTES: u64 = 24;

fn images(count: usize) -> Images {
    let bytes = (0..count * SHAPE.pixels()).map(|i| (i * i % 251) as u8).collect();
    Images::new(SHAPE, bytes, None).unwrap()
}

fn config(batch_size: usize) -> Config {
    let encoder = "network.encoder=[{units=5, activation=\"tanh\"}]".to_owned();
    let decoder = "network.decoder=[]".to_owned();
    // The noise, too, must be the same, wherever in the tensor an image stands, and so must what images become.
    let changed = ["corruption.noise=salt_and_pepper", "augmentation.rotate=30", "augmentation.elastic=1"];
    let [noise, turn, bend] = changed.map(str::to_owned);
    Config::load("dense", &[encoder, decoder, noise, turn, bend, format!("training.batch_size={batch_size}")]).unwrap()
}

/// A GPU whose data may take as much as a stream of so many images at a time.
fn gpu_streaming(images_at_once: usize) -> Gpu {
    gpu().with_data_memory(3 * images_at_once as u64 * IMAGE_BYTES)
}

/// The loss of every step and the parameters after `epochs` epochs.
fn trained(gpu: &Gpu, images: &Images, batch_size: usize, epochs: u32) -> Result<(Vec<f32>, Parameters), Error> {
    let config = config(batch_size);
    let parameters = glorot_uniform(&config.network(SHAPE.pixels()), 1);
    let mut trainer = Trainer::new(gpu, &config, images, &parameters)?;
    let mut losses = Vec::new();
    for epoch in 0..epochs {
        losses.extend(trainer.epoch_losses(epoch, |_| ())?);
    }
    Ok((losses, trainer.parameters()?))
}

fn model() -> TrainedModel {
    let config = config(16);
    let network = config.network(SHAPE.pixels());
    let parameters = glorot_uniform(&network, 2);
    TrainedModel { config, network, parameters }
}

#[test]
fn a_streamed_training_gives_the_bits_of_a_resident_one() {
    let resident = gpu();
    // (images, batch_size, images_at_once): slots of exactly one batch, of some whole batches, and with room to spare; a smaller last
    // batch; a whole epoch that would fit into one slot.
    for (count, batch_size, at_once) in
        [(400, 16, 16), (403, 16, 64), (403, 16, 79), (401, 1, 3), (90, 40, 89), (250, 250, 250), (251, 250, 250)]
    {
        let images = images(count);
        let expected = trained(&resident, &images, batch_size, 3).unwrap();
        let streamed = trained(&gpu_streaming(at_once), &images, batch_size, 3).unwrap();
        assert_eq!(streamed, expected, "{count} images, batches of {batch_size}, {at_once} at once");
    }
}

/// Images that are drawn class by class: by the GPU where it has them all, by the host where not.
#[test]
fn a_stream_of_images_drawn_class_by_class_gives_the_bits_of_a_resident_training() {
    let labels = (0..403).map(|image| u32::from(image % 40 == 0)).collect();
    let images = Images::new(SHAPE, images(403).bytes().to_vec(), Some(labels)).unwrap();
    let mut config = config(16);
    let mut train = |gpu: &Gpu, balance| {
        config.training.balance = balance;
        let parameters = glorot_uniform(&config.network(SHAPE.pixels()), 1);
        let mut trainer = Trainer::new(gpu, &config, &images, &parameters).unwrap();
        let losses: Vec<Vec<f32>> = (0..3).map(|epoch| trainer.epoch_losses(epoch, |_| ()).unwrap()).collect();
        (losses, trainer.parameters().unwrap())
    };
    let expected = train(&gpu(), Balancing::Sampling);
    for at_once in [16, 79] {
        assert_eq!(train(&gpu_streaming(at_once), Balancing::Sampling), expected, "{at_once} at once");
    }
    assert_ne!(train(&gpu(), Balancing::None), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn so_does_one_of_any_size(batch_size in 1usize..50, batches in 1usize..8, more in 0usize..49, at_once in 0usize..120) {
        let images = images(batch_size * batches + more % batch_size);
        let expected = trained(&gpu(), &images, batch_size, 2).unwrap();
        let streamed = trained(&gpu_streaming(batch_size + at_once), &images, batch_size, 2).unwrap();
        prop_assert_eq!(streamed, expected);
    }
}

/// A stream that was broken off in the middle does not hinder the next.
#[test]
fn a_streamed_training_can_go_on_after_an_error() {
    let gpu = gpu_streaming(4);
    let images = images(200);
    let mut config = config(2);
    config.optimizer.learning_rate = 1e30;
    (config.loss, config.network.output_activation) = (Loss::MeanSquaredError, Activation::Identity);
    let parameters = glorot_uniform(&config.network(SHAPE.pixels()), 1);
    let mut trainer = Trainer::new(&gpu, &config, &images, &parameters).unwrap();
    for _ in 0..3 {
        assert!(matches!(trainer.train_epoch(0, |_| ()), Err(Error::Diverged { .. })));
    }
}

#[test]
fn a_memory_too_small_for_a_batch_is_refused_with_the_least_that_would_do() {
    let images = images(400);
    let error = trained(&gpu_streaming(15), &images, 16, 1).map(|_| ()).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let least = 3 * 16 * IMAGE_BYTES;
    assert!(error.to_string().contains(&format!("--gpu-memory {least}B or more, or a smaller --batch")), "{error}");
    assert!(trained(&gpu().with_data_memory(least), &images, 16, 1).is_ok());
}

#[test]
fn a_streamed_evaluation_gives_the_bits_of_a_resident_one() {
    let images = images(1203);
    let TrainedModel { network, parameters, .. } = model();
    let errors = |gpu: &Gpu| {
        let mut memory = Memory::default();
        memory.upload_parameters(gpu, &network, &parameters).unwrap();
        let mut evaluator = Evaluator::new(gpu, &network, &mut memory, "images", &images).unwrap();
        let first = evaluator.errors_of_images(gpu).unwrap();
        assert_eq!(evaluator.errors_of_images(gpu).unwrap(), first, "an evaluation can be repeated");
        first
    };
    let expected = errors(&gpu());
    assert_eq!(expected.len(), 1203);
    for at_once in [1, 7, 500, 601, 1000] {
        assert_eq!(errors(&gpu_streaming(at_once)), expected, "{at_once} images at once");
    }
}

#[test]
fn streamed_reconstructions_are_those_of_resident_images_and_the_originals_are_the_images() {
    let images = images(603);
    let TrainedModel { network, parameters, .. } = model();
    let reconstruct = |gpu: &Gpu| -> Reconstructions {
        let mut memory = Memory::default();
        memory.upload_parameters(gpu, &network, &parameters).unwrap();
        Reconstructor::new(gpu, &network, &mut memory, "images", &images).unwrap().reconstruct(gpu).unwrap()
    };
    let expected = reconstruct(&gpu());
    let originals: Vec<u8> = expected.originals.iter().map(|value| (255.0 * value).round() as u8).collect();
    assert_eq!(originals, images.bytes());
    for at_once in [10, 256] {
        assert_eq!(reconstruct(&gpu_streaming(at_once)), expected, "{at_once} images at once");
    }
}

/// More than is uploaded together.
#[test]
fn large_images_arrive_whole() {
    let shape = ImageShape { height: 300, width: 301, channels: 1 };
    let count = 60;
    let bytes = (0..count * shape.pixels()).map(|i| (i % 255) as u8).collect();
    let images = Images::new(shape, bytes, None).unwrap();
    let network = config(1).network(shape.pixels());
    let gpu = gpu();
    let mut memory = Memory::default();
    memory.upload_parameters(&gpu, &network, &glorot_uniform(&network, 1)).unwrap();
    let mut reconstructor = Reconstructor::new(&gpu, &network, &mut memory, "images", &images).unwrap();
    let originals = reconstructor.reconstruct(&gpu).unwrap().originals;
    let bytes: Vec<u8> = originals.iter().map(|value| (255.0 * value).round() as u8).collect();
    assert!(bytes == images.bytes());
}

/// Principal components of streamed images: sums in other groups, which are rounded otherwise.
#[test]
fn streamed_principal_components_are_as_good() {
    let dataset = Dataset::new("some", images(1100), images(300)).unwrap();
    let model = model();
    let pca = |gpu: &Gpu| evaluate(gpu, &model, &dataset, Split::Test, Terms::of(&model)).unwrap().pca.unwrap().sse;
    let expected = pca(&gpu());
    for at_once in [33, 500] {
        let streamed = pca(&gpu_streaming(at_once));
        assert!((streamed - expected).abs() <= 1e-4 * expected, "{at_once} images at once: {streamed}, not {expected}");
    }
}

/// The data as large as MNIST, and all that the training and evaluation of the preset `dense` need beside it.
#[test]
fn training_and_evaluating_60_000_images_takes_less_than_80_mb() {
    let gpu = gpu();
    let dataset = load("glyphs").unwrap();
    let config = Config::load("dense", &[]).unwrap();
    let network = config.network(dataset.shape().pixels());
    let parameters = glorot_uniform(&network, 1);
    let mut trainer = Trainer::new(&gpu, &config, dataset.train(), &parameters).unwrap();
    let mut evaluator = Evaluator::new(&gpu, &network, trainer.memory_mut(), "test images", dataset.test()).unwrap();
    trainer.train_epoch(0, |_| ()).unwrap();
    evaluator.errors(&gpu).unwrap();
    let images = (dataset.train().bytes().len() + dataset.test().bytes().len()) as u64;
    let counted = gpu.most_buffer_bytes();
    assert!((images..80_000_000).contains(&counted), "{counted} bytes");
    // What wgpu takes of the driver, rounded up to whole blocks; not every backend tells.
    if let Some(reserved) = gpu.reserved_bytes() {
        assert!((images..80_000_000).contains(&reserved), "{reserved} bytes");
    }
}

/// A stream takes what it was given, however many images there are.
#[test]
fn a_stream_keeps_to_its_memory() {
    let bytes_with = |count| {
        let gpu = gpu_streaming(100);
        trained(&gpu, &images(count), 50, 1).unwrap();
        gpu.most_buffer_bytes()
    };
    assert_eq!(bytes_with(1_000), bytes_with(20_000));
    let resident = |count| {
        let gpu = gpu();
        trained(&gpu, &images(count), 50, 1).unwrap();
        gpu.most_buffer_bytes()
    };
    assert!(resident(20_000) >= resident(1_000) + 19_000 * IMAGE_BYTES);
}
