//! `model.safetensors`: every parameter tensor under its name, and the run's configuration in the metadata.

use super::{Network, Parameters};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;

/// Why the bytes of a model file are not this network's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelFileError {
    #[error("is not a safetensors file: {0}")]
    Format(String),
    #[error("does not say under which configuration it was trained, as diabolo's own files do")]
    NoConfiguration,
    #[error("has no tensor '{0}' of the configured network")]
    Missing(String),
    #[error("has a tensor '{name}' of {found_type} {found:?}, but the configured network needs f32 {expected:?}")]
    Shape { name: String, found_type: String, found: Vec<usize>, expected: Vec<usize> },
    #[error("holds {0} tensors, but the configured network has {1}")]
    Count(usize, usize),
    #[error("holds a number in '{0}' that is not finite")]
    NotFinite(String),
    #[error("holds a number below 0 in '{0}', which is no variance")]
    NegativeVariance(String),
}

/// The metadata's only key. There is one, so that the same model is the same bytes: metadata has no order.
const CONFIGURATION: &str = "config";

/// The file's bytes: the same parameters and configuration give the same bytes.
pub fn to_safetensors(parameters: &Parameters, configuration: &str) -> Result<Vec<u8>, ModelFileError> {
    let format = |error: safetensors::SafeTensorError| ModelFileError::Format(error.to_string());
    let bytes: Vec<Vec<u8>> = parameters
        .tensors()
        .iter()
        .map(|tensor| tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect())
        .collect();
    let mut views = Vec::new();
    for (tensor, bytes) in parameters.tensors().iter().zip(&bytes) {
        views.push((&tensor.name, TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).map_err(format)?));
    }
    let metadata = HashMap::from([(CONFIGURATION.to_owned(), configuration.to_owned())]);
    safetensors::serialize(views, Some(metadata)).map_err(format)
}

/// The parameters of `network` out of a file's bytes.
pub fn from_safetensors(bytes: &[u8], network: &Network) -> Result<Parameters, ModelFileError> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| ModelFileError::Format(error.to_string()))?;
    let expected = network.parameter_shapes().len();
    if file.len() != expected {
        return Err(ModelFileError::Count(file.len(), expected));
    }
    parameters_of(&file, network)
}

/// The parameters of `network` among a file's tensors.
pub fn parameters_of(file: &SafeTensors<'_>, network: &Network) -> Result<Parameters, ModelFileError> {
    Parameters::build(network, |_, shape| {
        let name = shape.name.clone();
        let view = file.tensor(&name).map_err(|_| ModelFileError::Missing(name.clone()))?;
        let expected = shape.dimensions();
        if view.dtype() != Dtype::F32 || view.shape() != expected {
            let found_type = format!("{:?}", view.dtype()).to_lowercase();
            return Err(ModelFileError::Shape { name, found_type, found: view.shape().to_vec(), expected });
        }
        let values: Vec<f32> =
            view.data().as_chunks().0.iter().map(|&four_bytes| f32::from_le_bytes(four_bytes)).collect();
        if values.iter().any(|value| !value.is_finite()) {
            return Err(ModelFileError::NotFinite(name));
        }
        if shape.kind.refuses(&values) {
            return Err(ModelFileError::NegativeVariance(name));
        }
        Ok(values)
    })
}

/// What a file's bytes say of the model: the configuration it was trained under, and the values of the images it was trained on,
/// which are the inputs of its first layer.
pub fn describe_safetensors(bytes: &[u8]) -> Result<(String, usize), ModelFileError> {
    const FIRST: &str = "encoder.0.weight";
    let format = |error: safetensors::SafeTensorError| ModelFileError::Format(error.to_string());
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(format)?;
    let configuration = header.metadata().as_ref().and_then(|metadata| metadata.get(CONFIGURATION)).cloned();
    let configuration = configuration.ok_or(ModelFileError::NoConfiguration)?;
    let file = SafeTensors::deserialize(bytes).map_err(format)?;
    let first = file.tensor(FIRST).map_err(|_| ModelFileError::Missing(FIRST.to_owned()))?;
    Ok((configuration, first.shape().first().copied().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Layer, glorot_uniform};
    use crate::reference::{Activation, Normalization};

    fn network(units: usize) -> Network {
        let code = Layer::new(units, Activation::Tanh);
        Network::autoencoder(6, &[code], &[], Activation::Sigmoid)
    }

    #[test]
    fn a_model_survives_the_round_trip_and_gives_the_same_bytes() {
        let parameters = glorot_uniform(&network(3), 1);
        let bytes = to_safetensors(&parameters, "seed = 1").unwrap();
        assert_eq!(from_safetensors(&bytes, &network(3)).unwrap(), parameters);
        assert_eq!(bytes, to_safetensors(&parameters, "seed = 1").unwrap());
        assert_eq!(describe_safetensors(&bytes), Ok(("seed = 1".to_owned(), 6)));
    }

    #[test]
    fn another_networks_file_and_damaged_files_are_refused() {
        let parameters = glorot_uniform(&network(3), 1);
        let bytes = to_safetensors(&parameters, "").unwrap();
        let message = from_safetensors(&bytes, &network(4)).unwrap_err().to_string();
        assert!(message.contains("'encoder.0.weight' of f32 [6, 3]"), "{message}");
        let poisoned = Parameters::build(&network(3), |place, shape| {
            Ok::<_, ()>(vec![if place == 1 { f32::NAN } else { 0.0 }; shape.rows * shape.columns])
        });
        let poisoned = to_safetensors(&poisoned.unwrap(), "").unwrap();
        assert_eq!(from_safetensors(&poisoned, &network(3)), Err(ModelFileError::NotFinite("encoder.0.bias".into())));
        let code = Layer { normalization: Normalization::Batch, ..Layer::new(3, Activation::Tanh) };
        let normalized = Network::autoencoder(6, &[code], &[], Activation::Sigmoid);
        let negative = glorot_uniform(&normalized, 1).map(|place, _, value| if place == 4 { -value } else { value });
        let negative = to_safetensors(&negative, "").unwrap();
        let told = from_safetensors(&negative, &normalized).unwrap_err().to_string();
        assert_eq!(told, "holds a number below 0 in 'encoder.0.running_variance', which is no variance");
        for length in 0..bytes.len() {
            assert!(from_safetensors(&bytes[..length], &network(3)).is_err(), "{length} bytes");
        }
    }
}
