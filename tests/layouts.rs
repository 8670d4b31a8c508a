//! Host and shader agree on every binding and on the layout of every structure, in every variant of every kernel.

use diabolo::gpu::{
    Binding, BindingKind, Feature, REQUIRED_INVOCATIONS, REQUIRED_STORAGE_BUFFERS, REQUIRED_WORKGROUP_STORAGE, Scalar,
    StructLayout, Variant, shader,
};
use diabolo::kernels::{self, Kernel};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, ArraySize, Block, Expression, Handle, Module, Statement, StorageAccess, TypeInner};
use std::collections::BTreeMap;

/// Every kernel with each of its variants, composed.
fn composed() -> impl Iterator<Item = (&'static Kernel, Variant, Module)> {
    kernels::ALL.into_iter().flat_map(|kernel| {
        (kernel.variants)().into_iter().map(move |variant| {
            let module = shader::compose(&variant).unwrap_or_else(|error| panic!("{error}"));
            (kernel, variant, module)
        })
    })
}

#[test]
fn every_variant_has_the_bindings_that_the_host_declares() {
    for (kernel, variant, module) in composed() {
        let mut found: Vec<_> = module.global_variables.iter().filter(|(_, global)| global.binding.is_some()).collect();
        found.sort_by_key(|(_, global)| global.binding.map(|binding| binding.binding));
        let declared: Vec<&Binding> = kernel.interface.bindings_of(&variant).collect();
        assert_eq!(found.len(), declared.len(), "{variant}: {found:?}");
        for (declared, (_, global)) in declared.into_iter().zip(found) {
            let place = format!("{variant}, {}", declared.name);
            let binding = global.binding.unwrap();
            assert_eq!((binding.group, binding.binding), (0, declared.index), "{place}");
            assert_eq!(global.name.as_deref(), Some(declared.name), "{place}");
            let inner = &module.types[global.ty].inner;
            match declared.kind {
                BindingKind::Parameters(layout) | BindingKind::TableRow(layout) => {
                    assert_eq!(global.space, AddressSpace::Uniform, "{place}");
                    assert_layout(&module, inner, layout, &place);
                }
                BindingKind::Structures(layout, count) => {
                    assert_eq!(global.space, AddressSpace::Uniform, "{place}");
                    let TypeInner::Array { base, size: ArraySize::Constant(size), stride } = *inner else {
                        panic!("{place} is no array: {inner:?}")
                    };
                    assert_eq!((size.get() as usize, stride as usize), (count, layout.size), "{place}");
                    assert_layout(&module, &module.types[base].inner, layout, &place);
                }
                BindingKind::Read | BindingKind::Write => {
                    let writes = declared.kind == BindingKind::Write;
                    let access = if writes { StorageAccess::LOAD | StorageAccess::STORE } else { StorageAccess::LOAD };
                    assert_eq!(global.space, AddressSpace::Storage { access }, "{place}");
                    assert!(matches!(inner, TypeInner::Array { .. }), "{place}: {inner:?}");
                }
            }
        }
    }
}

fn assert_layout(module: &Module, inner: &TypeInner, layout: &StructLayout, place: &str) {
    let TypeInner::Struct { members, span } = inner else { panic!("{place} is no structure: {inner:?}") };
    assert_eq!(*span as usize, layout.size, "{place}");
    let found: Vec<_> =
        members.iter().map(|member| (member.name.as_deref().unwrap(), member.offset as usize)).collect();
    let declared: Vec<_> = layout.fields.iter().map(|field| (field.name, field.offset)).collect();
    assert_eq!(found, declared, "{place}");
    for member in members {
        assert_eq!(module.types[member.ty].inner.size(module.to_ctx()), 4, "{place}.{:?}", member.name);
    }
    let scalar = |inner: &TypeInner| match inner {
        TypeInner::Scalar(naga::Scalar::U32) => Scalar::U32,
        TypeInner::Scalar(naga::Scalar::F32) => Scalar::F32,
        other => panic!("{place} has a member that the host cannot write: {other:?}"),
    };
    let found = members.iter().map(|member| scalar(&module.types[member.ty].inner));
    assert!(found.eq(layout.fields.iter().map(|field| field.scalar)), "{place}");
}

#[test]
fn a_kernel_states_what_its_variants_need() {
    // A shader may belong to several kernels, each with variants and needs of its own.
    let mut most: BTreeMap<*const Kernel, u32> = BTreeMap::new();
    for (kernel, variant, module) in composed() {
        assert_eq!(module.entry_points[0].workgroup_size, [kernel.needs.invocations, 1, 1], "{variant}");
        let shared = module.global_variables.iter().filter(|(_, global)| global.space == AddressSpace::WorkGroup);
        let bytes: u32 = shared.map(|(_, global)| module.types[global.ty].inner.size(module.to_ctx())).sum();
        let known = most.entry(std::ptr::from_ref(kernel)).or_default();
        *known = bytes.max(*known);
    }
    for kernel in kernels::ALL {
        assert_eq!(kernel.needs.workgroup_bytes, most[&std::ptr::from_ref(kernel)], "{}", kernel.interface.name);
    }
}

