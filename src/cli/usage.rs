//! What the parser of the command line has to say: help, or one line for a mistake.

use super::output::complaint;
use clap::error::ErrorKind;
use std::error::Error as _;
use std::num::{IntErrorKind, ParseFloatError, ParseIntError};
use std::process::ExitCode;

/// The exit code of a mistake in usage or configuration.
const USAGE: u8 = 2;

/// Help and version as they are; a mistake as one line with its remedy.
pub fn explain(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // A reader that has gone away is no error.
        let _ = error.print();
        return ExitCode::from(error.exit_code() as u8);
    }
    let rendered = error.render().to_string();
    let words = rendered.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("Usage:"));
    let message = words.collect::<Vec<_>>().join(" ").replace("For more information, try '--help'.", "(see --help)");
    let message = in_plain_words(error, message);
    complaint(message.strip_prefix("error: ").unwrap_or(&message));
    ExitCode::from(USAGE)
}

/// The message with what the standard library says of a number put so that it tells what to give.
fn in_plain_words(error: &clap::Error, message: String) -> String {
    let Some(cause) = error.source() else { return message };
    let plain = if let Some(cause) = cause.downcast_ref::<ParseIntError>() {
        match cause.kind() {
            IntErrorKind::PosOverflow => "it is larger than can be",
            IntErrorKind::NegOverflow => "it is smaller than can be",
            _ => "it must be a whole number without sign, as in 10",
        }
    } else if cause.is::<ParseFloatError>() {
        "it must be a number, as in 0.1"
    } else {
        return message;
    };
    message.replace(&cause.to_string(), plain)
}
