//! The folder of a run's checkpoints: the newest few and the best, and a thread that writes them while the training goes on.

use super::checkpoint::Checkpoint;
use crate::error::Error;
use crate::report::ReportError;
use crate::report::files::{remove_temporary_files, write_atomically};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::thread::{Builder, JoinHandle};

/// The name of the best one.
const BEST: &str = "best.safetensors";

/// The names of the others: `step-000000001234.safetensors`.
const BEFORE_STEP: &str = "step-";
const BEHIND_STEP: &str = ".safetensors";

/// The folder of a run's checkpoints. Only the process that has locked the run writes there.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
}

impl Checkpoints {
    /// Those in a folder, which need not be there yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Where the checkpoint after so many steps is kept.
    pub fn path(&self, step: u64) -> PathBuf {
        self.folder.join(format!("{BEFORE_STEP}{step:012}{BEHIND_STEP}"))
    }

    /// The checkpoint with the smallest loss on the test images.
    pub fn best(&self) -> PathBuf {
        self.folder.join(BEST)
    }

    /// All but the best, oldest first.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn paths(&self) -> Result<Vec<PathBuf>, Error> {
        let unreadable = |cause: io::Error| ReportError::Read { path: self.folder.clone(), cause };
        let mut steps = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            let name = name.to_string_lossy();
            let digits = name.strip_prefix(BEFORE_STEP).and_then(|rest| rest.strip_suffix(BEHIND_STEP));
            steps.extend(digits.and_then(|digits| digits.parse::<u64>().ok()));
        }
        steps.sort_unstable();
        Ok(steps.into_iter().map(|step| self.path(step)).collect())
    }

    /// The newest one that is whole; none if there are none at all.
    ///
    /// # Errors
    /// There are some, but each is damaged; the best one is told if it is not.
    pub fn newest(&self) -> Result<Option<Checkpoint>, Error> {
        let mut older = self.paths()?;
        while let Some(path) = older.pop() {
            match Checkpoint::load(&path) {
                Ok(checkpoint) => return Ok(Some(checkpoint)),
                Err(error) if older.is_empty() => return Err(self.none_is_whole(&error)),
                Err(error) => tracing::warn!("{error}; going back to the one before"),
            }
        }
        Ok(None)
    }

    /// What to do where the last that could be gone on from is damaged, too.
    fn none_is_whole(&self, error: &Error) -> Error {
        let best = self.best();
        let whole = match Checkpoint::load(&best) {
            Ok(checkpoint) => {
                let copy = self.path(checkpoint.metadata.step);
                format!(", or go on from {}, which is whole, by copying it to {}", best.display(), copy.display())
            }
            Err(_) => String::new(),
        };
        Error::Run(format!("{error}, and no older checkpoint is left: train anew in another directory{whole}"))
    }

    /// Writes a checkpoint, also as the best one if it is that, then removes all but the newest `config.checkpoint.keep` of those up
    /// to its step.
    ///
    /// # Errors
    /// A file that cannot be written; those that were there are untouched.
    pub fn write(&self, checkpoint: &Checkpoint, is_best: bool) -> Result<(), Error> {
        let bytes = checkpoint.to_bytes()?;
        // The best one first: a run that is killed between the two goes on from before and comes by here again.
        if is_best {
            write_atomically(&self.best(), &bytes)?;
        }
        let written = self.path(checkpoint.metadata.step);
        write_atomically(&written, &bytes)?;
        // Those of later steps were damaged when the run went on from before them: they count for nothing.
        let mut paths = self.paths()?;
        paths.retain(|path| *path <= written);
        let superfluous = paths.len().saturating_sub(checkpoint.config.checkpoint.keep);
        for path in &paths[..superfluous] {
            fs::remove_file(path).map_err(|cause| ReportError::Remove { path: path.clone(), cause })?;
        }
        Ok(())
    }

    /// Removes what a process that was killed has left behind.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn tidy(&self) -> Result<(), Error> {
        Ok(remove_temporary_files(&self.folder)?)
    }
}

/// Writes checkpoints one after the other in a thread of its own. Dropping it waits for the last.
pub struct CheckpointWriter {
    checkpoints: Checkpoints,
    running: Option<JoinHandle<Result<(), Error>>>,
}

