//! A checkpoint file: the state of a training and a description of it, in one safetensors file that vouches for itself.
//!
//! Its tensors are those of [`TrainingState::names`], as f32. The metadata's only key, `checkpoint`, is JSON: `sha256`, the checksum of
//! the file's bytes with that checksum's own digits taken for zeros, and `description`, whatever the writer has to say.

use super::{Network, ParameterShape, TrainingState};
use crate::data::hexadecimal;
use crate::reference::Moments;
use safetensors::tensor::{Dtype, Metadata, TensorInfo, TensorView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{self, Read};

/// Why bytes are not the checkpoint that is looked for.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message describes its variant and fields")]
pub enum CheckpointError {
    #[error("is truncated: it ends inside its header")]
    HeaderTruncated,
    #[error("declares a header of {declared} bytes, but at most {MAX_HEADER_BYTES} can be read and {found} follow")]
    HeaderTooLarge { declared: u64, found: u64 },
    #[error("is not a checkpoint of diabolo: {0}")]
    Header(String),
    #[error("holds {found} tensors, but the training that it is of has {expected}")]
    Count { found: usize, expected: usize },
    #[error("has no tensor '{0}'")]
    Missing(String),
    #[error("has a tensor '{name}' of {found_type} {found:?}, but the training that it is of needs f32 {expected:?}")]
    Shape { name: String, found_type: String, found: Vec<usize>, expected: Vec<usize> },
    #[error("has no whole tensor '{0}' where its header says")]
    Offsets(String),
    #[error("holds {found} bytes of numbers, but {expected} are needed")]
    Length { found: u64, expected: u64 },
    #[error("holds a number below 0 in '{0}', which is no variance")]
    NegativeVariance(String),
    #[error("is damaged: its checksum is not that of its content")]
    Checksum,
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// Far more than the names of a network that an adapter could hold.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// The metadata's only key. There is one, so that the same checkpoint is the same bytes: metadata has no order.
const KEY: &str = "checkpoint";

/// What every header begins with; the digits of the checksum follow.
const BEFORE_CHECKSUM: &str = r#"{"__metadata__":{"checkpoint":"{\"sha256\":\""#;

/// Hexadecimal digits of a checksum.
const DIGITS: usize = 64;

/// The JSON of the metadata. The checksum comes first, so that its place is known.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content<D> {
    sha256: String,
    description: D,
}

/// The file's bytes: the same state and description give the same bytes.
///
/// # Errors
/// A description that JSON cannot hold.
pub fn write_checkpoint(
    network: &Network,
    state: &TrainingState,
    description: &impl Serialize,
) -> Result<Vec<u8>, CheckpointError> {
    let unwritable = |error: &dyn std::fmt::Display| CheckpointError::Header(error.to_string());
    let content = Content { sha256: "0".repeat(DIGITS), description };
    let content = serde_json::to_string(&content).map_err(|error| unwritable(&error))?;
    let names = TrainingState::names(network, state.moments());
    let bytes: Vec<Vec<u8>> =
        state.values().map(|values| values.iter().flat_map(|value| value.to_le_bytes()).collect()).collect();
    let mut views = Vec::new();
    for ((name, shape), bytes) in names.iter().zip(&bytes) {
        views.push((name, TensorView::new(Dtype::F32, shape.dimensions(), bytes).map_err(|error| unwritable(&error))?));
    }
    let metadata = HashMap::from([(KEY.to_owned(), content)]);
    let mut file = safetensors::serialize(views, Some(metadata)).map_err(|error| unwritable(&error))?;
    let checksum = hexadecimal(&Sha256::digest(&file));
    let digits = checksum_place(&file[8..]).map(|place| 8 + place.start..8 + place.end);
    let digits = digits.ok_or_else(|| unwritable(&"the checksum has no place"))?;
    file[digits].copy_from_slice(checksum.as_bytes());
    Ok(file)
}

/// The header of a checkpoint, read before anything that it declares.
pub struct CheckpointHeader<D> {
    /// What the writer had to say.
    pub description: D,
    metadata: Metadata,
    sha256: String,
    /// Of all bytes so far.
    hash: Sha256,
    /// Bytes of the file behind the header.
    left: u64,
}

impl<D: DeserializeOwned> CheckpointHeader<D> {
    /// Reads the header of a file of `length` bytes. Takes no more memory than a few times the header's length, which is bounded.
    ///
    /// # Errors
    /// What is no such header. Whether it is damaged shows only with the rest of the file.
    pub fn read(file: &mut impl Read, length: u64) -> Result<Self, CheckpointError> {
        let mut size = [0; 8];
        read_exactly(file, &mut size)?;
        let (declared, found) = (u64::from_le_bytes(size), length.saturating_sub(8));
        if declared > found.min(MAX_HEADER_BYTES) {
            return Err(CheckpointError::HeaderTooLarge { declared, found });
        }
        let mut header = vec![0; declared as usize];
        read_exactly(file, &mut header)?;
        let unknown = |reason: &dyn std::fmt::Display| CheckpointError::Header(reason.to_string());
        let place = checksum_place(&header).ok_or_else(|| unknown(&"its header begins otherwise"))?;
        let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| unknown(&error))?;
        let content = metadata.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
        let content = content.ok_or_else(|| unknown(&"it has no description"))?;
        let Content { sha256, description } = serde_json::from_str(content).map_err(|error| unknown(&error))?;
        header[place].fill(b'0');
        let hash = Sha256::new().chain_update(size).chain_update(&header);
        Ok(Self { description, metadata, sha256, hash, left: found - declared })
    }

    /// The values of an image that the network takes, as the first tensor's shape has it.
    pub fn pixels(&self) -> Option<usize> {
        self.metadata.info("encoder.0.weight").and_then(|info| info.shape.first().copied())
    }

    /// Reads the numbers, which follow the header, once it is known to be of a training of `network` by an optimizer with such moments.
    ///
    /// # Errors
    /// Other tensors than the network's, too few bytes or too many, or a wrong checksum.
    pub fn read_state(
        self,
        file: &mut impl Read,
        network: &Network,
        moments: Moments,
    ) -> Result<TrainingState, CheckpointError> {
        let Self { metadata, sha256, hash, left, .. } = self;
        let names = TrainingState::names(network, moments);
        let found = metadata.offset_keys().len();
        if found != names.len() {
            return Err(CheckpointError::Count { found, expected: names.len() });
        }
        let mut expected = 0u64;
        for (name, shape) in &names {
            let info = metadata.info(name).ok_or_else(|| CheckpointError::Missing(name.clone()))?;
            expected = expected.saturating_add(bytes_of(name, shape, info)?);
        }
        if left != expected {
            return Err(CheckpointError::Length { found: left, expected });
        }
        let mut data = vec![0; left as usize];
        read_exactly(file, &mut data)?;
        if hexadecimal(&hash.chain_update(&data).finalize()) != sha256 {
            return Err(CheckpointError::Checksum);
        }
        TrainingState::build(network, moments, |name, shape| {
            let info = metadata.info(name).ok_or_else(|| CheckpointError::Missing(name.to_owned()))?;
            let (start, end) = info.data_offsets;
            let bytes = data.get(start..end).ok_or_else(|| CheckpointError::Offsets(name.to_owned()))?;
            let values: Vec<f32> =
                bytes.as_chunks().0.iter().map(|&four_bytes| f32::from_le_bytes(four_bytes)).collect();
            if shape.kind.refuses(&values) {
                return Err(CheckpointError::NegativeVariance(name.to_owned()));
            }
            Ok(values)
        })
    }
}

