//! The directory that keeps what came of a run, and everything needed to run it again.

use super::checkpoints::Checkpoints;
use crate::config::Config;
use crate::data::hexadecimal;
use crate::error::Error;
use crate::model::{ModelFile, Network, Parameters, to_safetensors};
use crate::report::ReportError;
use crate::report::files::{
    create_atomically, create_folders, is_temporary, remove_temporary_files, resolved, write_atomically,
};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder of a run's checkpoints, and the file in it that is locked.
const CHECKPOINTS: &str = "checkpoint";
const LOCK: &str = "lock";

/// A run directory, under the names that its files have.
#[derive(Clone, Debug)]
pub struct RunDirectory {
    path: PathBuf,
    /// Held while a run fills it.
    _lock: Option<Arc<File>>,
}

/// A trained network.
#[derive(Clone, Debug)]
pub struct TrainedModel {
    /// What it was trained under.
    pub config: Config,
    /// Its layers.
    pub network: Network,
    /// Its numbers.
    pub parameters: Parameters,
}

/// Whether nothing is in a directory, which need not be there, but what a run makes before it has begun and may have left when it was killed.
pub(super) fn is_unused(path: &Path) -> Result<bool, Error> {
    let names = |folder: &Path| match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries
            .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>())
            .map_err(|error| unusable(path, &error)),
    };
    let (inside, folder) = (names(path)?, path.join(CHECKPOINTS));
    if inside.iter().any(|name| name != CHECKPOINTS && !is_temporary(name)) {
        return Ok(false);
    }
    Ok((!folder.exists() || folder.is_dir()) && names(&folder)?.iter().all(|name| name == LOCK))
}

pub(super) fn unusable(path: &Path, error: &io::Error) -> Error {
    Error::Usage(format!("{} cannot be the run directory: {error}; give another with --output", path.display()))
}

impl RunDirectory {
    /// Begins a run in a directory that is there. Of two runs that want it, one gets it.
    pub(super) fn begin(path: PathBuf, config: &Config) -> Result<Self, Error> {
        let directory = Self { path, _lock: None }.locked()?;
        directory.tidy()?;
        // Only one run can make this file, even one that comes when the other is over.
        create_atomically(&directory.config(), config.to_toml()?.as_bytes())
            .map_err(|error| unusable(&directory.path, &error))?;
        Ok(directory)
    }

