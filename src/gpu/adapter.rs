//! What adapters this machine has, and which of them to use.

use super::{Feature, GpuError, backends};
use serde::Serialize;
use std::fmt;

/// Storage buffers of a shader, which a test holds every kernel to. WebGPU promises 8. GL drivers that have only 4 are not listed.
pub const REQUIRED_STORAGE_BUFFERS: u32 = 5;
/// Invocations of a workgroup, all along x.
pub const REQUIRED_INVOCATIONS: u32 = 256;
/// Bytes that the invocations of a workgroup share.
pub const REQUIRED_WORKGROUP_STORAGE: u32 = 16_384;

/// One adapter as `diabolo adapters` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AdapterSummary {
    /// Its place in the list; `--adapter` takes it.
    pub index: usize,
    /// What its driver calls it.
    pub name: String,
    /// `vulkan`, `metal`, `dx12` or `gl`.
    pub backend: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub kind: String,
    /// What its driver is called, and its version.
    pub driver: String,
    /// Optional features that kernels make use of, where the adapter has them.
    pub features: Vec<String>,
    /// Bytes that one storage binding may hold.
    pub max_storage_buffer_binding_size: u64,
    /// Bytes of memory that the invocations of a workgroup share.
    pub max_compute_workgroup_storage_size: u32,
    /// The most invocations of a workgroup.
    pub max_compute_invocations_per_workgroup: u32,
    /// The most tensors that a shader can bind.
    pub max_storage_buffers_per_shader_stage: u32,
    /// The fewest and the most invocations of a subgroup.
    pub subgroup_sizes: [u32; 2],
}

impl fmt::Display for AdapterSummary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.name, self.backend)
    }
}

impl AdapterSummary {
    /// Its name, backend, kind and driver on one line.
    pub fn described(&self) -> String {
        format!("{self}, {}, {}", self.kind, self.driver)
    }

    /// One that no machine has.
    #[cfg(test)]
    pub(crate) fn imagined(index: usize, name: &str, backend: &str, driver: &str) -> Self {
        Self {
            index,
            name: name.into(),
            backend: backend.into(),
            kind: "discrete".into(),
            driver: driver.into(),
            features: vec![],
            max_storage_buffer_binding_size: 1 << 27,
            max_compute_workgroup_storage_size: 16384,
            max_compute_invocations_per_workgroup: 256,
            max_storage_buffers_per_shader_stage: 8,
            subgroup_sizes: [4, 128],
        }
    }
}

/// An adapter that was chosen, with its summary.
#[derive(Clone)]
pub struct Selection {
    pub(super) adapter: wgpu::Adapter,
    /// What is told of it.
    pub summary: AdapterSummary,
}

/// Every adapter that can run compute shaders, fastest kind first: the first is the default.
///
/// `WGPU_BACKEND` (for example `vulkan` or `gl`) narrows the search.
///
/// # Errors
/// There is none, or the variable names no backend.
pub fn available_adapters() -> Result<Vec<Selection>, GpuError> {
    let wanted = backends::wanted();
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    descriptor.backends = backends::named(wanted.as_deref())?;
    let searched = descriptor.backends;
    descriptor.flags = wgpu::InstanceFlags::empty().with_env();
    // Where a driver tells how much memory there is for this process, what is beyond is refused rather than swapped out or taken.
    descriptor.memory_budget_thresholds.for_resource_creation = Some(MEMORY_PERCENT);
    let instance = wgpu::Instance::new(descriptor);
    let mut adapters: Vec<wgpu::Adapter> =
        pollster::block_on(instance.enumerate_adapters(searched)).into_iter().filter(runs_compute).collect();
    if adapters.is_empty() {
        return Err(GpuError::NoAdapter { backends: wanted });
    }
    adapters.sort_by_key(|adapter| preference(&adapter.get_info()));
    let select = |(index, adapter)| Selection { summary: summarize(index, &adapter), adapter };
    Ok(adapters.into_iter().enumerate().map(select).collect())
}

/// The share of an adapter's memory that buffers may take; the driver needs some for itself.
const MEMORY_PERCENT: u8 = 97;

/// The adapter that `wanted` names, or the default one.
///
/// `wanted` is an index, a backend, or a part of a name, in any case, as [`available_adapters`] lists them; empty, it names none. A number
/// of one or two digits is an index and nothing else, since version numbers in names are full of them. Where several match, one that
/// matches exactly is taken, else the words are ambiguous unless all matches differ only in their backend.
///
/// # Errors
/// There is no such adapter, or more than one, or none at all.
pub fn select_adapter(wanted: Option<&str>) -> Result<Selection, GpuError> {
    let mut adapters = available_adapters()?;
    let summaries: Vec<AdapterSummary> = adapters.iter().map(|adapter| adapter.summary.clone()).collect();
    let chosen = match wanted.filter(|wanted| !wanted.is_empty()) {
        None => 0,
        Some(wanted) => choose(&summaries, wanted)?,
    };
    Ok(adapters.swap_remove(chosen))
}

/// A number of more digits than this may be that of a model, such as 4090.
const MOST_DIGITS_OF_AN_INDEX: usize = 2;

