//! Optional abilities of adapters.

use naga::valid::Capabilities;
use std::fmt;

/// What some shaders need of an adapter that not every one has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// Subgroups of exactly this many invocations, never more nor fewer, and the operations among them.
    Subgroups {
        /// How many.
        size: u32,
    },
    /// 64-bit integers.
    Int64,
}

/// Every feature that a device is opened with where its adapter has it.
pub(super) const WANTED: wgpu::Features = wgpu::Features::SUBGROUP.union(wgpu::Features::SHADER_INT64);

impl fmt::Display for Feature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subgroups { size } => write!(formatter, "subgroups of {size}"),
            Self::Int64 => formatter.write_str("64-bit integers"),
        }
    }
}

impl Feature {
    /// Those that kernels make use of.
    pub const ALL: [Self; 2] = [Self::Subgroups { size: 8 }, Self::Int64];

    /// What naga allows a shader that needs it.
    pub fn capabilities(self) -> Capabilities {
        match self {
            Self::Subgroups { .. } => Capabilities::SUBGROUP,
            Self::Int64 => Capabilities::SHADER_INT64,
        }
    }

    /// Whether a device opened with these features, on an adapter with subgroups between these sizes, has it.
    pub(super) fn is_in(self, features: wgpu::Features, subgroup_sizes: [u32; 2]) -> bool {
        match self {
            Self::Subgroups { size } => features.contains(wgpu::Features::SUBGROUP) && subgroup_sizes == [size, size],
            Self::Int64 => features.contains(wgpu::Features::SHADER_INT64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subgroup_of_another_size_will_not_do() {
        let subgroups = Feature::Subgroups { size: 8 };
        assert!(subgroups.is_in(wgpu::Features::SUBGROUP, [8, 8]));
        assert!(!subgroups.is_in(wgpu::Features::SUBGROUP, [8, 32]));
        assert!(!subgroups.is_in(wgpu::Features::empty(), [8, 8]));
        assert!(!Feature::Int64.is_in(wgpu::Features::SUBGROUP, [8, 8]));
    }
}
