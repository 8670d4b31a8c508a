//! Buffers whose bytes are counted for as long as there is a handle to them.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Bytes of all buffers of a device.
#[derive(Debug, Default)]
pub(super) struct BufferBytes {
    now: AtomicU64,
    most: AtomicU64,
}

impl BufferBytes {
    pub fn now(&self) -> u64 {
        self.now.load(Relaxed)
    }

    /// The most that there were at a time.
    pub fn most(&self) -> u64 {
        self.most.load(Relaxed)
    }

    fn add(&self, bytes: u64) {
        let now = self.now.fetch_add(bytes, Relaxed) + bytes;
        self.most.fetch_max(now, Relaxed);
    }

    fn subtract(&self, bytes: u64) {
        self.now.fetch_sub(bytes, Relaxed);
    }
}

/// A counted buffer; a clone is another handle to it.
#[derive(Clone, Debug)]
pub(super) struct Buffer {
    buffer: wgpu::Buffer,
    _counted: Arc<Counted>,
}

/// The bytes of one buffer among those of its device.
#[derive(Debug)]
struct Counted {
    bytes: u64,
    of_device: Arc<BufferBytes>,
}

impl Buffer {
    pub fn new(buffer: wgpu::Buffer, of_device: &Arc<BufferBytes>) -> Self {
        let bytes = buffer.size();
        of_device.add(bytes);
        Self { buffer, _counted: Arc::new(Counted { bytes, of_device: of_device.clone() }) }
    }
}

impl Deref for Buffer {
    type Target = wgpu::Buffer;

    fn deref(&self) -> &wgpu::Buffer {
        &self.buffer
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.of_device.subtract(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_counts_no_more_but_the_most_is_remembered() {
        let device = Arc::new(BufferBytes::default());
        let counted = |bytes| {
            device.add(bytes);
            Counted { bytes, of_device: device.clone() }
        };
        let first = counted(100);
        drop(counted(30));
        let last = counted(20);
        assert_eq!((device.now(), device.most()), (120, 130));
        drop((first, last));
        assert_eq!((device.now(), device.most()), (0, 130));
    }
}