fn choose(adapters: &[AdapterSummary], wanted: &str) -> Result<usize, GpuError> {
    if let Some(by_index) = wanted.parse().ok().filter(|&index: &usize| index < adapters.len()) {
        return Ok(by_index);
    }
    let lower = wanted.to_lowercase();
    let is_index = wanted.len() <= MOST_DIGITS_OF_AN_INDEX && wanted.bytes().all(|byte| byte.is_ascii_digit());
    let matching: Vec<&AdapterSummary> = adapters
        .iter()
        .filter(|_| !is_index)
        .filter(|adapter| adapter.backend == lower || adapter.name.to_lowercase().contains(&lower))
        .collect();
    let Some(first) = matching.first() else {
        return Err(GpuError::UnknownAdapter { wanted: wanted.to_owned(), available: adapters.to_vec() });
    };
    let exact = matching.iter().find(|adapter| adapter.name.to_lowercase() == lower);
    let differ_in_name = matching.iter().any(|adapter| adapter.name != first.name);
    match exact {
        Some(exact) => Ok(exact.index),
        None if differ_in_name => Err(GpuError::AmbiguousAdapter {
            wanted: wanted.to_owned(),
            available: matching.into_iter().cloned().collect(),
        }),
        None => Ok(first.index),
    }
}

fn runs_compute(adapter: &wgpu::Adapter) -> bool {
    let limits = adapter.limits();
    adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
        && limits.max_storage_buffers_per_shader_stage >= REQUIRED_STORAGE_BUFFERS
        && limits.max_compute_invocations_per_workgroup >= REQUIRED_INVOCATIONS
        && limits.max_compute_workgroup_size_x >= REQUIRED_INVOCATIONS
        && limits.max_compute_workgroup_storage_size >= REQUIRED_WORKGROUP_STORAGE
}

/// Lower is better: real GPUs before software, native interfaces before GL.
fn preference(info: &wgpu::AdapterInfo) -> (u32, u32) {
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    };
    let backend = match info.backend {
        wgpu::Backend::Vulkan | wgpu::Backend::Metal => 0,
        wgpu::Backend::Dx12 => 1,
        _ => 2,
    };
    // A GL driver often does not tell what kind it is; Mesa's software renderer must not pass for a GPU.
    if is_software(info) { (4, backend) } else { (kind, backend) }
}

fn is_software(info: &wgpu::AdapterInfo) -> bool {
    let name = info.name.to_lowercase();
    info.device_type == wgpu::DeviceType::Cpu || name.contains("llvmpipe") || name.contains("swiftshader")
}

fn summarize(index: usize, adapter: &wgpu::Adapter) -> AdapterSummary {
    let info = adapter.get_info();
    let limits = adapter.limits();
    let kind = match info.device_type {
        _ if is_software(&info) => "software",
        wgpu::DeviceType::DiscreteGpu => "discrete",
        wgpu::DeviceType::IntegratedGpu => "integrated",
        wgpu::DeviceType::VirtualGpu => "virtual",
        _ => "other",
    };
    let subgroup_sizes = [info.subgroup_min_size, info.subgroup_max_size];
    let features = Feature::ALL.into_iter().filter(|feature| feature.is_in(adapter.features(), subgroup_sizes));
    AdapterSummary {
        index,
        name: info.name,
        backend: info.backend.to_str().to_owned(),
        kind: kind.to_owned(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        features: features.map(|feature| feature.to_string()).collect(),
        max_storage_buffer_binding_size: limits.max_storage_buffer_binding_size,
        max_compute_workgroup_storage_size: limits.max_compute_workgroup_storage_size,
        max_compute_invocations_per_workgroup: limits.max_compute_invocations_per_workgroup,
        max_storage_buffers_per_shader_stage: limits.max_storage_buffers_per_shader_stage,
        subgroup_sizes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(index: usize, name: &str, backend: &str) -> AdapterSummary {
        AdapterSummary::imagined(index, name, backend, "")
    }

    fn machine() -> Vec<AdapterSummary> {
        vec![
            adapter(0, "Radeon RX 6600", "vulkan"),
            adapter(1, "Radeon Graphics", "vulkan"),
            adapter(2, "llvmpipe", "vulkan"),
            adapter(3, "llvmpipe", "gl"),
        ]
    }

    #[test]
    fn an_index_a_backend_or_a_part_of_the_name_selects() {
        let machine = machine();
        assert_eq!(choose(&machine, "1"), Ok(1));
        assert_eq!(choose(&machine, "gl"), Ok(3));
        assert_eq!(choose(&machine, "rx 6600"), Ok(0));
        assert_eq!(choose(&machine, "LLVMpipe"), Ok(2));
        assert_eq!(choose(&machine, "radeon graphics"), Ok(1));
    }

    #[test]
    fn what_matches_nothing_or_too_much_is_refused_with_the_list() {
        let machine = machine();
        let unknown = choose(&machine, "arc").unwrap_err().to_string();
        assert!(unknown.contains("[0] Radeon RX 6600 (vulkan)") && unknown.contains("[3] llvmpipe (gl)"), "{unknown}");
        assert!(matches!(choose(&machine, "radeon"), Err(GpuError::AmbiguousAdapter { .. })));
        assert!(matches!(choose(&machine, "9"), Err(GpuError::UnknownAdapter { .. })));
    }

    #[test]
    fn a_short_number_is_an_index_only_and_a_long_one_may_be_a_model() {
        let machine =
            [adapter(0, "llvmpipe (LLVM 15.0.6, 256 bits)", "vulkan"), adapter(1, "Radeon RX 6700", "vulkan")];
        for none in ["5", "15", "67", "2"] {
            assert!(matches!(choose(&machine, none), Err(GpuError::UnknownAdapter { .. })), "{none}");
        }
        assert_eq!((choose(&machine, "6700"), choose(&machine, "256")), (Ok(1), Ok(0)));
        assert_eq!((choose(&machine, "01"), choose(&machine, "15.0")), (Ok(1), Ok(0)));
    }
}
