//! The standard output, which may be closed early, as by `| head`.

use crate::error::Error;
use crate::report::ReportError;
use std::fmt::Display;
use std::io::{ErrorKind, Write};

/// Prints a line; a reader that has gone away is no error.
///
/// # Errors
/// A file or device that takes no more.
pub fn line(text: impl Display) -> Result<(), Error> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => {
            Err(ReportError::Write { path: "the standard output".into(), cause }.into())
        }
        _ => Ok(()),
    }
}

/// Prints a line for people on the standard error stream, which may be closed.
pub fn complaint(text: impl Display) {
    let _ = writeln!(std::io::stderr(), "diabolo: {text}");
}