impl CheckpointWriter {
    /// One that has nothing to write yet.
    pub fn new(checkpoints: Checkpoints) -> Self {
        Self { checkpoints, running: None }
    }

    /// Whether a checkpoint is still being written.
    pub fn is_busy(&self) -> bool {
        self.running.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Begins to write, once the checkpoint before is written.
    ///
    /// # Errors
    /// The one before could not be written.
    pub fn save(&mut self, checkpoint: Checkpoint, is_best: bool) -> Result<(), Error> {
        self.finish()?;
        let checkpoints = self.checkpoints.clone();
        let path = checkpoints.path(checkpoint.metadata.step);
        let thread = Builder::new().name("checkpoint".into()).spawn(move || checkpoints.write(&checkpoint, is_best));
        self.running = Some(thread.map_err(|cause| ReportError::Write { path, cause })?);
        Ok(())
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// It could not be.
    pub fn finish(&mut self) -> Result<(), Error> {
        let Some(thread) = self.running.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|_| Err(Error::Run("writing a checkpoint failed unexpectedly".into())))
    }
}

impl Drop for CheckpointWriter {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            tracing::warn!("{error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::model::{TrainingState, glorot_uniform};
    use crate::report::metrics::AdapterIdentity;
    use crate::train::{CheckpointMetadata, TrainingProgress};

    fn checkpoint(step: u64) -> Checkpoint {
        let words = ["network.encoder=[{units=2, activation=\"relu\"}]", "network.decoder=[]"].map(str::to_owned);
        let config = Config::load("dense", &words).unwrap();
        let network = config.network(4);
        let metadata = CheckpointMetadata {
            version: "0.1.0".into(),
            adapter: AdapterIdentity { name: "none".into(), backend: "none".into(), driver: "none".into() },
            plan: "none".into(),
            step,
            progress: TrainingProgress::default(),
            best: None,
            rollbacks: 0,
            training_images: 1,
            data_sha256: String::new(),
            wall_seconds: 1.0,
        };
        let state = TrainingState::initial(&glorot_uniform(&network, step), config.optimizer.algorithm.moments());
        Checkpoint { config, network, metadata, state }
    }

    #[test]
    fn the_newest_few_are_kept_beside_the_best() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(folder.path());
        for step in 1..=7 {
            checkpoints.write(&checkpoint(step), step == 2).unwrap();
        }
        let keep = checkpoint(1).config.checkpoint.keep as u64;
        let newest: Vec<PathBuf> = (8 - keep..=7).map(|step| checkpoints.path(step)).collect();
        assert_eq!(checkpoints.paths().unwrap(), newest);
        assert_eq!(Checkpoint::load(&checkpoints.best()).unwrap(), checkpoint(2));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), newest.len() + 1);
    }

    #[test]
    fn damaged_ones_of_later_steps_take_no_place_of_new_ones() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(folder.path());
        let keep = checkpoint(1).config.checkpoint.keep as u64;
        for step in 101..=100 + keep {
            fs::write(checkpoints.path(step), "damaged").unwrap();
        }
        for step in 1..=keep + 2 {
            checkpoints.write(&checkpoint(step), false).unwrap();
            assert_eq!(checkpoints.newest().unwrap().unwrap().metadata.step, step);
        }
        let steps = (3..=keep + 2).chain(101..=100 + keep);
        assert_eq!(checkpoints.paths().unwrap(), steps.map(|step| checkpoints.path(step)).collect::<Vec<_>>());
    }

    /// A run that is killed between the two files must not go on from the one without having written the other.
    #[test]
    fn the_best_is_written_before_the_run_can_go_on_from_it() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(folder.path());
        checkpoints.write(&checkpoint(1), true).unwrap();
        // No file can take the place of a folder that holds something.
        fs::create_dir_all(checkpoints.path(2).join("inside")).unwrap();
        checkpoints.write(&checkpoint(2), true).unwrap_err();
        assert_eq!(Checkpoint::load(&checkpoints.best()).unwrap(), checkpoint(2));
        assert_eq!(checkpoints.newest().unwrap().unwrap(), checkpoint(1));
    }
}
