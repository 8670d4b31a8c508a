use std::io::{Error, ErrorKind};
use std::path::PathBuf;

/// What helps against a damaged file of metrics.
const WHOLE_AGAIN: &str = "put the whole file back, or train anew in another directory";

/// Why a report could not be made; each message is one plain line.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file could not be created, written, or put in place.
    #[error("cannot write {}: {cause}; {}", path.display(), remedy(cause))]
    Write {
        /// The file that was to be written.
        path: PathBuf,
        /// What the operating system answered.
        cause: Error,
    },

    /// A file that is not needed any more could not be removed.
    #[error("cannot clear {}: {cause}; {}", path.display(), remedy(cause))]
    Remove {
        /// The file or its folder.
        path: PathBuf,
        /// What the operating system answered.
        cause: Error,
    },

    /// A file or a folder could not be read.
    #[error("cannot read {}: {cause}; {}", path.display(), remedy_of_reading(cause))]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// What the operating system answered.
        cause: Error,
    },

    /// The metrics of an epoch that is over are not there.
    #[error("{} lacks a line for epoch {epoch}, which is over: {WHOLE_AGAIN}", path.display())]
    MissingMetrics {
        /// The file of metrics.
        path: PathBuf,
        /// The first epoch without a line in its place, counted from 1.
        epoch: u32,
    },

    /// A line of metrics is none.
    #[error("{} is damaged in line {line}: {cause}; {WHOLE_AGAIN}", path.display())]
    BadMetrics {
        /// The file of metrics.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the parser answered.
        cause: serde_json::Error,
    },

    /// A record could not be written as JSON.
    #[error("cannot write {} as JSON: {cause}", path.display())]
    Json {
        /// The file it was meant for.
        path: PathBuf,
        /// What the serializer answered.
        cause: serde_json::Error,
    },

    /// Sets of images that belong side by side hold different numbers of values.
    #[error("sets of images differ in size: the first holds {first} values, another {other}")]
    SetsDiffer {
        /// Values in the first set.
        first: usize,
        /// Values in the set that differs.
        other: usize,
    },

    /// A slice is not a whole number of images.
    #[error("{values} values are not a whole number of {height}×{width}×{channels} images")]
    PartialImage {
        /// Length of the slice.
        values: usize,
        /// Height of an image in pixels.
        height: usize,
        /// Width of an image in pixels.
        width: usize,
        /// Values per pixel.
        channels: usize,
    },

    /// There is nothing to show.
    #[error("there are no images to show")]
    NoImages,

    /// A picture could not be encoded as PNG.
    #[error("cannot encode {} as PNG: {cause}", path.display())]
    Png {
        /// The file it was meant for.
        path: PathBuf,
        /// What the encoder answered.
        cause: image::ImageError,
    },

    /// A plot could not be drawn.
    #[error("cannot draw the plot \"{title}\": {reason}")]
    Plot {
        /// The plot's title.
        title: String,
        /// What the drawing library answered.
        reason: String,
    },
}

/// What to do where the system does not let a file be read.
fn remedy_of_reading(cause: &Error) -> &'static str {
    match cause.kind() {
        ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::NotADirectory => "check the path",
        ErrorKind::PermissionDenied => "check the permissions there",
        ErrorKind::WouldBlock | ErrorKind::OutOfMemory => "end other programs first",
        _ => "check the permissions there, and the disk",
    }
}

/// What to do where the system does not let a file be written or removed.
fn remedy(cause: &Error) -> &'static str {
    match cause.kind() {
        ErrorKind::NotFound => "check the path",
        ErrorKind::IsADirectory
        | ErrorKind::NotADirectory
        | ErrorKind::DirectoryNotEmpty
        | ErrorKind::InvalidFilename => "give another name, or move away what is there",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "check the permissions there",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room there",
        ErrorKind::FileTooLarge => "raise the limit of the size of files, or write to another file system",
        ErrorKind::WouldBlock | ErrorKind::OutOfMemory => "end other programs first",
        _ => "check the permissions and the free space there",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_refuses_is_told_with_what_to_do() {
        let path = PathBuf::from("run/loss.png");
        let there = "check the permissions there";
        for (kind, to_write, to_read) in [
            (ErrorKind::NotFound, "check the path", "check the path"),
            (ErrorKind::PermissionDenied, there, there),
            (ErrorKind::StorageFull, "make room there", "check the permissions there, and the disk"),
            (ErrorKind::IsADirectory, "give another name, or move away what is there", "check the path"),
            (
                ErrorKind::Other,
                "check the permissions and the free space there",
                "check the permissions there, and the disk",
            ),
        ] {
            let cause = || Error::new(kind, "the cause");
            for (error, what, told) in [
                (ReportError::Write { path: path.clone(), cause: cause() }, "write", to_write),
                (ReportError::Read { path: path.clone(), cause: cause() }, "read", to_read),
                (ReportError::Remove { path: path.clone(), cause: cause() }, "clear", to_write),
            ] {
                assert_eq!(error.to_string(), format!("cannot {what} run/loss.png: the cause; {told}"));
            }
        }
    }
}
