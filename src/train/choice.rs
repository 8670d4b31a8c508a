//! Which images steps take, where that is decided by their labels.

use crate::data::Images;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::program::lower::Choice;
use crate::program::{Graph, Memory};
use crate::reference::Balancing;
use crate::reference::balance::Balance;

/// Puts on the GPU what samples are chosen by.
pub(super) fn upload_choice(
    gpu: &Gpu,
    memory: &Memory,
    graph: &Graph,
    choice: Choice,
    labels: &[u32],
    balance: Option<&Balance>,
) -> Result<(), Error> {
    memory.tensor(graph, choice.labels)?.upload(gpu, labels)?;
    if let (Some(members), Some(balance)) = (choice.members, balance) {
        memory.tensor(graph, members)?.upload(gpu, &balance.words())?;
    }
    Ok(())
}

/// The classes that are balanced.
pub(super) fn labels_to_balance(images: &Images, balancing: Balancing) -> Result<&[u32], Error> {
    images.labels().ok_or_else(|| {
        Error::Usage(format!(
            "training.balance is \"{}\", but the images have no classes to balance: give data with a folder for each class, or with labels, or \
             use --balance none",
            balancing.name()
        ))
    })
}
