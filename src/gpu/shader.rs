//! Shader variants: the WGSL files under `shaders/`, composed with naga_oil under a set of definitions.

use super::error::on_one_line;
use super::{Gpu, GpuError};
use naga::valid::Capabilities;
use naga_oil::compose::{ComposableModuleDescriptor, Composer, NagaModuleDescriptor, ShaderDefValue, ShaderType};
use std::collections::BTreeMap;
use std::fmt;

/// A shader and the definitions it is composed with; equal variants share a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Variant {
    source: &'static str,
    shader: &'static str,
    definitions: BTreeMap<&'static str, Option<u32>>,
    is_trusted: bool,
}

impl Variant {
    /// The shader called `shader` (its file's stem), whose text is `source`, with no definitions.
    pub const fn new(shader: &'static str, source: &'static str) -> Self {
        Self { shader, source, definitions: BTreeMap::new(), is_trusted: false }
    }

    /// Adds a definition for `#ifdef`, when `present`.
    pub fn flag(mut self, name: &'static str, present: bool) -> Self {
        if present {
            self.definitions.insert(name, None);
        }
        self
    }

    /// Adds a number for `#if NAME == …` and `#{NAME}`.
    pub fn number(mut self, name: &'static str, value: u32) -> Self {
        self.definitions.insert(name, Some(value));
        self
    }

    /// Leaves out, on GPUs, what wgpu adds to a shader to keep it within its buffers and out of endless loops. For a shader that stays
    /// there by itself whatever its bindings hold, as the guards of `verify` show, and that is much faster without: drivers neither unroll
    /// a loop that counts its rounds twice, nor keep in registers what is computed in it. On software adapters unrolling takes minutes and
    /// gains nothing.
    pub fn trusted(mut self, is_trusted: bool) -> Self {
        self.is_trusted = is_trusted;
        self
    }

    /// Whether a definition of this name is present.
    pub fn defines(&self, name: &str) -> bool {
        self.definitions.contains_key(name)
    }

    /// The definitions, for example `BIAS FORM=0 TILE=64`.
    pub fn definitions_text(&self) -> String {
        let word = |(name, value): (&&str, &Option<u32>)| match value {
            Some(value) => format!("{name}={value}"),
            None => (*name).to_owned(),
        };
        self.definitions.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    /// The file's stem.
    pub fn shader(&self) -> &'static str {
        self.shader
    }
}

impl fmt::Display for Variant {
    /// For example `matmul_tiled[BIAS FORM=0 TILE=64]`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.shader)?;
        if self.definitions.is_empty() { Ok(()) } else { write!(formatter, "[{}]", self.definitions_text()) }
    }
}

/// The module of a variant on a device.
pub(super) fn load(gpu: &Gpu, variant: &Variant, label: &str, module: naga::Module) -> wgpu::ShaderModule {
    let source = wgpu::ShaderSource::Naga(std::borrow::Cow::Owned(module));
    let (device, descriptor) = (&gpu.device, wgpu::ShaderModuleDescriptor { label: Some(label), source });
    if !variant.is_trusted || gpu.is_software() {
        return device.create_shader_module(descriptor);
    }
    let checks = wgpu::ShaderRuntimeChecks {
        bounds_checks: false,
        force_loop_bounding: false,
        int_div_checks: false,
        ..wgpu::ShaderRuntimeChecks::checked()
    };
    // SAFETY: A trusted shader holds each index against its uniform parameters before it loads or stores, and those the host derives from the
    // very tensors that it binds; indices into workgroup memory are sums of lane numbers and loop counters below the arrays' constant lengths.
    // Its loops count by steps that are not zero, up to a constant or a uniform number, or halve one; only the walk of `lib/shuffle.wgsl`
    // does not count, and it ends since it permutes, and starts at a position that is held against the length first. Divisors are
    // constants, powers of two, or the tiles abreast of a layer, of which there is at least one, as no layer is empty.
    unsafe { device.create_shader_module_trusted(descriptor, checks) }
}

/// The name of every shader's entry point.
pub const ENTRY_POINT: &str = "main";

/// The files that shaders import, each before those that import it.
const LIBRARY: [(&str, &str); 14] = [
    ("shaders/lib/grid.wgsl", include_str!("../../shaders/lib/grid.wgsl")),
    ("shaders/lib/step.wgsl", include_str!("../../shaders/lib/step.wgsl")),
    ("shaders/lib/layer.wgsl", include_str!("../../shaders/lib/layer.wgsl")),
    ("shaders/lib/integers.wgsl", include_str!("../../shaders/lib/integers.wgsl")),
    ("shaders/lib/optimizer.wgsl", include_str!("../../shaders/lib/optimizer.wgsl")),
    ("shaders/lib/activation.wgsl", include_str!("../../shaders/lib/activation.wgsl")),
    ("shaders/lib/loss.wgsl", include_str!("../../shaders/lib/loss.wgsl")),
    ("shaders/lib/propagation.wgsl", include_str!("../../shaders/lib/propagation.wgsl")),
    ("shaders/lib/philox.wgsl", include_str!("../../shaders/lib/philox.wgsl")),
    ("shaders/lib/corruption.wgsl", include_str!("../../shaders/lib/corruption.wgsl")),
    ("shaders/lib/variational.wgsl", include_str!("../../shaders/lib/variational.wgsl")),
    ("shaders/lib/reduce.wgsl", include_str!("../../shaders/lib/reduce.wgsl")),
    ("shaders/lib/columns.wgsl", include_str!("../../shaders/lib/columns.wgsl")),
    ("shaders/lib/shuffle.wgsl", include_str!("../../shaders/lib/shuffle.wgsl")),
];

/// Resolves a variant's imports and definitions into a validated module.
///
/// # Errors
/// An import that is not there, or WGSL that is not valid.
pub fn compose(variant: &Variant) -> Result<naga::Module, GpuError> {
    // Whether an adapter has what the shader needs is asked before it is run there.
    let mut composer = Composer::default().with_capabilities(Capabilities::SUBGROUP | Capabilities::SHADER_INT64);
    let refused = |composer: &Composer, error: naga_oil::compose::ComposerError| GpuError::Shader {
        shader: variant.to_string(),
        reason: on_one_line(&error.emit_to_string(composer)),
    };
    for (file_path, source) in LIBRARY {
        let descriptor = ComposableModuleDescriptor { source, file_path, ..Default::default() };
        if let Err(error) = composer.add_composable_module(descriptor) {
            return Err(refused(&composer, error));
        }
    }
    let shader_defs = variant
        .definitions
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.map_or(ShaderDefValue::Bool(true), ShaderDefValue::UInt)))
        .collect();
    let file_path = format!("shaders/{}.wgsl", variant.shader);
    let descriptor = NagaModuleDescriptor {
        source: variant.source,
        file_path: &file_path,
        shader_type: ShaderType::Wgsl,
        shader_defs,
        additional_imports: &[],
    };
    composer.make_naga_module(descriptor).map_err(|error| refused(&composer, error))
}
