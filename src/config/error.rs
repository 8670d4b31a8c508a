//! What is wrong with a configuration, told in one line.

/// What is wrong with a configuration, and what to do.
///
/// The message is one line without control characters, whatever a file or a command line holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message describes its variant and fields")]
pub enum ConfigError {
    #[error("unknown preset '{}'{}; presets are: {}. A file of your own is named with its ending .toml",
        printable(wanted), suggestion(nearest), known.join(", "))]
    UnknownPreset { wanted: String, nearest: Option<String>, known: Vec<String> },
    #[error("cannot read {}: {}", printable(path), printable(reason))]
    Unreadable { path: String, reason: String },
    /// Not TOML, a key too few, or a value that its key cannot take.
    #[error("{}: {}", printable(place), printable(reason))]
    Syntax { place: String, reason: String },
    #[error("{}: unknown key '{}'{}", printable(place), printable(key), suggestion(nearest))]
    UnknownKey { place: String, key: String, nearest: Option<String> },
    #[error("{}: {} must be {must}, not {}", printable(place), printable(key), printable(found))]
    WrongKind { place: String, key: String, must: &'static str, found: String },
    #[error("--set needs KEY=VALUE, for example --set training.epochs=3, not '{}'", printable(.0))]
    Assignment(String),
    #[error(
        "--set is for the keys of [{}] here, for example --set data.size=[28,28], not '{}'",
        tables.join("] and ["),
        printable(assignment)
    )]
    OtherTable { assignment: String, tables: &'static [&'static str] },
    #[error(
        "the run to go on with has {key} = {}, not {}: leave it as it is, or train anew in another directory",
        printable(then),
        printable(now)
    )]
    OtherRun { key: String, now: String, then: String },
    #[error("{key} must be {must}, but is {found}")]
    Value { key: String, must: String, found: String },
    #[error("the configuration cannot be written as TOML: {}", printable(.0))]
    Unwritable(String),
}

fn suggestion(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |nearest| format!(": did you mean '{nearest}'?"))
}

/// The text with its line breaks and other control characters as escapes.
pub fn printable(text: &str) -> String {
    let is_control = |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_control(letter) { line.extend(letter.escape_default()) } else { line.push(letter) }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_named_the_message_is_one_line() {
        let text = || "a\nb\u{1b}\u{2028}é".to_owned();
        for error in [
            ConfigError::UnknownPreset { wanted: text(), nearest: None, known: vec!["dense".to_owned()] },
            ConfigError::Unreadable { path: text(), reason: text() },
            ConfigError::Syntax { place: text(), reason: text() },
            ConfigError::UnknownKey { place: text(), key: text(), nearest: None },
            ConfigError::WrongKind { place: text(), key: text(), must: "a list", found: text() },
            ConfigError::Assignment(text()),
            ConfigError::OtherTable { assignment: text(), tables: &["data"] },
            ConfigError::OtherRun { key: "loss".to_owned(), now: text(), then: text() },
            ConfigError::Unwritable(text()),
        ] {
            let message = error.to_string();
            assert!(message.contains(r"a\nb\u{1b}\u{2028}é"), "{message:?}");
            assert!(!message.contains(|letter: char| letter.is_control() || letter == '\u{2028}'), "{message:?}");
        }
    }
}
