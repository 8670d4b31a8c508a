//! What is printed for people. Either stream may be closed early, the standard output as by `| head`.

use crate::config::printable;
use crate::error::Error;
use crate::report::ReportError;
use crate::report::table::thousands;
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

/// Prints a line for people on the standard error stream, which may be closed. It stays one line, whatever a file is called.
pub fn complaint(text: impl Display) {
    let _ = writeln!(std::io::stderr(), "diabolo: {}", printable(&text.to_string()));
}

/// So many classes, in words.
pub fn counted_classes(count: usize) -> String {
    if count == 1 { "one class".to_owned() } else { format!("{} classes", thousands(count as u64)) }
}
