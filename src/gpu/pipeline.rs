//! Compute pipelines and the interface between a shader and the host: its bindings and the layout of its structures.

use super::{Feature, Gpu, Variant, shader};
use std::num::NonZeroU64;
use std::time::Instant;

/// A shader's bindings, in group 0. A test holds them, and the structures' layouts, against what naga finds in the shader.
#[derive(Debug)]
pub struct Interface {
    /// The stem of the shader's file.
    pub name: &'static str,
    /// In any order; each has an index of its own.
    pub bindings: &'static [Binding],
}

/// What the variants of a shader need of an adapter at most, beside the storage buffers that its [`Interface`] lists. A test holds it against
/// what naga finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Invocations of a workgroup, all along x.
    pub invocations: u32,
    /// Bytes that the invocations of a workgroup share.
    pub workgroup_bytes: u32,
    /// Optional features, without which the shader is not valid.
    pub features: &'static [Feature],
}

/// One binding of a shader.
#[derive(Debug)]
pub struct Binding {
    /// The name of the variable in WGSL.
    pub name: &'static str,
    /// `@binding(…)`.
    pub index: u32,
    /// What is bound there.
    pub kind: BindingKind,
    /// The definition without which the shader has no such binding.
    pub only_with: Option<&'static str>,
}

/// What is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindingKind {
    /// A uniform structure, the same for every run of the dispatch.
    Parameters(&'static StructLayout),
    /// A uniform structure out of a table, chosen at each run by a dynamic offset.
    TableRow(&'static StructLayout),
    /// An array of so many uniform structures, the same for every run of the dispatch.
    Structures(&'static StructLayout, usize),
    /// A tensor that is only read.
    Read,
    /// A tensor that is written, or read and written.
    Write,
}

/// The layout of a structure that the host writes and a shader reads.
#[derive(Debug, PartialEq, Eq)]
pub struct StructLayout {
    /// Bytes of the structure.
    pub size: usize,
    /// Its members, in the order in which they stand.
    pub fields: &'static [Field],
}

/// A member of a structure.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// The member's name in WGSL.
    pub name: &'static str,
    /// Bytes before it.
    pub offset: usize,
    /// Its type.
    pub scalar: Scalar,
}

/// The type of a structure's member; each is four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// An unsigned integer.
    U32,
    /// A float of single precision.
    F32,
}

/// A Rust type that is a [`Scalar`] to a shader.
pub trait ShaderScalar {
    /// Its type in WGSL.
    const SCALAR: Scalar;
}

impl ShaderScalar for u32 {
    const SCALAR: Scalar = Scalar::U32;
}

impl ShaderScalar for f32 {
    const SCALAR: Scalar = Scalar::F32;
}

impl Interface {
    /// The bindings that a variant of the shader has, in the order of their declaration.
    pub fn bindings_of(&'static self, variant: &Variant) -> impl Iterator<Item = &'static Binding> {
        let variant = variant.clone();
        self.bindings.iter().filter(move |binding| binding.only_with.is_none_or(|name| variant.defines(name)))
    }
}

/// A compiled shader variant with the layout of its bindings.
#[derive(Debug)]
pub struct Pipeline {
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) layout: wgpu::BindGroupLayout,
    pub(super) label: String,
}

pub(super) fn compile(gpu: &Gpu, interface: &'static Interface, variant: &Variant, module: naga::Module) -> Pipeline {
    let (device, label) = (&gpu.device, variant.to_string());
    let started = Instant::now();
    let module = shader::load(gpu, variant, &label, module);
    let entries: Vec<wgpu::BindGroupLayoutEntry> = interface.bindings_of(variant).map(layout_entry).collect();
    let layout =
        device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(&label), entries: &entries });
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(&label),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(&label),
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some(shader::ENTRY_POINT),
        compilation_options: wgpu::PipelineCompilationOptions {
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: None,
    });
    tracing::debug!("{label} compiled in {:.1?}", started.elapsed());
    Pipeline { pipeline, layout, label }
}

fn layout_entry(binding: &Binding) -> wgpu::BindGroupLayoutEntry {
    let uniform = |bytes: usize, has_dynamic_offset| wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Uniform,
        has_dynamic_offset,
        min_binding_size: NonZeroU64::new(bytes as u64),
    };
    let storage = |read_only| wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Storage { read_only },
        has_dynamic_offset: false,
        min_binding_size: None,
    };
    wgpu::BindGroupLayoutEntry {
        binding: binding.index,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: match binding.kind {
            BindingKind::Parameters(layout) => uniform(layout.size, false),
            BindingKind::TableRow(layout) => uniform(layout.size, true),
            BindingKind::Structures(layout, count) => uniform(layout.size * count, false),
            BindingKind::Read => storage(true),
            BindingKind::Write => storage(false),
        },
        count: None,
    }
}
