//! `diabolo adapters`: what this machine has.

use super::output::line;
use crate::error::Error;
use crate::gpu::{AdapterSummary, available_adapters};
use crate::report::table::{Align, TextTable};
use clap::Args;

/// List the adapters of this machine, the default first
#[derive(Args)]
pub struct Arguments {
    /// Print JSON with every feature and limit that matters
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let adapters: Vec<AdapterSummary> = available_adapters()?.into_iter().map(|adapter| adapter.summary).collect();
    if arguments.json {
        let json = serde_json::to_string_pretty(&adapters).map_err(|error| Error::Usage(error.to_string()))?;
        return line(json);
    }
    let mut table = TextTable::new([
        ("", Align::Right),
        ("adapter", Align::Left),
        ("backend", Align::Left),
        ("kind", Align::Left),
        ("driver", Align::Left),
        ("features", Align::Left),
        ("largest binding", Align::Right),
    ]);
    for adapter in adapters {
        table.push([
            adapter.index.to_string(),
            adapter.name,
            adapter.backend,
            adapter.kind,
            adapter.driver,
            adapter.features.join(", "),
            format!("{} MiB", adapter.max_storage_buffer_binding_size >> 20),
        ]);
    }
    line(table)
}
