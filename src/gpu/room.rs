//! Whether memory holds what is to be allocated, before any of it is.

use super::{Gpu, GpuError};
use sysinfo::System;

impl Gpu {
    /// Refuses what needs more of the system's memory than is at hand: `on_host` bytes there, and `on_device` bytes in tensors, which an
    /// adapter without memory of its own keeps there too. How much a GPU has left of its own, its driver alone knows, and refuses by
    /// itself what is beyond.
    ///
    /// # Errors
    /// More bytes than are at hand.
    pub fn refuse_without_room(&self, label: &str, on_host: u64, on_device: u64) -> Result<(), GpuError> {
        let bytes = if self.shares_system_memory() { on_host.saturating_add(on_device) } else { on_host };
        match system_memory_at_hand() {
            Some(available) if bytes > available => Err(GpuError::NoRoom { label: label.to_owned(), bytes, available }),
            _ => Ok(()),
        }
    }

    fn shares_system_memory(&self) -> bool {
        self.is_software() || self.adapter().kind == "integrated"
    }
}

/// Bytes that the system can give, swap included; none where it does not tell.
fn system_memory_at_hand() -> Option<u64> {
    let mut system = System::new();
    system.refresh_memory();
    let of_system = Some(system.available_memory() + system.free_swap()).filter(|&bytes| bytes > 0)?;
    // What a control group holds of files it can do without.
    let of_group = system.cgroup_limits().map(|group| group.total_memory.saturating_sub(group.rss) + group.free_swap);
    Some(of_group.map_or(of_system, |of_group| of_group.min(of_system)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_how_much_there_is() {
        let bytes = system_memory_at_hand().unwrap();
        assert!((1 << 20..1 << 50).contains(&bytes), "{bytes}");
    }
}