    /// A directory that a run has filled.
    ///
    /// # Errors
    /// There is no such directory, or it holds no run.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let directory = Self::begun(path)?;
        if directory.has_checkpoint() && !directory.model().is_file() {
            return Err(Error::Run(format!(
                "{0} holds a run that is not finished: wait for it or, if it was interrupted, go on with diabolo train --resume --output {0}",
                path.display()
            )));
        }
        directory.require(&directory.model(), "finished run")?;
        Ok(directory)
    }

    /// A directory that a run fills or has filled, whether or not it holds a model yet.
    ///
    /// # Errors
    /// There is no such directory, or it holds no run.
    pub fn begun(path: &Path) -> Result<Self, Error> {
        let directory = Self { path: path.to_owned(), _lock: None };
        if !path.is_dir() {
            return Err(Error::Run(format!("there is no run directory {}", path.display())));
        }
        directory.require(&directory.config(), "run")?;
        Ok(directory)
    }

    fn require(&self, file: &Path, what: &str) -> Result<(), Error> {
        if file.is_file() {
            return Ok(());
        }
        Err(Error::Run(format!("{} holds no {what}: {} is missing", self.path.display(), file.display())))
    }

    /// The directory of a run that was stopped, locked for the one that goes on; none if nothing is there yet.
    ///
    /// # Errors
    /// Something else is there, a run that goes on, or one that was finished without leaving checkpoints.
    pub fn resume(path: &Path) -> Result<Option<Self>, Error> {
        if is_unused(path)? {
            return Ok(None);
        }
        let directory = Self { path: path.to_owned(), _lock: None };
        if !directory.config().is_file() {
            return Err(Error::Run(format!(
                "{} holds no run to go on with: {} is missing; give another directory with --output",
                path.display(),
                directory.config().display()
            )));
        }
        let directory = directory.locked()?;
        if directory.model().exists() && directory.checkpoints().paths()?.is_empty() {
            return Err(Error::Run(format!(
                "{} holds a finished run without checkpoints, which cannot go on; give another directory with --output",
                path.display()
            )));
        }
        directory.tidy()?;
        Ok(Some(directory))
    }

    /// Removes what a process that was killed has left behind in the directory, which is locked.
    fn tidy(&self) -> Result<(), Error> {
        remove_temporary_files(&self.path)?;
        self.checkpoints().tidy()
    }

    /// Locks the directory until the last handle is dropped or the process ends, however it does.
    fn locked(self) -> Result<Self, Error> {
        let folder = self.checkpoint_folder();
        create_folders(&folder).map_err(|error| unusable(&self.path, &error))?;
        let file = OpenOptions::new().create(true).append(true).open(folder.join(LOCK));
        let file = file.map_err(|error| unusable(&self.path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Usage(format!(
                    "another process is training into {}: wait for it, or give another directory with --output",
                    self.path.display()
                )));
            }
            Err(TryLockError::Error(error)) => {
                tracing::warn!("{} cannot be locked against other runs: {error}", self.path.display());
            }
        }
        Ok(Self { _lock: Some(Arc::new(file)), ..self })
    }

    pub(super) fn write_config(&self, config: &Config) -> Result<(), Error> {
        Ok(write_atomically(&self.config(), config.to_toml()?.as_bytes())?)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn checkpoint_folder(&self) -> PathBuf {
        self.path.join(CHECKPOINTS)
    }

    /// What a run that was stopped goes on from.
    pub fn checkpoints(&self) -> Checkpoints {
        Checkpoints::new(self.checkpoint_folder())
    }

    /// Whether there is any to go on from.
    pub(super) fn has_checkpoint(&self) -> bool {
        self.checkpoints().paths().is_ok_and(|paths| !paths.is_empty())
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

    /// What came of the run: the model's losses, and on what and how fast it was trained.
    pub fn summary(&self) -> PathBuf {
        self.path.join("summary.json")
    }

    /// Originals over reconstructions.
    pub fn reconstructions(&self) -> PathBuf {
        self.path.join("reconstructions.png")
    }

    /// The losses, epoch by epoch.
    pub fn loss_plot(&self) -> PathBuf {
        self.path.join("loss.png")
    }

    /// Whether a file is, or would be, one that the run consists of. Its pictures are not: they are drawn from these.
    pub fn owns(&self, file: &Path) -> bool {
        let same = |own: &PathBuf| resolved(own).is_some_and(|own| resolved(file) == Some(own));
        let checkpoints = self.checkpoint_folder().canonicalize();
        [self.config(), self.model(), self.metrics(), self.summary()].iter().any(same)
            || checkpoints.is_ok_and(|folder| resolved(file).is_some_and(|file| file.starts_with(folder)))
    }

    /// Writes the trained parameters with the configuration they were trained under.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save_model(&self, config: &Config, parameters: &Parameters) -> Result<(), Error> {
        let path = self.model();
        let bytes = to_safetensors(parameters, &config.to_toml()?)
            .map_err(|error| Error::Run(format!("{} {error}", path.display())))?;
        Ok(write_atomically(&path, &bytes)?)
    }

    /// Reads the trained parameters, and the configuration they were trained under, from the model file alone.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or holds other tensors than those of the configuration in it.
    pub fn load_model(&self) -> Result<TrainedModel, Error> {
        Ok(self.load_model_and_digest()?.0)
    }

    /// The same with the SHA-256 of that file, in hexadecimal digits.
    ///
    /// # Errors
    /// As for [`Self::load_model`].
    pub fn load_model_and_digest(&self) -> Result<(TrainedModel, String), Error> {
        let path = self.model();
        let bytes = fs::read(&path).map_err(|cause| ReportError::Read { path: path.clone(), cause })?;
        let damaged = |error| Error::of_model_file(&path, error);
        let file = ModelFile::read(&bytes).map_err(damaged)?;
        let config = Config::from_toml(&format!("the configuration in {}", path.display()), &file.configuration)
            .map_err(|error| Error::Run(error.to_string()))?;
        let network = config.network(file.pixels);
        let parameters = file.parameters(&network).map_err(damaged)?;
        Ok((TrainedModel { config, network, parameters }, hexadecimal(&Sha256::digest(&bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Destination;

    fn config() -> Config {
        Config::load("dense", &[]).unwrap()
    }

    #[test]
    fn a_run_is_gone_on_with_by_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        assert!(RunDirectory::resume(&path).unwrap().is_none());
        let running = Destination::Named(path.clone()).create(&config()).unwrap();
        let refused = RunDirectory::resume(&path).unwrap_err();
        assert!(refused.to_string().contains("another process is training into") && refused.exit_code() == 2);
        drop(running);
        fs::write(path.join(".diabolo-1"), "").unwrap();
        let resumed = RunDirectory::resume(&path).unwrap().unwrap();
        assert!(!path.join(".diabolo-1").exists());
        let longer = Config { training: crate::config::TrainingConfig { epochs: 70, ..config().training }, ..config() };
        Destination::Existing(resumed).create(&longer).unwrap();
        assert!(fs::read_to_string(path.join("config.toml")).unwrap().contains("epochs = 70"));
        fs::write(path.join("model.safetensors"), "").unwrap();
        assert!(RunDirectory::resume(&path).unwrap_err().to_string().contains("finished run without checkpoints"));
        assert!(RunDirectory::resume(folder.path()).unwrap_err().to_string().contains("holds no run to go on with"));
    }

    /// Whenever a run is killed before it has begun, it can be begun again, with `--resume` and without.
    #[test]
    fn what_a_run_leaves_that_was_killed_before_it_began_counts_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let left: [&dyn Fn(); 4] = [
            &|| fs::create_dir(&path).unwrap(),
            &|| fs::create_dir(path.join("checkpoint")).unwrap(),
            &|| fs::write(path.join("checkpoint/lock"), "").unwrap(),
            &|| fs::write(path.join(".diabolo-1"), "half of a conf").unwrap(),
        ];
        for killed_after in 0..=left.len() {
            left[..killed_after].iter().for_each(|step| step());
            assert!(RunDirectory::resume(&path).unwrap().is_none(), "{killed_after}");
            let destination = Destination::Named(path.clone());
            destination.check().unwrap();
            let directory = destination.create(&config()).unwrap();
            assert!(!path.join(".diabolo-1").exists());
            assert_eq!(Config::load(&directory.config().to_string_lossy(), &[]).unwrap(), config());
            // Now that it has begun, another one is refused.
            assert_eq!(destination.check().unwrap_err().exit_code(), 2);
            drop(directory);
            fs::remove_dir_all(&path).unwrap();
        }
        for foreign in ["checkpoint/step-000000000001.safetensors", "checkpoint/mine", "mine"] {
            fs::create_dir_all(path.join("checkpoint")).unwrap();
            fs::write(path.join(foreign), "").unwrap();
            assert!(Destination::Named(path.clone()).check().is_err(), "{foreign}");
            fs::remove_dir_all(&path).unwrap();
        }
    }

    #[test]
    fn an_interrupted_run_is_told_how_to_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let directory = Destination::Named(path.clone()).create(&config()).unwrap();
        let told = || RunDirectory::open(&path).unwrap_err().to_string();
        assert!(told().ends_with("model.safetensors is missing"), "{}", told());
        fs::write(directory.checkpoints().path(3), "").unwrap();
        assert!(
            told().ends_with(&format!("go on with diabolo train --resume --output {}", path.display())),
            "{}",
            told()
        );
        fs::write(directory.model(), "").unwrap();
        assert!(RunDirectory::open(&path).is_ok());
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
