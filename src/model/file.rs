//! `model.safetensors`: every parameter tensor under its name, and in the metadata the run's configuration and a checksum.

use super::{Network, Parameters};
use crate::data::hexadecimal;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Why the bytes of a model file are not this network's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message describes its variant and fields")]
pub enum ModelFileError {
    #[error("is not a safetensors file: {0}")]
    Format(String),
    #[error("is damaged: its checksum is not that of its content")]
    Checksum,
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

/// The metadata's keys.
const CONFIGURATION: &str = "config";
const CHECKSUM: &str = "sha256";

/// What every header begins with.
const BEFORE_METADATA: &[u8] = br#"{"__metadata__":{"#;

/// The file's bytes: the same parameters and configuration give the same bytes.
///
/// # Errors
/// None but of tensors whose values are not as many as their shapes have.
pub fn to_safetensors(parameters: &Parameters, configuration: &str) -> Result<Vec<u8>, ModelFileError> {
    with_checksum(&without_checksum(parameters, configuration)?, configuration)
}

/// The metadata has one key, since it has no order, and the same model is to be the same bytes.
fn without_checksum(parameters: &Parameters, configuration: &str) -> Result<Vec<u8>, ModelFileError> {
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

/// The same file with its checksum, which comes first in the metadata.
fn with_checksum(file: &[u8], configuration: &str) -> Result<Vec<u8>, ModelFileError> {
    let parts = file.split_first_chunk().and_then(|(&length, rest)| {
        let (header, data) = rest.split_at_checked(u64::from_le_bytes(length) as usize)?;
        Some((header.strip_prefix(BEFORE_METADATA)?, data))
    });
    let (behind, data) = parts.ok_or_else(|| ModelFileError::Format("its header begins otherwise".to_owned()))?;
    let entry = format!("\"{CHECKSUM}\":\"{}\",", checksum(configuration, data));
    let mut header = [BEFORE_METADATA, entry.as_bytes(), behind.trim_ascii_end()].concat();
    // Tensors are aligned to 8 bytes.
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok([&(header.len() as u64).to_le_bytes()[..], &header, data].concat())
}

/// The SHA-256 of the configuration and, behind it, the bytes of all tensors as they stand in the file, in hexadecimal digits.
fn checksum(configuration: &str, data: &[u8]) -> String {
    hexadecimal(&Sha256::new().chain_update(configuration).chain_update(data).finalize())
}

/// A model's file, whole as far as it says of itself.
pub struct ModelFile<'a> {
    tensors: SafeTensors<'a>,
    /// The configuration that the model was trained under.
    pub configuration: String,
    /// The values of the images that it was trained on, which are the inputs of its first layer.
    pub pixels: usize,
}

impl<'a> ModelFile<'a> {
    /// Reads a file's bytes and holds them against the checksum in them. Older files have none.
    ///
    /// # Errors
    /// The file is damaged, or none of a model.
    pub fn read(bytes: &'a [u8]) -> Result<Self, ModelFileError> {
        const FIRST: &str = "encoder.0.weight";
        let format = |error: safetensors::SafeTensorError| ModelFileError::Format(error.to_string());
        let (length, header) = SafeTensors::read_metadata(bytes).map_err(format)?;
        let entry = |key: &str| header.metadata().as_ref().and_then(|metadata| metadata.get(key));
        let configuration = entry(CONFIGURATION).ok_or(ModelFileError::NoConfiguration)?;
        let data = &bytes[size_of::<u64>() + length..];
        if entry(CHECKSUM).is_some_and(|told| *told != checksum(configuration, data)) {
            return Err(ModelFileError::Checksum);
        }
        let tensors = SafeTensors::deserialize(bytes).map_err(format)?;
        let first = tensors.tensor(FIRST).map_err(|_| ModelFileError::Missing(FIRST.to_owned()))?;
        let pixels = first.shape().first().copied().unwrap_or(0);
        Ok(Self { tensors, configuration: configuration.clone(), pixels })
    }

