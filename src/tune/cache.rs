//! Plans that were chosen, on disk: a file for each adapter and kind of training. Whatever cannot be read is measured again.

use super::Candidate;
use crate::config::Config;
use crate::data::hexadecimal;
use crate::gpu::AdapterSummary;
use crate::model::Network;
use crate::report::ReportError;
use crate::report::files::write_atomically;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// A folder of plans.
#[derive(Clone, Debug)]
pub struct Cache {
    /// None where the user has no folder for such things: nothing is kept.
    folder: Option<PathBuf>,
}

/// What a plan was chosen for: with anything else another could be faster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Key {
    version: String,
    adapter: String,
    backend: String,
    driver: String,
    /// All that there is to say of each layer.
    layers: Vec<String>,
    loss: String,
    batch_size: usize,
    /// What a step does beside what every plan can do; empty for nothing.
    additions: String,
}

/// What is known of a kind of training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Known {
    /// Which plan was chosen, and of which; none where nothing was measured.
    pub chosen: Option<Choice>,
    /// Trainings of so many steps were found too short to gain by a choice, and run by the usual plan.
    #[serde(default)]
    pub too_short: BTreeSet<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Choice {
    pub plan: String,
    pub candidates: Vec<Candidate>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    key: Key,
    known: Known,
}

impl Key {
    pub(super) fn new(adapter: &AdapterSummary, config: &Config, network: &Network) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            adapter: adapter.name.clone(),
            backend: adapter.backend.clone(),
            driver: adapter.driver.clone(),
            // Whatever a layer may be asked for one day is among it.
            layers: network.layers().iter().map(|layer| format!("{layer:?}")).collect(),
            loss: config.loss.to_string(),
            batch_size: config.training.batch_size,
            additions: Some(config.additions())
                .filter(|it| !it.is_none())
                .map(|it| format!("{it:?}"))
                .unwrap_or_default(),
        }
    }
}

impl Cache {
    /// `plans` in the user's folder for caches.
    pub fn of_user() -> Self {
        let folders = etcetera::choose_base_strategy().ok();
        Self {
            folder: folders.map(|folders| etcetera::BaseStrategy::cache_dir(&folders).join("diabolo").join("plans")),
        }
    }

    /// Plans in a folder, which need not be there yet.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder: Some(folder) }
    }

    /// The file for a key, if there is a folder.
    fn file(&self, key: &Key) -> Option<PathBuf> {
        let words = serde_json::to_string(key).ok()?;
        let digest = hexadecimal(&Sha256::digest(words)[..16]);
        Some(self.folder.as_ref()?.join(digest + ".json"))
    }

    /// Nothing is known where nothing can be read.
    pub(super) fn load(&self, key: &Key) -> Known {
        let read = || -> Option<Entry> { serde_json::from_slice(&fs::read(self.file(key)?).ok()?).ok() };
        read().filter(|entry| entry.key == *key).map(|entry| entry.known).unwrap_or_default()
    }

    /// Of processes that store the same at a time, the last one's stays; each file is whole.
    pub(super) fn store(&self, key: &Key, known: &Known) -> Result<(), ReportError> {
        let Some(path) = self.file(key) else { return Ok(()) };
        let failed = |cause| ReportError::Write { path: path.clone(), cause };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let entry = Entry { key: key.clone(), known: known.clone() };
        let words = serde_json::to_string_pretty(&entry).map_err(|error| failed(error.into()))?;
        write_atomically(&path, words.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Finding;
    use super::*;

    fn key(batch_size: usize) -> Key {
        Key {
            version: "1".into(),
            adapter: "an adapter".into(),
            backend: "vulkan".into(),
            driver: "a driver".into(),
            layers: vec!["784 → 64 relu".into()],
            loss: "bce".into(),
            batch_size,
            additions: String::new(),
        }
    }

    #[test]
    fn whatever_a_training_does_has_a_plan_of_its_own() {
        let adapter = AdapterSummary::imagined(0, "an adapter", "vulkan", "a driver");
        let key = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            let config = Config::load("dense", &words).unwrap();
            config.validate().unwrap();
            Key::new(&adapter, &config, &config.network(784))
        };
        let layers = |options: &str| {
            let first = "{units=64, activation=\"tanh\"}";
            format!("network.encoder=[{first}, {{units=64, activation=\"tanh\"{options}}}]")
        };
        let of_layers =
            ["", ", normalization=\"layer\"", ", normalization=\"batch\"", ", residual=true", ", dropout=0.5"];
        let mut keys: Vec<Key> = of_layers.iter().map(|options| key(&[&layers(options)])).collect();
        let others = [
            "training.batch_size=64",
            "loss=\"mse\"",
            "code.active=3",
            "optimizer.max_gradient_norm=1",
            "data.weights=\"w.npy\"",
        ];
        keys.extend(others.map(|word| key(&[&layers(""), word])));
        assert_eq!(keys[0], key(&[&layers(""), "training.seed=9", "training.epochs=1"]));
        for (place, one) in keys.iter().enumerate() {
            assert!(keys[..place].iter().all(|other| other != one), "{one:?}");
        }
    }

    fn known() -> Known {
        let candidates = vec![
            Candidate { plan: "a".into(), finding: Finding::StepSeconds(0.125) },
            Candidate { plan: "b".into(), finding: Finding::Unfit("it is wrong".into()) },
            Candidate { plan: "c".into(), finding: Finding::Untried },
        ];
        Known { chosen: Some(Choice { plan: "a".into(), candidates }), too_short: BTreeSet::from([499]) }
    }

    #[test]
    fn what_is_stored_is_found_for_the_same_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::in_folder(folder.path().join("deep").join("er"));
        assert_eq!(cache.load(&key(1)), Known::default());
        cache.store(&key(1), &known()).unwrap();
        assert_eq!(cache.load(&key(1)), known());
        assert_eq!(cache.load(&key(2)), Known::default());
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::in_folder(folder.path().to_owned());
        cache.store(&key(1), &known()).unwrap();
        let path = cache.file(&key(1)).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(cache.load(&key(1)), Known::default(), "{length} bytes");
        }
        // Another key's file under this name.
        fs::write(cache.file(&key(2)).unwrap(), &whole).unwrap();
        assert_eq!(cache.load(&key(2)), Known::default());
    }

    #[test]
    fn many_may_store_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::in_folder(folder.path().join("plans"));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| cache.store(&key(1), &known()).unwrap());
            }
        });
        assert_eq!(cache.load(&key(1)), known());
        assert_eq!(fs::read_dir(folder.path().join("plans")).unwrap().count(), 1);
    }
}
