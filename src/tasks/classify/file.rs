//! `classifier.safetensors`: the network's tensors and, of nearest neighbors, the codes and labels they are looked for among; everything else
//! in the metadata.

use super::{Classifier, Decision, Method};
use crate::config::Config;
use crate::error::Error;
use crate::model::{ModelFileError, Network, Parameters, parameters_of};
use crate::report::ReportError;
use crate::report::files::write_atomically;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// The metadata's only key: a JSON object.
const CLASSIFIER: &str = "classifier";
const CODES: &str = "codes";
const LABELS: &str = "labels";

/// Its name in its directory.
pub const FILE: &str = "classifier.safetensors";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// The run's `config.toml`.
    config: String,
    method: String,
    class_names: Vec<String>,
    pixels: usize,
    /// How many neighbors vote.
    neighbors: Option<usize>,
}

impl Classifier {
    /// Writes the classifier.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Run(format!("{} cannot be made: {error}", path.display()));
        let (neighbors, remembered) = match &self.decision {
            Decision::Softmax => (None, None),
            Decision::Neighbors { count, codes, labels } => (Some(*count), Some((codes, labels))),
        };
        let header = Header {
            config: self.config.to_toml()?,
            method: self.method.name().to_owned(),
            class_names: self.class_names.clone(),
            pixels: self.pixels,
            neighbors,
        };
        let header = serde_json::to_string(&header).map_err(|error| failed(&error))?;
        let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
        for tensor in self.parameters.tensors() {
            tensors.push((tensor.name.clone(), Dtype::F32, tensor.shape.clone(), bytes_of(&tensor.values)));
        }
        if let Some((codes, labels)) = remembered {
            let size = codes.len() / labels.len().max(1);
            tensors.push((CODES.to_owned(), Dtype::F32, vec![labels.len(), size], bytes_of(codes)));
            let bytes = labels.iter().flat_map(|label| label.to_le_bytes()).collect();
            tensors.push((LABELS.to_owned(), Dtype::U32, vec![labels.len()], bytes));
        }
        let views = tensors.iter().map(|(name, kind, shape, bytes)| {
            Ok((name.clone(), TensorView::new(*kind, shape.clone(), bytes).map_err(|error| failed(&error))?))
        });
        let views: Vec<_> = views.collect::<Result<_, Error>>()?;
        let metadata = HashMap::from([(CLASSIFIER.to_owned(), header)]);
        let bytes = safetensors::serialize(views, Some(metadata)).map_err(|error| failed(&error))?;
        Ok(write_atomically(path, &bytes)?)
    }

    /// Reads a classifier from its file, or from the directory that holds it.
    ///
    /// # Errors
    /// There is no such file, or it is damaged or none of a classifier.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let path = if path.is_dir() { path.join(FILE) } else { path.to_owned() };
        let bytes = fs::read(&path).map_err(|cause| ReportError::Read { path: path.clone(), cause })?;
        Self::from_bytes(&bytes, &path)
    }

    fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        let damaged = |reason: String| Error::of_model_file(path, reason);
        let format = |error: safetensors::SafeTensorError| damaged(format!("is not a safetensors file: {error}"));
        let of_model = |error: ModelFileError| damaged(error.to_string());
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(format)?;
        let header = metadata.metadata().as_ref().and_then(|metadata| metadata.get(CLASSIFIER)).cloned();
        let header = header.ok_or_else(|| {
            Error::Run(format!("{} is no classifier: give the directory that 'diabolo classify' wrote", path.display()))
        })?;
        let header: Header =
            serde_json::from_str(&header).map_err(|error| damaged(format!("has a damaged header: {error}")))?;
        let Header { config, method, class_names, pixels, neighbors } = header;
        let config = Config::from_toml(&format!("the configuration in {}", path.display()), &config)
            .map_err(|error| Error::Run(error.to_string()))?;
        let method = Method::ALL.into_iter().find(|known| known.name() == method);
        let method = method.ok_or_else(|| {
            Error::Run(format!("{} has a method that is not known here: use the diabolo that wrote it", path.display()))
        })?;
        if class_names.is_empty() {
            return Err(damaged("has no classes".to_owned()));
        }
        let file = SafeTensors::deserialize(bytes).map_err(format)?;
        let encoder = config.network(pixels).encoder();
        let (network, decision) = match (method, neighbors) {
            (Method::Neighbors, Some(count)) if count > 0 => {
                let decision = remembered(&file, &encoder, count, class_names.len()).map_err(damaged)?;
                (encoder, decision)
            }
            (Method::Neighbors, _) => return Err(damaged("does not say how many neighbors vote".to_owned())),
            _ => (encoder.classifier(pixels, class_names.len()), Decision::Softmax),
        };
        let parameters: Parameters = parameters_of(&file, &network).map_err(of_model)?;
        Ok(Self { config, method, class_names, pixels, network, parameters, decision })
    }
}

