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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Verdict;

    const FAULT: KnownFault = KnownFault {
        adapter: "Radeon",
        backend: "vulkan",
        driver: "Mesa 22",
        check: "loss",
        variant: "LOSS=0",
        issue: "https://example.org/1",
    };

    fn adapter(driver: &str, backend: &str) -> AdapterSummary {
        AdapterSummary::imagined(0, "AMD Radeon RX 6600", backend, driver)
    }

    #[test]
    fn a_fault_concerns_its_adapter_driver_and_variant_alone() {
        let known = adapter("radv Mesa 22.3.6", "vulkan");
        assert!(FAULT.concerns(&known, "loss", "LOSS=0"));
        assert!(!FAULT.concerns(&known, "loss", "LOSS=1"));
        assert!(!FAULT.concerns(&known, "metrics", "LOSS=0"));
        assert!(!FAULT.concerns(&adapter("radv Mesa 25.0.7", "vulkan"), "loss", "LOSS=0"));
        assert!(!FAULT.concerns(&adapter("radv Mesa 22.3.6", "gl"), "loss", "LOSS=0"));
    }

    #[test]
    fn a_known_fault_must_fail() {
        assert!(Verdict::of(None, None).is_good());
        assert!(!Verdict::of(Some("wrong".into()), None).is_good());
        assert!(Verdict::of(Some("wrong".into()), Some(&FAULT)).is_good());
        assert!(!Verdict::of(None, Some(&FAULT)).is_good());
    }

    #[test]
    fn every_fault_is_of_something_that_is_verified_and_was_reported() {
        for fault in &KNOWN_FAULTS {
            assert!(crate::verify::check_names().contains(&fault.check), "{fault:?}");
            assert!(fault.issue.starts_with("https://"), "{fault:?}");
        }
    }
}
