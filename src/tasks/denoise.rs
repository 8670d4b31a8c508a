//! Images that something was done to, as a trained model cleans them.

use super::evaluate::refuse_other_sizes;
use super::outputs::{outputs, require_finite};
use crate::data::Images;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::model::Network;
use crate::reference::Corruption;
use crate::train::TrainedModel;

/// What is done to images before the model sees them.
#[derive(Clone, Debug, PartialEq)]
pub enum Damage {
    /// Noise, which follows from the seed of the training and from an image's place.
    Noise(Corruption),
    /// `[pixels]`: values that are hidden, for which the model sees 0. Only these are taken of what it makes of an image.
    Hidden(Vec<bool>),
    /// Nothing: whatever it is, it was done before.
    Unknown,
}

/// Images before, with the damage, and after, [images, pixels] each, as numbers in [0, 1] where the output activation keeps them there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Denoised {
    /// As they are.
    pub originals: Vec<f32>,
    /// As the model sees them.
    pub damaged: Vec<f32>,
    /// As the model gives them back.
    pub cleaned: Vec<f32>,
}

/// Damages images and sends them through a model.
///
/// # Errors
/// Images of another size than the model's, outputs that are not finite, or a fault of the GPU.
pub fn denoise(gpu: &Gpu, model: &TrainedModel, images: &Images, damage: &Damage) -> Result<Denoised, Error> {
    refuse_other_sizes(model, images)?;
    let corruption = if let Damage::Noise(corruption) = damage { *corruption } else { Corruption::NONE };
    let shown = match damage {
        Damage::Hidden(hidden) => without(images, hidden)?,
        Damage::Noise(_) | Damage::Unknown => images.clone(),
    };
    let outputs = |network: &Network, images: &Images, corruption: Corruption| {
        outputs(gpu, network, &model.parameters, images, corruption, model.config.training.seed)
    };
    // A network without layers gives images back as it sees them.
    let nothing = Network::default();
    let originals = outputs(&nothing, images, Corruption::NONE)?;
    let damaged = outputs(&nothing, &shown, corruption)?;
    let mut cleaned = outputs(&model.network, &shown, corruption)?;
    require_finite("the model's outputs", &cleaned)?;
    if let Damage::Hidden(hidden) = damage {
        for (place, cleaned) in cleaned.iter_mut().enumerate() {
            if !hidden[place % hidden.len()] {
                *cleaned = originals[place];
            }
        }
    }
    Ok(Denoised { originals, damaged, cleaned })
}

/// The images with 0 for what is hidden.
fn without(images: &Images, hidden: &[bool]) -> Result<Images, Error> {
    let bytes = images.bytes().iter().zip(hidden.iter().cycle()).map(|(&byte, &hidden)| if hidden { 0 } else { byte });
    Ok(Images::new(images.shape(), bytes.collect(), None)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ImageShape;

    #[test]
    fn what_is_hidden_is_black_in_every_image() {
        let shape = ImageShape { height: 1, width: 3, channels: 1 };
        let images = Images::new(shape, vec![1, 2, 3, 4, 5, 6], None).unwrap();
        assert_eq!(without(&images, &[false, true, false]).unwrap().bytes(), [1, 0, 3, 4, 0, 6]);
    }
}