/// The codes and labels in a file of nearest neighbors.
fn remembered(file: &SafeTensors<'_>, encoder: &Network, count: usize, classes: usize) -> Result<Decision, String> {
    let tensor = |name: &str, kind: Dtype| match file.tensor(name) {
        Ok(view) if view.dtype() == kind => Ok(view),
        _ => Err(format!("has no tensor '{name}' as neighbors need it")),
    };
    let (codes, labels) = (tensor(CODES, Dtype::F32)?, tensor(LABELS, Dtype::U32)?);
    let images = labels.shape().iter().product::<usize>();
    if images == 0 || *codes.shape() != [images, encoder.code_size()] || labels.shape().len() != 1 {
        return Err(format!(
            "has codes of the shape {:?} for {images} labels, not [{images}, {}]",
            codes.shape(),
            encoder.code_size()
        ));
    }
    let codes: Vec<f32> = codes.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    let labels: Vec<u32> = labels.data().as_chunks().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect();
    if codes.iter().any(|value| !value.is_finite()) {
        return Err("holds a code that is not finite".to_owned());
    }
    if labels.iter().any(|&label| label as usize >= classes) {
        return Err("holds a label that is none of its classes".to_owned());
    }
    Ok(Decision::Neighbors { count, codes, labels })
}

fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::glorot_uniform;

    fn classifier(method: Method) -> Classifier {
        let config = Config::load("dense", &[]).unwrap();
        let encoder = config.network(20).encoder();
        let class_names = ["cat", "dog"].map(str::to_owned).to_vec();
        let (network, decision) = match method {
            Method::Neighbors => {
                let codes = (0..3 * 32).map(|place| place as f32).collect();
                (encoder, Decision::Neighbors { count: 2, codes, labels: vec![1, 0, 1] })
            }
            _ => (encoder.classifier(20, 2), Decision::Softmax),
        };
        let parameters = glorot_uniform(&network, 1);
        Classifier { config, method, class_names, pixels: 20, network, parameters, decision }
    }

    #[test]
    fn a_classifier_survives_the_round_trip_and_damaged_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for method in Method::ALL {
            let path = folder.path().join(FILE);
            let saved = classifier(method);
            saved.save(&path).unwrap();
            assert_eq!(Classifier::load(&path).unwrap(), saved);
            assert_eq!(Classifier::load(folder.path()).unwrap(), saved);
            let bytes = fs::read(&path).unwrap();
            for length in (0..bytes.len()).step_by(7) {
                let error = Classifier::from_bytes(&bytes[..length], &path).unwrap_err();
                assert_eq!(error.exit_code(), 5, "{length} bytes");
            }
        }
        let stray = Decision::Neighbors { count: 1, codes: vec![0.0; 32], labels: vec![2] };
        let path = folder.path().join(FILE);
        Classifier { decision: stray, ..classifier(Method::Neighbors) }.save(&path).unwrap();
        let message = Classifier::load(&path).unwrap_err().to_string();
        assert!(message.contains("none of its classes"), "{message}");
    }
}