/// What a plan takes only where the adapter has room for it; most have twice the workgroup memory that WebGPU promises.
const ROOMY: [&str; 1] = ["propagate"];

/// An adapter is listed only if it has at least this much, and WebGPU promises it on every one.
#[test]
fn every_variant_keeps_within_what_every_listed_adapter_has() {
    for kernel in kernels::ALL {
        let name = kernel.interface.name;
        let workgroup_bytes = REQUIRED_WORKGROUP_STORAGE * if ROOMY.contains(&name) { 2 } else { 1 };
        let is_storage = |binding: &&Binding| matches!(binding.kind, BindingKind::Read | BindingKind::Write);
        for variant in (kernel.variants)() {
            let storage_buffers = kernel.interface.bindings_of(&variant).filter(is_storage).count();
            assert!(storage_buffers <= REQUIRED_STORAGE_BUFFERS as usize, "{variant}: {storage_buffers}");
        }
        assert!(kernel.needs.invocations <= REQUIRED_INVOCATIONS, "{name}: {:?}", kernel.needs);
        assert!(kernel.needs.workgroup_bytes <= workgroup_bytes, "{name}: {:?}", kernel.needs);
    }
    let promised = wgpu::Limits::default();
    assert!(REQUIRED_STORAGE_BUFFERS <= promised.max_storage_buffers_per_shader_stage);
    assert!(REQUIRED_INVOCATIONS <= promised.max_compute_invocations_per_workgroup);
    assert!(REQUIRED_INVOCATIONS <= promised.max_compute_workgroup_size_x);
    assert!(REQUIRED_WORKGROUP_STORAGE <= promised.max_compute_workgroup_storage_size);
}

#[test]
fn every_module_is_valid_with_the_features_that_its_kernel_states_and_with_none_less() {
    let is_valid = |module: &Module, features: &[Feature]| {
        let capabilities = features.iter().fold(Capabilities::empty(), |all, feature| all | feature.capabilities());
        Validator::new(ValidationFlags::all(), capabilities).validate(module).is_ok()
    };
    for (kernel, variant, module) in composed() {
        let features = kernel.needs.features;
        assert!(is_valid(&module, features), "{variant}");
        // A product loads only rows that are whole vec4s as 64-bit integers.
        let is_used = |feature: &Feature| {
            *feature != Feature::Int64 || variant.shader() != "matmul_subgroup" || variant.defines("VECTOR")
        };
        for left_out in features.iter().filter(|feature| is_used(feature)) {
            let others: Vec<Feature> = features.iter().copied().filter(|feature| feature != left_out).collect();
            assert!(!is_valid(&module, &others), "{variant} does without {left_out:?}");
        }
    }
}

/// Microsoft's older compiler, which DX12 has where no newer one is installed, refuses such stores in loops that it cannot unroll. It knows
/// none of the features that a kernel may ask for.
#[test]
fn no_shader_stores_to_a_component_at_an_index_that_is_not_constant() {
    for (_, variant, module) in composed().filter(|(kernel, ..)| kernel.needs.features.is_empty()) {
        let info = Validator::new(ValidationFlags::all(), Capabilities::all()).validate(&module).unwrap();
        let functions = module.functions.iter().map(|(handle, function)| (function, &info[handle]));
        let entry = (&module.entry_points[0].function, info.get_entry_point(0));
        for (function, info) in functions.chain([entry]) {
            let has_components = |handle: Handle<Expression>| match *info[handle].ty.inner_with(&module.types) {
                TypeInner::Pointer { base, .. } => {
                    matches!(module.types[base].inner, TypeInner::Vector { .. } | TypeInner::Matrix { .. })
                }
                TypeInner::ValuePointer { size, .. } => size.is_some(),
                _ => false,
            };
            for pointer in stores(&function.body) {
                let Expression::Access { base, .. } = function.expressions[pointer] else { continue };
                assert!(!has_components(base), "{variant}, {:?}", function.name);
            }
        }
    }
}

/// Where the statements of a block, and those within them, store to.
fn stores(block: &Block) -> Vec<Handle<Expression>> {
    let within = |blocks: &[&Block]| blocks.iter().flat_map(|&block| stores(block)).collect();
    block
        .iter()
        .flat_map(|statement| match statement {
            Statement::Store { pointer, .. } => vec![*pointer],
            Statement::Block(block) => within(&[block]),
            Statement::If { accept, reject, .. } => within(&[accept, reject]),
            Statement::Switch { cases, .. } => within(&cases.iter().map(|case| &case.body).collect::<Vec<_>>()),
            Statement::Loop { body, continuing, .. } => within(&[body, continuing]),
            _ => Vec::new(),
        })
        .collect()
}

#[test]
fn every_shader_file_belongs_to_a_kernel() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/shaders");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let stem = path.file_stem().unwrap().to_str().unwrap();
            assert!(kernels::ALL.iter().any(|kernel| kernel.interface.name == stem), "{stem} belongs to no kernel");
        }
    }
}
