//! What a network makes of images.

use crate::data::Images;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::model::{Network, Parameters};
use crate::program::Memory;
use crate::reference::Corruption;
use crate::train::Inference;

/// What a network gives for images that it sees with noise, [images, what its last layer gives], whether or not that is finite. The network
/// may be the first layers of the one that the parameters are of; without layers it gives images as it sees them. The noise follows from the
/// seed.
pub fn outputs(
    gpu: &Gpu,
    network: &Network,
    parameters: &Parameters,
    images: &Images,
    corruption: Corruption,
    seed: u64,
) -> Result<Vec<f32>, Error> {
    let mut memory = Memory::default();
    memory.upload_parameters(gpu, network, parameters)?;
    let mut values = Vec::new();
    Inference::with_noise(gpu, network, &mut memory, "images", images, corruption, seed)?
        .outputs(gpu, |outputs| values.extend(outputs))?;
    Ok(values)
}

/// Refuses what a model makes of images where it is not finite; `what` says what that is, for people.
///
/// # Errors
/// [`Error::Run`] if one of the values is infinite or no number.
pub(super) fn require_finite(what: &str, values: &[f32]) -> Result<(), Error> {
    if values.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    Err(Error::Run(format!(
        "{what} are not finite, as the model diverged in training: train again with a smaller optimizer.learning_rate, or with \
         gradients clipped by optimizer.max_gradient_norm"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finite_is_refused_with_what_to_do() {
        require_finite("the codes", &[0.0, -1.0, f32::MAX]).unwrap();
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = require_finite("the codes", &[0.0, value]).unwrap_err();
            let message = error.to_string();
            assert!(message.starts_with("the codes are not finite") && error.exit_code() == 5, "{message}");
            assert!(message.contains("a smaller optimizer.learning_rate, or with gradients clipped"), "{message}");
        }
    }
}
