//! Arguments that several subcommands take: which adapter, how much memory.

use super::output::complaint;
use crate::config::DataConfig;
use crate::data::{DEFAULT_MAX_MEMORY, Dataset};
use crate::error::Error;
use crate::gpu::{Gpu, Selection, available_adapters, select_adapter};
use bytesize::ByteSize;
use clap::Args;

/// Which adapter to work on.
#[derive(Args)]
pub struct AdapterArguments {
    /// Index, backend or part of the name of an adapter, as 'diabolo adapters' lists them: a number of one or two digits is an index. The
    /// first one if left out or empty
    #[arg(long, value_name = "ADAPTER", env = "DIABOLO_ADAPTER")]
    adapter: Option<String>,
}

impl AdapterArguments {
    pub fn select(&self) -> Result<Selection, Error> {
        Ok(select_adapter(self.adapter.as_deref())?)
    }
}

/// The adapter to work on, and how much of its memory data may take.
#[derive(Args)]
pub struct GpuArguments {
    #[command(flatten)]
    adapter: AdapterArguments,
    /// The most GPU memory for a set of images, training and test images each, for example 512MB or 2GiB: larger sets are streamed. As
    /// much as the adapter binds at once if left out
    #[arg(long, value_name = "SIZE", value_parser = size)]
    gpu_memory: Option<ByteSize>,
}

impl GpuArguments {
    pub fn open(&self) -> Result<Gpu, Error> {
        let gpu = Gpu::open(&self.adapter.select()?)?;
        Ok(match self.gpu_memory {
            Some(memory) => gpu.with_data_memory(memory.as_u64()),
            None => gpu,
        })
    }
}

fn size(text: &str) -> Result<ByteSize, &'static str> {
    text.parse().map_err(|_| "a size is a number of bytes or of units, as in 512MB or 2GiB")
}

/// One adapter or all of them.
#[derive(Args)]
pub struct AdapterChoice {
    #[command(flatten)]
    one: AdapterArguments,
    /// Take every adapter of this machine, whatever --adapter says
    #[arg(long)]
    all: bool,
}

impl AdapterChoice {
    /// Does the work on each adapter that is chosen. Of several, one that fails does not hinder the others: what hindered it is the
    /// second result, the last of several such, all others having been told.
    pub fn each<T>(&self, work: impl Fn(&Selection) -> Result<T, Error>) -> Result<(Vec<T>, Result<(), Error>), Error> {
        let selections = if self.all { available_adapters()? } else { vec![self.one.select()?] };
        let mut done = Vec::new();
        let mut hindered = Ok(());
        for selection in &selections {
            match work(selection) {
                Ok(result) => done.push(result),
                Err(error) => {
                    if let Err(earlier) = std::mem::replace(&mut hindered, Err(error)) {
                        complaint(&earlier);
                    }
                }
            }
        }
        Ok((done, hindered))
    }
}

/// How much memory the images may take.
#[derive(Args)]
pub struct MemoryArguments {
    /// The most memory that the images may take on the host, as 500MB or 16GiB
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize::b(DEFAULT_MAX_MEMORY), value_parser = size)]
    pub max_memory: ByteSize,
}

impl MemoryArguments {
    pub fn load(&self, data: &DataConfig) -> Result<Dataset, Error> {
        Ok(data.load(self.max_memory.as_u64())?)
    }

    /// The same with the weights of the images to train on, if they have some.
    pub fn load_to_train(&self, data: &DataConfig) -> Result<Dataset, Error> {
        Ok(data.load_to_train(self.max_memory.as_u64())?)
    }
}