    /// The parameters of `network`, which is that of the configuration.
    ///
    /// # Errors
    /// The file holds others.
    pub fn parameters(&self, network: &Network) -> Result<Parameters, ModelFileError> {
        let expected = network.parameter_shapes().len();
        if self.tensors.len() != expected {
            return Err(ModelFileError::Count(self.tensors.len(), expected));
        }
        parameters_of(&self.tensors, network)
    }
}

/// The parameters of `network` among a file's tensors.
///
/// # Errors
/// A tensor is missing, has another shape or type, holds numbers that are not finite, or a variance below 0.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Layer, glorot_uniform};
    use crate::reference::{Activation, Normalization};

    fn network(units: usize) -> Network {
        let code = Layer::new(units, Activation::Tanh);
        Network::autoencoder(6, &[code], &[], Activation::Sigmoid)
    }

    fn read(bytes: &[u8], network: &Network) -> Result<(String, Parameters), ModelFileError> {
        let file = ModelFile::read(bytes)?;
        let parameters = file.parameters(network)?;
        Ok((file.configuration, parameters))
    }

    #[test]
    fn a_model_survives_the_round_trip_and_gives_the_same_bytes() {
        let parameters = glorot_uniform(&network(3), 1);
        let bytes = to_safetensors(&parameters, "seed = 1").unwrap();
        assert_eq!(read(&bytes, &network(3)), Ok(("seed = 1".to_owned(), parameters.clone())));
        assert_eq!(bytes, to_safetensors(&parameters, "seed = 1").unwrap());
        assert_eq!(ModelFile::read(&bytes).unwrap().pixels, 6);
    }

    #[test]
    fn a_model_without_a_checksum_is_read() {
        let parameters = glorot_uniform(&network(3), 1);
        let bytes = without_checksum(&parameters, "seed = 1").unwrap();
        assert_eq!(read(&bytes, &network(3)), Ok(("seed = 1".to_owned(), parameters)));
    }

    /// Only the checksum's own name may be damaged, which harms nothing.
    #[test]
    fn every_flipped_bit_is_refused_or_changes_nothing() {
        let parameters = glorot_uniform(&network(3), 1);
        let bytes = to_safetensors(&parameters, "seed = 1").unwrap();
        let whole = ("seed = 1".to_owned(), parameters);
        let numbers: usize = whole.1.tensors().iter().map(|tensor| 4 * tensor.values.len()).sum();
        let mut damaged = bytes.clone();
        for bit in 0..8 * bytes.len() {
            damaged[bit / 8] ^= 1 << (bit % 8);
            match read(&damaged, &network(3)) {
                Ok(found) => assert!(bit / 8 < bytes.len() - numbers && found == whole, "bit {bit}"),
                Err(error) => assert!(bit / 8 < bytes.len() - numbers || error == ModelFileError::Checksum, "{error}"),
            }
            damaged[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn another_networks_file_and_damaged_files_are_refused() {
        let parameters = glorot_uniform(&network(3), 1);
        let bytes = to_safetensors(&parameters, "").unwrap();
        let message = read(&bytes, &network(4)).unwrap_err().to_string();
        assert!(message.contains("'encoder.0.weight' of f32 [6, 3]"), "{message}");
        let poisoned = Parameters::build(&network(3), |place, shape| {
            Ok::<_, ()>(vec![if place == 1 { f32::NAN } else { 0.0 }; shape.rows * shape.columns])
        });
        let poisoned = to_safetensors(&poisoned.unwrap(), "").unwrap();
        assert_eq!(read(&poisoned, &network(3)), Err(ModelFileError::NotFinite("encoder.0.bias".into())));
        let code = Layer { normalization: Normalization::Batch, ..Layer::new(3, Activation::Tanh) };
        let normalized = Network::autoencoder(6, &[code], &[], Activation::Sigmoid);
        let negative = glorot_uniform(&normalized, 1).map(|place, _, value| if place == 4 { -value } else { value });
        let negative = to_safetensors(&negative, "").unwrap();
        let told = read(&negative, &normalized).unwrap_err().to_string();
        assert_eq!(told, "holds a number below 0 in 'encoder.0.running_variance', which is no variance");
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length], &network(3)).is_err(), "{length} bytes");
        }
    }
}
