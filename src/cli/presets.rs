//! `diabolo presets`: the configurations that the program has with it.

use super::output::line;
use crate::config::{PRESETS, preset_text};
use crate::error::Error;
use crate::report::table::{Align, TextTable};
use clap::Args;

/// List the presets, or print one as the start of a configuration of your own
#[derive(Args)]
pub struct Arguments {
    /// Print this preset's TOML
    name: Option<String>,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    if let Some(name) = &arguments.name {
        return line(preset_text(name)?.trim_end());
    }
    let mut table = TextTable::new([("preset", Align::Left), ("what it is", Align::Left)]);
    for preset in PRESETS {
        table.push([preset.name.to_owned(), preset.about.to_owned()]);
    }
    line(table)
}
