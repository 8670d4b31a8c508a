//! The directory that keeps what came of a run, and everything needed to run it again.

use crate::config::Config;
use crate::error::Error;
use crate::model::{Network, Parameters, from_safetensors, to_safetensors};
use crate::report::files::write_atomically;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of runs that were not given a directory of their own.
const RUNS: &str = "runs";

/// A run directory, under the names that its files have.
#[derive(Clone, Debug)]
pub struct RunDirectory {
    path: PathBuf,
}

/// A trained network.
#[derive(Clone, Debug)]
pub struct TrainedModel {
    pub config: Config,
    pub network: Network,
    pub parameters: Parameters,
}

impl RunDirectory {
    /// The directory a new run should have: `wanted`, or the first free `runs/<name>-<number>`.
    ///
    /// Nothing is made yet. An existing directory must be empty.
    ///
    /// # Errors
    /// `wanted` is a file or holds something already.
    pub fn choose(wanted: Option<&Path>, name: &str) -> Result<Self, Error> {
        let path = match wanted {
            Some(path) => path.to_owned(),
            None => (1u32..)
                .map(|number| Path::new(RUNS).join(format!("{name}-{number}")))
                .find(|path| !path.exists())
                .unwrap_or_else(|| Path::new(RUNS).join(name)),
        };
        match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self { path }),
            Err(error) => Err(Error::Usage(format!("{} cannot be the run directory: {error}", path.display()))),
            Ok(mut entries) => match entries.next() {
                None => Ok(Self { path }),
                Some(_) => Err(Error::Usage(format!(
                    "{} is not empty: give another directory with --out, or remove it first",
                    path.display()
                ))),
            },
        }
    }

    /// Makes the directory and writes down what it is for.
    pub fn create(&self, config: &Config) -> Result<(), Error> {
        fs::create_dir_all(&self.path)
            .map_err(|error| Error::Run(format!("cannot make {}: {error}", self.path.display())))?;
        Ok(write_atomically(&self.config(), config.to_toml().as_bytes())?)
    }

    /// A directory that a run has filled.
    ///
    /// # Errors
    /// There is no such directory, or it holds no run.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let directory = Self { path: path.to_owned() };
        if !path.is_dir() {
            return Err(Error::Run(format!("there is no run directory {}", path.display())));
        }
        match [directory.config(), directory.model()].into_iter().find(|file| !file.is_file()) {
            None => Ok(directory),
            Some(missing) => {
                Err(Error::Run(format!("{} holds no finished run: {} is missing", path.display(), missing.display())))
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Everything needed to run again.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// The trained parameters.
    pub fn model(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }

    /// A line for each epoch.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    pub fn summary(&self) -> PathBuf {
        self.path.join("summary.json")
    }

    /// Originals over reconstructions.
    pub fn reconstructions(&self) -> PathBuf {
        self.path.join("reconstructions.png")
    }

    pub fn loss_plot(&self) -> PathBuf {
        self.path.join("loss.png")
    }

    /// Writes the trained parameters with the configuration they were trained under.
    pub fn save_model(&self, config: &Config, parameters: &Parameters) -> Result<(), Error> {
        let path = self.model();
        let bytes = to_safetensors(parameters, &config.to_toml())
            .map_err(|error| Error::Run(format!("{} {error}", path.display())))?;
        Ok(write_atomically(&path, &bytes)?)
    }

    /// Reads the configuration and the trained parameters; the images' size follows from the model.
    pub fn load_model(&self) -> Result<TrainedModel, Error> {
        let read = |path: &Path| {
            fs::read(path).map_err(|error| Error::Run(format!("cannot read {}: {error}", path.display())))
        };
        let text = String::from_utf8_lossy(&read(&self.config())?).into_owned();
        let config = Config::from_toml(&self.config().display().to_string(), &text)
            .map_err(|error| Error::Run(error.to_string()))?;
        let path = self.model();
        let damaged = |error| Error::Run(format!("{} {error}", path.display()));
        let bytes = read(&path)?;
        let pixels = crate::model::pixels_in_safetensors(&bytes).map_err(damaged)?;
        let network = config.network(pixels);
        let parameters = from_safetensors(&bytes, &network).map_err(damaged)?;
        Ok(TrainedModel { config, network, parameters })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_holds_something_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty");
        fs::create_dir(&empty).unwrap();
        assert!(RunDirectory::choose(Some(&empty), "").is_ok());
        let fresh = folder.path().join("fresh");
        assert!(RunDirectory::choose(Some(&fresh), "").is_ok());
        assert!(!fresh.exists(), "choosing makes nothing");
        let file = folder.path().join("file");
        fs::write(&file, "mine").unwrap();
        for occupied in [folder.path(), &file] {
            assert_eq!(RunDirectory::choose(Some(occupied), "").unwrap_err().exit_code(), 2);
        }
    }

    #[test]
    fn a_missing_and_an_unfinished_run_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let missing = RunDirectory::open(&folder.path().join("none")).unwrap_err();
        assert!(missing.to_string().contains("there is no run directory") && missing.exit_code() == 5);
        let unfinished = RunDirectory::open(folder.path()).unwrap_err();
        assert!(unfinished.to_string().contains("config.toml is missing"), "{unfinished}");
    }
}
