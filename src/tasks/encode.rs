//! Images as codes.

use super::Codes;
use super::evaluate::refuse_other_sizes;
use super::outputs::{outputs, require_finite};
use crate::data::Images;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::reference::Corruption;
use crate::train::TrainedModel;

/// Sends images through a model's encoder. The codes have the images' labels and names, and their classes these names.
///
/// # Errors
/// Images of another size than the model's, a model whose codes are not finite, or a fault of the GPU.
pub fn encode(
    gpu: &Gpu,
    model: &TrainedModel,
    images: &Images,
    class_names: Option<&[String]>,
) -> Result<Codes, Error> {
    refuse_other_sizes(model, images)?;
    let values = outputs(gpu, &model.network.encoder(), &model.parameters, images, Corruption::NONE, 0)?;
    require_finite("the model's codes", &values)?;
    Ok(Codes {
        size: model.network.code_size(),
        values,
        labels: images.labels().map(<[u32]>::to_vec),
        class_names: class_names.map(<[String]>::to_vec),
        names: images.names().map(<[String]>::to_vec),
    })
}
