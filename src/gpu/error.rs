//! Everything that can go wrong between the program and an adapter.

use super::AdapterSummary;

/// A fault of the adapter, its driver, or of what was asked of them.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "each message describes its variant and fields")]
pub enum GpuError {
    #[error(
        "no GPU adapter was found{}install a Vulkan driver for your GPU, or Mesa's software driver \
         (Debian, Ubuntu: apt-get install libvulkan1 mesa-vulkan-drivers)",
        searched(backends.as_deref())
    )]
    NoAdapter { backends: Option<String> },
    #[error(
        "WGPU_BACKEND names '{wanted}', which is no backend: use vulkan, metal, dx12, gl, or several with commas, or unset it"
    )]
    UnknownBackend { wanted: String },
    #[error("no adapter matches '{wanted}'; this machine has: {}", list(available))]
    UnknownAdapter { wanted: String, available: Vec<AdapterSummary> },
    #[error("'{wanted}' matches several adapters; name one by its index: {}", list(available))]
    AmbiguousAdapter { wanted: String, available: Vec<AdapterSummary> },
    #[error("adapter {adapter} gave no device: {reason}")]
    NoDevice { adapter: String, reason: String },
    #[error("{label} needs {bytes} bytes, but {adapter} allows {limit} in one buffer")]
    TooLarge { label: String, bytes: u64, limit: u64, adapter: String },
    #[error("{label} needs {bytes} bytes of memory, but {available} are at hand")]
    NoRoom { label: String, bytes: u64, available: u64 },
    #[error("{adapter} has no memory left for {label}, which needs {bytes} bytes beside the {taken} that are taken")]
    OutOfMemory { label: String, bytes: u64, taken: u64, adapter: String },
    #[error("{adapter} ran out of memory: {reason}")]
    MemoryExhausted { adapter: String, reason: String },
    #[error("the driver of {adapter} refused {label}: {reason}")]
    Refused { label: String, adapter: String, reason: String },
    #[error("{adapter} was lost: {reason}")]
    Lost { adapter: String, reason: String },
    #[error("{label} needs {wanted:?} workgroups, but no adapter runs more than 65535 along an axis")]
    TooManyWorkgroups { label: String, wanted: [u32; 3] },
    #[error("{adapter} did not finish within {seconds} seconds")]
    Timeout { adapter: String, seconds: f64 },
    #[error("{tensor} is not in the GPU's memory, where it was to be placed before")]
    NotPlaced { tensor: String },
    #[error("shader {shader} is not valid: {reason}")]
    Shader { shader: String, reason: String },
}

impl GpuError {
    /// Whether nothing more can be run on the device.
    pub fn ends_the_device(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Timeout { .. })
    }
}

/// What may keep adapters from being found, where backends are named.
fn searched(backends: Option<&str>) -> String {
    backends.map_or_else(
        || ": ".to_owned(),
        |backends| format!(" by WGPU_BACKEND={backends}: unset that to search all backends, or "),
    )
}

fn list(adapters: &[AdapterSummary]) -> String {
    adapters.iter().map(|adapter| format!("[{}] {adapter}", adapter.index)).collect::<Vec<_>>().join(", ")
}

/// An error and its causes as a single line.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    on_one_line(&words)
}

/// What a driver or a compiler says over several lines.
pub(super) fn on_one_line(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}
