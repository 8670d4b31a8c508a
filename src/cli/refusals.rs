//! Refuses files that a command could not write, or should not, before the work that is to fill them.

use crate::config::DataConfig;
use crate::data;
use crate::error::Error;
use crate::report::ReportError;
use crate::report::files::resolved;
use crate::train::RunDirectory;
use std::io::ErrorKind;
use std::path::Path;

/// What a command reads, and none of its outputs may replace.
#[derive(Clone, Copy)]
pub enum Input<'a> {
    File(&'a Path),
    /// What a run consists of.
    Run(&'a Path),
    /// What images come from, and what they count by.
    Data(&'a DataConfig),
}

impl Input<'_> {
    /// What a file at this place, a [`resolved`] one, would replace of it, if anything.
    fn at(self, place: &Path) -> Option<String> {
        let is_there = |read: &Path| resolved(read).is_some_and(|read| read == place);
        let read = || "is what the command reads".to_owned();
        match self {
            Self::File(file) => is_there(file).then(read),
            Self::Run(run) => RunDirectory::begun(run)
                .is_ok_and(|directory| directory.owns(place))
                .then(|| format!("is a part of the run {}", run.display())),
            Self::Data(DataConfig { source, weights, .. }) => data::reads(source, place)
                .then(|| format!("{} a part of the data {source}", if place.exists() { "is" } else { "would become" }))
                .or_else(|| (!weights.is_empty() && is_there(Path::new(weights))).then(read)),
        }
    }
}

/// Refuses files that cannot be written, or that would replace each other or what they are made from, before the work that is to fill them.
///
/// # Errors
/// A file's folder is not there, or the file is another output, an input or a part of one.
pub fn check_outputs<'a>(outputs: impl IntoIterator<Item = &'a Path>, inputs: &[Input<'_>]) -> Result<(), Error> {
    let mut places = Vec::new();
    for file in outputs {
        let Some(place) = resolved(file) else {
            let cause = std::io::Error::new(ErrorKind::NotFound, "its folder is not there");
            return Err(ReportError::Write { path: file.to_owned(), cause }.into());
        };
        if places.contains(&place) {
            return Err(Error::Usage(format!("{} is named for two outputs: give each its own name", file.display())));
        }
        if place.is_dir() {
            return Err(Error::Usage(format!("{} is a folder: give the name of a file", file.display())));
        }
        refuse_unwritable(&place)?;
        if let Some(what) = inputs.iter().find_map(|input| input.at(&place)) {
            return Err(Error::Usage(format!("{} {what}: give the output another name", file.display())));
        }
        places.push(place);
    }
    Ok(())
}

/// Refuses a directory for results that cannot be made, or in a folder of images that its pictures would become a part of.
///
/// # Errors
/// As said.
pub fn check_output_directory(directory: &Path, data: &DataConfig) -> Result<(), Error> {
    let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let there = absolute.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
    let behind = absolute.strip_prefix(there).unwrap_or(Path::new(""));
    let picture = there.canonicalize().unwrap_or_else(|_| there.to_owned()).join(behind).join("picture.png");
    if data::reads(&data.source, &picture) {
        return Err(Error::Usage(format!(
            "{} lies in the folder of images {}, of which its pictures would become a part: give another directory with --output",
            directory.display(),
            data.source
        )));
    }
    refuse_unwritable(&there.join("picture.png"))
}

/// Refuses a file in a folder in which none can be made.
fn refuse_unwritable(file: &Path) -> Result<(), Error> {
    match tempfile::tempfile_in(file.parent().unwrap_or(Path::new("."))) {
        Ok(_) => Ok(()),
        Err(cause) => Err(ReportError::Write { path: file.to_owned(), cause }.into()),
    }
}

/// Refuses a file of another format than what is to be written into it.
///
/// # Errors
/// Its name has not this ending.
pub fn refuse_other_ending(file: &Path, ending: &str) -> Result<(), Error> {
    if file.extension().is_some_and(|found| found == ending) {
        return Ok(());
    }
    Err(Error::Usage(format!("{}: the file must end in .{ending}", file.display())))
}

/// Refuses options that were given though nothing goes by them, each with its name and whether it was, for this reason.
///
/// # Errors
/// The first of them that was given.
pub fn refuse_unused<const COUNT: usize>(reason: &str, options: [(&str, bool); COUNT]) -> Result<(), Error> {
    match options.into_iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => Err(Error::Usage(format!("{reason}: leave {name} out"))),
        None => Ok(()),
    }
}