/// The bytes of a tensor of this shape, if that is what the header declares.
fn bytes_of(name: &str, shape: &ParameterShape, info: &TensorInfo) -> Result<u64, CheckpointError> {
    let expected = shape.dimensions();
    if info.dtype != Dtype::F32 || info.shape != expected {
        let found_type = format!("{:?}", info.dtype).to_lowercase();
        return Err(CheckpointError::Shape { name: name.to_owned(), found_type, found: info.shape.clone(), expected });
    }
    let bytes = 4 * shape.rows as u64 * shape.columns as u64;
    let (start, end) = info.data_offsets;
    if end.checked_sub(start).map(|length| length as u64) == Some(bytes) {
        Ok(bytes)
    } else {
        Err(CheckpointError::Offsets(name.to_owned()))
    }
}

/// Where the digits of the checksum stand in a header.
fn checksum_place(header: &[u8]) -> Option<std::ops::Range<usize>> {
    let first = BEFORE_CHECKSUM.len();
    let is_whole = header.starts_with(BEFORE_CHECKSUM.as_bytes()) && header.len() >= first + DIGITS;
    is_whole.then_some(first..first + DIGITS)
}

fn read_exactly(file: &mut impl Read, bytes: &mut [u8]) -> Result<(), CheckpointError> {
    file.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => CheckpointError::HeaderTruncated,
        _ => CheckpointError::Unreadable(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Layer, ParameterKind, glorot_uniform};
    use crate::reference::{Activation, Normalization};

    const BOTH: Moments = Moments { first: true, second: true };

    fn network(units: usize) -> Network {
        let code = Layer::new(units, Activation::Tanh);
        Network::autoencoder(7, &[code], &[], Activation::Sigmoid)
    }

    /// Every tensor with numbers of its own, some of them subnormal.
    fn state(network: &Network) -> TrainingState {
        state_with(network, f32::abs)
    }

    /// The same with these variances.
    fn state_with(network: &Network, variance: fn(f32) -> f32) -> TrainingState {
        let mut next = 0.0;
        let built = TrainingState::build(network, BOTH, |_, shape| {
            let number = |_| {
                next += 1.0f32;
                let number = if (next as u32).is_multiple_of(5) { f32::from_bits(next as u32) } else { next.sin() };
                if shape.kind == ParameterKind::RunningVariance { variance(number) } else { number }
            };
            Ok::<_, ()>((0..shape.rows * shape.columns).map(number).collect())
        });
        built.unwrap()
    }

    fn read(bytes: &[u8], network: &Network) -> Result<(String, TrainingState), CheckpointError> {
        let mut file = bytes;
        let header = CheckpointHeader::<String>::read(&mut file, bytes.len() as u64)?;
        Ok((header.description.clone(), header.read_state(&mut file, network, BOTH)?))
    }

    #[test]
    fn a_checkpoint_survives_the_round_trip_and_gives_the_same_bytes() {
        let (network, state) = (network(5), state(&network(5)));
        let description = "a \"description\" with sha256 and 0000".to_owned();
        let bytes = write_checkpoint(&network, &state, &description).unwrap();
        assert_eq!(bytes, write_checkpoint(&network, &state, &description).unwrap());
        assert_eq!(read(&bytes, &network).unwrap(), (description, state));
        // Any other program can read it.
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(file.tensor("encoder.0.weight.first_moment").unwrap().shape(), [7, 5]);
        assert_eq!(file.len(), 12);
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_of_4_kib_is_refused() {
        let network = network(17);
        let bytes = write_checkpoint(&network, &state(&network), &"x".repeat(64)).unwrap();
        assert!((4096..5000).contains(&bytes.len()), "{}", bytes.len());
        assert!(read(&bytes, &network).is_ok());
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length], &network).is_err(), "{length} bytes");
        }
        let mut damaged = bytes.clone();
        for bit in 0..8 * bytes.len() {
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&damaged, &network).is_err(), "bit {bit}");
            damaged[bit / 8] ^= 1 << (bit % 8);
        }
        damaged.push(0);
        assert!(matches!(read(&damaged, &network), Err(CheckpointError::Length { .. })));
    }

    #[test]
    fn another_network_s_checkpoint_is_refused_with_what_differs() {
        let bytes = write_checkpoint(&network(5), &state(&network(5)), &"").unwrap();
        let message = read(&bytes, &network(6)).unwrap_err().to_string();
        assert!(message.contains("'encoder.0.weight' of f32 [7, 5]"), "{message}");
        let layers = [Layer::new(5, Activation::Tanh); 2];
        let deeper = Network::autoencoder(7, &layers, &[], Activation::Sigmoid);
        assert!(matches!(read(&bytes, &deeper), Err(CheckpointError::Count { found: 12, expected: 18 })));
    }

    #[test]
    fn a_header_longer_than_the_file_or_than_sense_is_refused_before_it_is_read() {
        for declared in [100, MAX_HEADER_BYTES + 1, u64::MAX] {
            let bytes = [&declared.to_le_bytes()[..], b"{}"].concat();
            let length = if declared == 100 { 10 } else { u64::MAX };
            let read = CheckpointHeader::<String>::read(&mut &bytes[..], length);
            assert!(matches!(read, Err(CheckpointError::HeaderTooLarge { .. })));
        }
    }

    /// Running statistics are told by the batches, not learned.
    #[test]
    fn running_statistics_are_saved_without_moments() {
        let code = Layer { normalization: Normalization::Batch, ..Layer::new(5, Activation::Tanh) };
        let network = Network::autoencoder(7, &[code], &[], Activation::Sigmoid);
        let state = state(&network);
        let bytes = write_checkpoint(&network, &state, &"").unwrap();
        assert_eq!(read(&bytes, &network).unwrap().1, state);
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(file.tensor("encoder.0.running_variance").unwrap().shape(), [5]);
        // Weight, bias and scale of the first layer, weight and bias of the second, thrice, and two running statistics.
        assert_eq!((file.len(), TrainingState::initial(state.parameters(), BOTH).values().count()), (17, 17));
        assert!(file.tensor("encoder.0.running_mean.first_moment").is_err());
        let negative = write_checkpoint(&network, &state_with(&network, |number| -number.abs()), &"").unwrap();
        let told = read(&negative, &network).unwrap_err().to_string();
        assert_eq!(told, "holds a number below 0 in 'encoder.0.running_variance', which is no variance");
    }

    #[test]
    fn a_training_begins_without_moments() {
        let parameters = glorot_uniform(&network(5), 1);
        for moments in Moments::ALL {
            let state = TrainingState::initial(&parameters, moments);
            assert_eq!((state.parameters(), state.moments()), (&parameters, moments));
            assert_eq!(state.values().count(), TrainingState::names(&network(5), moments).len());
            assert!(state.values().skip(4).all(|values| values.iter().all(|value| *value == 0.0)));
        }
    }
}
