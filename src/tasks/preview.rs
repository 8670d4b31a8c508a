//! What a training does to images before a network sees them, and before it is to give them back.

use crate::config::Config;
use crate::data::Images;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::model::Network;
use crate::program::Memory;
use crate::reference::Augmentation;
use crate::train::{Alteration, Inference};

/// Images, each as it is and behind it in several versions: [images, 1 + versions, height, width, channels].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preview {
    /// As a network is to give them back.
    pub targets: Vec<f32>,
    /// As it sees them, if that is something else.
    pub inputs: Option<Vec<f32>>,
}

/// Changes images as a training under this configuration changes them, each so many times.
///
/// # Errors
/// A configuration that leaves images as they are, or a fault of the GPU.
pub fn preview(gpu: &Gpu, config: &Config, images: &Images, versions: usize) -> Result<Preview, Error> {
    let Config { augmentation, corruption, .. } = *config;
    if augmentation.is_none() && corruption.is_none() {
        return Err(Error::Usage(
            "this configuration leaves images as they are: say what is to be done to them, for example --set augmentation.rotate=15"
                .to_owned(),
        ));
    }
    let alteration = Alteration { augmentation, corruption, seed: config.training.seed };
    let repeated: Vec<usize> = (0..images.len()).flat_map(|image| vec![image; versions]).collect();
    let (targets, inputs) = altered(gpu, &images.select(&repeated), alteration)?;
    let without = Alteration { augmentation: Augmentation::NONE, ..alteration };
    let (originals, seen) = altered(gpu, images, without)?;
    let pixels = images.shape().pixels();
    let behind = |first: &[f32], versions_of_all: &[f32]| -> Vec<f32> {
        let rows = first.chunks(pixels).zip(versions_of_all.chunks(versions * pixels));
        rows.flat_map(|(first, versions)| [first, versions].concat()).collect()
    };
    Ok(Preview {
        targets: behind(&originals, &targets),
        inputs: (!corruption.is_none()).then(|| behind(&seen, &inputs)),
    })
}

/// Images as a network is to give them back, and as it sees them.
fn altered(gpu: &Gpu, images: &Images, alteration: Alteration) -> Result<(Vec<f32>, Vec<f32>), Error> {
    let (mut targets, mut inputs) = (Vec::new(), Vec::new());
    // A network without layers gives images back as it sees them.
    let mut memory = Memory::default();
    Inference::with_alteration(gpu, &Network::default(), &mut memory, "images", images, alteration)?.pairs(
        gpu,
        |of_batch, seen| {
            targets.extend(of_batch);
            inputs.extend(seen);
        },
    )?;
    Ok((targets, inputs))
}
