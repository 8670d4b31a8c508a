//! Codes back to images.

use super::Codes;
use crate::data::{ImageShape, ImageSize, shape_of_row};
use crate::error::Error;
use crate::gpu::{Commands, Gpu, Staging};
use crate::kernels::matmul::Products;
use crate::program::lower;
use crate::program::{Memory, Program};
use crate::train::{Batches, TrainedModel};

/// The most codes that are taken together, as many as images where these are reconstructed.
const MOST_CODES_TOGETHER: usize = 256;

/// Sends codes through a model's decoder: images [codes, pixels].
///
/// # Errors
/// Codes of another size than the model's, no codes, images that are not finite, or a fault of the GPU.
pub fn decode(gpu: &Gpu, model: &TrainedModel, codes: &Codes) -> Result<Vec<f32>, Error> {
    let size = model.network.code_size();
    if codes.size != size || codes.is_empty() {
        return Err(Error::Usage(format!(
            "the model's codes have {size} numbers, but these {} have {}: use codes that it has made",
            codes.len(),
            codes.size
        )));
    }
    let pixels = model.network.pixels();
    let (widest, weights) = (model.network.widest(), model.network.parameter_count());
    let batches = Batches::fitting(gpu, codes.len(), pixels, widest, weights, MOST_CODES_TOGETHER);
    let mut memory = Memory::default();
    memory.upload_parameters(gpu, &model.network, &model.parameters)?;
    let lowered = lower::decoding(&model.network.decoder(), batches.batch_size);
    memory.place(gpu, &lowered.graph)?;
    let program = Program::new(gpu, &lowered.graph, &memory, Products::of(gpu), 1)?;
    let inputs = memory.tensor(&lowered.graph, lowered.codes)?;
    let outputs = memory.tensor(&lowered.graph, lowered.images)?;
    let staging = Staging::new(gpu, outputs.len())?;
    let mut images = Vec::with_capacity(codes.len() * pixels);
    for (place, batch) in codes.values.chunks(batches.batch_size * size).enumerate() {
        inputs.upload(gpu, batch)?;
        let mut commands = Commands::new(gpu);
        program.record(gpu, &mut commands, &[batches.stored(place)])?;
        let readback = staging.submit_and_read(gpu, commands, &[(outputs, 0..batches.rows(place) * pixels)])?;
        images.extend(readback.wait::<f32>(gpu)?);
    }
    if images.iter().any(|value| !value.is_finite()) {
        return Err(Error::Run(
            "the images of these codes are not finite: use codes that the model has made".to_owned(),
        ));
    }
    Ok(images)
}

/// The shape of a model's images: of this size if one is told, else as the run's `data.size` says, else a gray square.
///
/// # Errors
/// The images have another number of values than the size that is told, or could have several shapes.
pub fn image_shape(model: &TrainedModel, size: Option<ImageSize>) -> Result<ImageShape, Error> {
    let pixels = model.network.pixels();
    let mut preparation = model.config.data.load_options(0).preparation;
    preparation.size = size.or(preparation.size);
    let shape = shape_of_row(pixels, &preparation).ok();
    let Some(size) = size else {
        return shape.ok_or_else(|| {
            Error::Usage(format!(
                "the model does not tell the shape of its images, which have {pixels} values and are no gray squares: tell their \
                 height and width, as in --size 32,48"
            ))
        });
    };
    shape.filter(|shape| size.with_channels(shape.channels) == *shape).ok_or_else(|| {
        let ImageShape { height, width, .. } = size.with_channels(1);
        Error::Usage(format!(
            "the model's images have {pixels} values, which {height}×{width} pixels do not: tell another size"
        ))
    })
}
