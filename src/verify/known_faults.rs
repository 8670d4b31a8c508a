//! What adapters are known to compute wrongly, and where that is being mended.
//!
//! A fault of this table is expected: it does not fail a verification, but its absence does, so that the table never outlives a fault.

use crate::gpu::AdapterSummary;

/// A fault of a driver.
#[derive(Debug)]
pub struct KnownFault {
    /// A part of the adapter's name.
    adapter: &'static str,
    backend: &'static str,
    /// A part of the driver's name and version.
    driver: &'static str,
    check: &'static str,
    variant: &'static str,
    /// Where it was reported to those who can mend it.
    pub issue: &'static str,
}

/// Every known fault.
static KNOWN_FAULTS: [KnownFault; 0] = [];

impl KnownFault {
    /// The fault that is known for a check of a variant on an adapter.
    pub fn of(adapter: &AdapterSummary, check: &str, variant: &str) -> Option<&'static Self> {
        KNOWN_FAULTS.iter().find(|fault| fault.concerns(adapter, check, variant))
    }

    fn concerns(&self, adapter: &AdapterSummary, check: &str, variant: &str) -> bool {
        adapter.name.contains(self.adapter)
            && adapter.backend == self.backend
            && adapter.driver.contains(self.driver)
            && (self.check, self.variant) == (check, variant)
    }
}
