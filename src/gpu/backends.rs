//! Which interfaces to GPUs are searched for adapters: all of them, or those that `WGPU_BACKEND` names.

use super::GpuError;
use wgpu::Backends;

/// What the variable says; nothing if it is unset or empty.
pub(super) fn wanted() -> Option<String> {
    let list = std::env::var_os("WGPU_BACKEND")?.to_string_lossy().into_owned();
    Some(list).filter(|list| !list.trim().is_empty())
}

/// The backends of a list with commas, under the names that wgpu gives them, or else all.
///
/// # Errors
/// A name that is none of these.
pub(super) fn named(wanted: Option<&str>) -> Result<Backends, GpuError> {
    let Some(list) = wanted else { return Ok(Backends::all()) };
    let mut names = list.split(',').filter(|name| !name.trim().is_empty());
    names.try_fold(Backends::empty(), |backends, name| match Backends::from_comma_list(name) {
        unknown if unknown.is_empty() => Err(GpuError::UnknownBackend { wanted: name.trim().to_owned() }),
        backend => Ok(backends | backend),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_backend_some_or_all_are_searched_and_an_unknown_one_is_told() {
        assert_eq!(named(None), Ok(Backends::all()));
        assert_eq!(named(Some("Vulkan")), Ok(Backends::VULKAN));
        assert_eq!(named(Some("gl, dx12")), Ok(Backends::GL | Backends::DX12));
        assert_eq!(named(Some("gl,")), Ok(Backends::GL));
        let message = named(Some("vulkan,foo")).unwrap_err().to_string();
        assert!(
            message.contains("WGPU_BACKEND names 'foo'") && message.contains("vulkan, metal, dx12, gl"),
            "{message}"
        );
    }
}
