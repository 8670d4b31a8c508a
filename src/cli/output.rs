//! The standard output, which may be closed early, as by `| head`.

use std::fmt::Display;
use std::io::Write;

/// Prints a line; a reader that has gone away is no error.
pub fn line(text: impl Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
