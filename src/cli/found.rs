//! What a command has found out about adapters, for other programs.

use crate::error::Error;
use crate::report::files::write_atomically;
use serde::Serialize;
use serde_json::json;
use std::path::Path;

/// Writes what was found on some adapters, and the version and effort that found it, as JSON.
///
/// # Errors
/// The file cannot be written.
pub fn write_found(file: &Path, quick: bool, only: Option<&str>, adapters: &impl Serialize) -> Result<(), Error> {
    let found = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "effort": if quick { "quick" } else { "full" },
        "only": only,
        "adapters": adapters,
    });
    Ok(write_atomically(file, format!("{found:#}\n").as_bytes())?)
}
