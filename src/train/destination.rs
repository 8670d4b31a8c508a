//! Where a run shall go.

use super::RunDirectory;
use super::run_directory::{is_unused, unusable};
use crate::config::Config;
use crate::error::Error;
use crate::report::files::{create_folders, sync_folder_of};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The folder of runs that were not given a directory of their own.
const RUNS: &str = "runs";

/// Where a run shall go; nothing is made before it begins.
#[derive(Clone, Debug)]
pub enum Destination {
    /// The directory of a run that was stopped.
    Existing(RunDirectory),
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
        match self {
            Self::Named(path) if !is_unused(path)? => Err(Error::Usage(format!(
                "{} is not empty: give another directory with --output, go on with the run in it with --resume, or remove it first",
                path.display()
            ))),
            _ => Ok(()),
        }
    }

    /// The directory of the run, or the one that it will be made in.
    pub fn folder(&self) -> &Path {
        match self {
            Self::Existing(directory) => directory.path(),
            Self::Named(path) => path,
            Self::Numbered(_) => Path::new(RUNS),
        }
    }

    /// The directory of a run that was begun before.
    pub(super) fn existing(&self) -> Option<&RunDirectory> {
        match self {
            Self::Existing(directory) => Some(directory),
            Self::Named(_) | Self::Numbered(_) => None,
        }
    }

    /// Makes the directory, locks it and writes down what it is for. Of two runs that want the same place, one gets it.
    ///
    /// # Errors
    /// A directory that holds something by now, or that cannot be made.
    pub fn create(&self, config: &Config) -> Result<RunDirectory, Error> {
        let path = match self {
            Self::Existing(directory) => {
                directory.write_config(config)?;
                return Ok(directory.clone());
            }
            Self::Named(path) => {
                create_folders(path).map_err(|error| unusable(path, &error))?;
                self.check()?;
                path.clone()
            }
            Self::Numbered(name) => create_numbered(name)?,
        };
        RunDirectory::begin(path, config)
    }
}

fn create_numbered(name: &str) -> Result<PathBuf, Error> {
    let runs = Path::new(RUNS);
    create_folders(runs).map_err(|error| unusable(runs, &error))?;
    for number in 1u32.. {
        let path = runs.join(format!("{name}-{number}"));
        match fs::create_dir(&path).and_then(|()| sync_folder_of(&path)) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(unusable(&path, &error)),
        }
    }
    Err(Error::Usage(format!("every {RUNS}/{name}-<number> is taken: give a directory with --output")))
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
}
