//! The directory that keeps what came of a run, and everything needed to run it again.

use crate::config::Config;
use crate::error::Error;
use crate::model::{Network, Parameters, describe_safetensors, from_safetensors, to_safetensors};
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

/// Where a run shall go; nothing is made before it begins.
#[derive(Clone, Debug)]
pub enum Destination {
    /// A directory that the user named.
    Named(PathBuf),
    /// The first free `runs/<name>-<number>`.
    Numbered(String),
}

impl Destination {
    /// Refuses a named directory that holds something already, or that is none.
    ///
    /// # Errors
    /// As said; nothing is made and nothing changed.
    pub fn check(&self) -> Result<(), Error> {
        let Self::Named(path) = self else { return Ok(()) };
        match fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(unusable(path, &error)),
            Ok(mut entries) => match entries.next() {
                None => Ok(()),
                Some(_) => Err(Error::Usage(format!(
                    "{} is not empty: give another directory with --out, or remove it first",
                    path.display()
                ))),
            },
        }
    }

    /// Makes the directory and writes down what it is for. Of two runs that want the same place, one gets it.
    ///
    /// # Errors
    /// A directory that holds something by now, or that cannot be made.
    pub fn create(&self, config: &Config) -> Result<RunDirectory, Error> {
        let directory = match self {
            Self::Named(path) => {
                fs::create_dir_all(path).map_err(|error| unusable(path, &error))?;
                self.check()?;
                RunDirectory { path: path.clone() }
            }
            Self::Numbered(name) => RunDirectory { path: create_numbered(name)? },
        };
        let path = directory.config();
        // Only one of two runs can make this file.
        let claimed = fs::OpenOptions::new().write(true).create_new(true).open(&path);
        claimed.map_err(|error| unusable(&directory.path, &error))?;
        write_atomically(&path, config.to_toml()?.as_bytes())?;
        Ok(directory)
    }
}

fn create_numbered(name: &str) -> Result<PathBuf, Error> {
    let runs = Path::new(RUNS);
    fs::create_dir_all(runs).map_err(|error| unusable(runs, &error))?;
    for number in 1u32.. {
        let path = runs.join(format!("{name}-{number}"));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(unusable(&path, &error)),
        }
    }
    Err(Error::Usage(format!("every {RUNS}/{name}-<number> is taken: give a directory with --out")))
}

fn unusable(path: &Path, error: &io::Error) -> Error {
    Error::Usage(format!("{} cannot be the run directory: {error}; give another with --out", path.display()))
}

impl RunDirectory {
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
        let bytes = to_safetensors(parameters, &config.to_toml()?)
            .map_err(|error| Error::Run(format!("{} {error}", path.display())))?;
        Ok(write_atomically(&path, &bytes)?)
    }

    /// Reads the trained parameters, and the configuration they were trained under, from the model file alone.
    pub fn load_model(&self) -> Result<TrainedModel, Error> {
        let path = self.model();
        let bytes = fs::read(&path).map_err(|error| Error::Run(format!("cannot read {}: {error}", path.display())))?;
        let damaged = |error| Error::Run(format!("{} {error}", path.display()));
        let (configuration, pixels) = describe_safetensors(&bytes).map_err(damaged)?;
        let config = Config::from_toml(&format!("the configuration in {}", path.display()), &configuration)
            .map_err(|error| Error::Run(error.to_string()))?;
        let network = config.network(pixels);
        let parameters = from_safetensors(&bytes, &network).map_err(damaged)?;
        Ok(TrainedModel { config, network, parameters })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::load("dense", &[]).unwrap()
    }

    #[test]
    fn a_directory_that_holds_something_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty");
        fs::create_dir(&empty).unwrap();
        assert!(Destination::Named(empty).check().is_ok());
        let fresh = folder.path().join("fresh");
        assert!(Destination::Named(fresh.clone()).check().is_ok());
        assert!(!fresh.exists(), "a check makes nothing");
        let file = folder.path().join("file");
        fs::write(&file, "mine").unwrap();
        for occupied in [folder.path(), &file] {
            let destination = Destination::Named(occupied.to_owned());
            assert_eq!(destination.check().unwrap_err().exit_code(), 2);
            assert_eq!(destination.create(&config()).unwrap_err().exit_code(), 2);
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    }

    #[test]
    fn of_many_runs_that_want_the_same_place_one_gets_it() {
        let folder = tempfile::tempdir().unwrap();
        let destination = Destination::Named(folder.path().join("run"));
        let winners = std::thread::scope(|scope| {
            let runs: Vec<_> = (0..8).map(|_| scope.spawn(|| destination.create(&config()).is_ok())).collect();
            runs.into_iter().map(|run| run.join().unwrap()).filter(|&won| won).count()
        });
        assert_eq!(winners, 1);
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
