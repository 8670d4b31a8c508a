//! Every variant of every kernel in the language of every backend, as wgpu writes it there. What this machine cannot run keeps its
//! outline on the way to the machines that can, and passes a compiler of that language where there is one that runs anywhere.
//!
//! The tests that need such a compiler are left out unless asked for: `cargo test --test translations -- --include-ignored`.

use diabolo::gpu::{BindingKind, Variant, shader};
use diabolo::kernels::{self, Kernel};
use naga::back::{glsl, hlsl, msl, spv, wgsl};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, FunctionInfo, ModuleInfo, ValidationFlags, Validator};
use naga::{
    AddressSpace, Block, Expression, Function, Handle, Module, ResourceBinding, ShaderStage, Statement, TypeInner,
};
use std::path::Path;
use std::process::Command;

/// As wgpu asks for wherever the language itself does not promise the same.
const CHECKED: BoundsCheckPolicies = BoundsCheckPolicies {
    index: BoundsCheckPolicy::Restrict,
    buffer: BoundsCheckPolicy::Restrict,
    image_load: BoundsCheckPolicy::Restrict,
    binding_array: BoundsCheckPolicy::Unchecked,
};

/// A composed variant, ready to be translated.
struct Shader {
    kernel: &'static Kernel,
    variant: Variant,
    module: Module,
    info: ModuleInfo,
}

/// Checks every variant; `check` tells what is wrong.
fn every_variant(check: impl Fn(&Shader) -> Result<(), String>) {
    for kernel in kernels::ALL {
        for variant in (kernel.variants)() {
            let module = shader::compose(&variant).unwrap_or_else(|error| panic!("{error}"));
            // With no capability beyond WebGPU's own but those that the kernel states.
            let info = Validator::new(ValidationFlags::all(), capabilities(kernel)).validate(&module);
            let info = info.unwrap_or_else(|error| panic!("{variant}: {error:?}"));
            let shader = Shader { kernel, variant, module, info };
            check(&shader).unwrap_or_else(|error| panic!("{}: {error}", shader.variant));
        }
    }
}

/// The same for kernels that need no optional feature: the languages of GLES and of DirectX before shader model 6 have none of them.
fn every_variant_without_features(check: impl Fn(&Shader) -> Result<(), String>) {
    every_variant(|shader| if shader.kernel.needs.features.is_empty() { check(shader) } else { Ok(()) });
}

fn capabilities(kernel: &Kernel) -> Capabilities {
    kernel.needs.features.iter().fold(Capabilities::empty(), |all, feature| all | feature.capabilities())
}

impl Shader {
    /// Metal's code, and the name of the kernel in it.
    fn in_metal(&self) -> Result<(String, String), String> {
        let bindings = self.kernel.interface.bindings_of(&self.variant);
        // wgpu fills the slots without a gap. Behind them stand the sizes of the buffers.
        let mut resources = msl::BindingMap::default();
        for (slot, binding) in (0..).zip(bindings) {
            let target = msl::BindTarget {
                buffer: Some(slot),
                mutable: binding.kind == BindingKind::Write,
                ..Default::default()
            };
            resources.insert(ResourceBinding { group: 0, binding: binding.index }, target);
        }
        let sizes_buffer = Some(resources.len() as u8);
        let resources = msl::EntryPointResources { resources, sizes_buffer, ..Default::default() };
        let options = msl::Options {
            lang_version: (2, 4),
            per_entry_point_map: [(shader::ENTRY_POINT.to_owned(), resources)].into(),
            fake_missing_bindings: false,
            bounds_check_policies: CHECKED,
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        };
        let (code, translated) =
            msl::write_string(&self.module, &self.info, &options, &msl::PipelineOptions::default())
                .map_err(|error| error.to_string())?;
        let names: Result<Vec<String>, _> = translated.entry_point_names.into_iter().collect();
        Ok((code, names.map_err(|error| error.to_string())?.remove(0)))
    }

    fn in_direct_x(&self, shader_model: hlsl::ShaderModel) -> Result<String, String> {
        let options = hlsl::Options {
            shader_model,
            // num_workgroups comes from a constant of wgpu's own.
            special_constants_binding: Some(hlsl::BindTarget { space: 1, ..Default::default() }),
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        };
        let pipeline = hlsl::PipelineOptions::default();
        let mut code = String::new();
        let translated = hlsl::Writer::new(&mut code, &options, &pipeline)
            .write(&self.module, &self.info, None)
            .map_err(|error| error.to_string())?;
        let names: Result<Vec<String>, _> = translated.entry_point_names.into_iter().collect();
        assert_eq!(names.map_err(|error| error.to_string())?, [shader::ENTRY_POINT]);
        Ok(code)
    }

    fn in_gles(&self) -> Result<String, String> {
        let bindings = self.kernel.interface.bindings_of(&self.variant);
        let binding = |index| (ResourceBinding { group: 0, binding: index }, index as u8);
        let options = glsl::Options {
            version: glsl::Version::new_gles(310),
            binding_map: bindings.map(|declared| binding(declared.index)).collect(),
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        };
        let pipeline = glsl::PipelineOptions {
            shader_stage: ShaderStage::Compute,
            entry_point: shader::ENTRY_POINT.to_owned(),
            multiview: None,
        };
        let mut code = String::new();
        // GLES checks bounds itself.
        let policies = BoundsCheckPolicies::default();
        glsl::Writer::new(&mut code, &self.module, &self.info, &options, &pipeline, policies)
            .and_then(|mut writer| writer.write())
            .map_err(|error| error.to_string())?;
        Ok(code)
    }

    /// SPIR-V for Vulkan 1.1, the oldest that wgpu asks for.
    fn in_vulkan(&self) -> Result<Vec<u32>, String> {
        let options = spv::Options {
            lang_version: (1, 3),
            bounds_check_policies: CHECKED,
            zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
            ..Default::default()
        };
        let pipeline =
            spv::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: shader::ENTRY_POINT.to_owned() };
        spv::write_vec(&self.module, &self.info, &options, Some(&pipeline)).map_err(|error| error.to_string())
    }

    fn outline(&self) -> Outline {
        let mut outline = Outline::default();
        for (handle, function) in self.module.functions.iter() {
            outline.add(&Scope { module: &self.module, function, info: &self.info[handle] }, &function.body);
        }
        let [entry_point] = &self.module.entry_points[..] else {
            panic!("{} entry points", self.module.entry_points.len())
        };
        let (function, info) = (&entry_point.function, self.info.get_entry_point(0));
        outline.add(&Scope { module: &self.module, function, info }, &function.body);
        outline
    }

    /// The outline of a translation; `barrier`, `endless_loop` and `array_stores` are how its language writes these.
    fn outline_of(&self, code: &str, barrier: &str, endless_loop: &str, array_stores: &[&str]) -> Outline {
        let count = |words: &str| code.matches(words).count();
        let calls = self.module.functions.iter().map(|(_, function)| {
            let name = function.name.as_deref().unwrap();
            // Behind a digit naga sets a low line. A longer name may end with this one.
            let is_whole = |(place, _): &(usize, &str)| {
                !code[..*place].ends_with(|before: char| before.is_alphanumeric() || before == '_')
            };
            let written = |name: String| code.match_indices(&name).filter(is_whole).count();
            (written(format!("{name}(")) + written(format!("{name}_("))).saturating_sub(1)
        });
        Outline {
            barriers: count(barrier),
            loops: count(endless_loop),
            array_stores: array_stores.iter().map(|words| count(words)).sum(),
            calls: calls.sum(),
        }
    }

    fn workgroup_variables(&self) -> usize {
        self.module.global_variables.iter().filter(|(_, global)| global.space == AddressSpace::WorkGroup).count()
    }
}

/// What a translation that lost a statement would have less of.
#[derive(Debug, Default, PartialEq)]
struct Outline {
    barriers: usize,
    loops: usize,
    /// Stores into an element of an array, be it of a buffer or of workgroup memory.
    array_stores: usize,
    calls: usize,
}

/// A function, and the types of its expressions.
struct Scope<'a> {
    module: &'a Module,
    function: &'a Function,
    info: &'a FunctionInfo,
}

impl Scope<'_> {
    /// Whether a pointer is to an element, be it of an array or of a matrix, rather than to a member of a structure or a component.
    fn is_to_element(&self, pointer: Handle<Expression>) -> bool {
        let Expression::AccessIndex { base, .. } = self.function.expressions[pointer] else {
            return matches!(self.function.expressions[pointer], Expression::Access { .. });
        };
        let pointed = match *self.info[base].ty.inner_with(&self.module.types) {
            TypeInner::Pointer { base, .. } => &self.module.types[base].inner,
            ref other => other,
        };
        matches!(pointed, TypeInner::Array { .. } | TypeInner::Matrix { .. })
    }
}

impl Outline {
    fn add(&mut self, scope: &Scope<'_>, block: &Block) {
        for statement in block {
            match statement {
                Statement::ControlBarrier(_) => self.barriers += 1,
                Statement::Call { .. } => self.calls += 1,
                Statement::Store { pointer, .. } => {
                    self.array_stores += usize::from(scope.is_to_element(*pointer));
                }
                Statement::Block(block) => self.add(scope, block),
                Statement::If { accept, reject, .. } => {
                    self.add(scope, accept);
                    self.add(scope, reject);
                }
                Statement::Switch { cases, .. } => cases.iter().for_each(|case| self.add(scope, &case.body)),
                Statement::Loop { body, continuing, .. } => {
                    self.loops += 1;
                    self.add(scope, body);
                    self.add(scope, continuing);
                }
                _ => {}
            }
        }
    }
}

/// Fails unless `code` has `words` this many times.
fn has(code: &str, count: usize, words: &str) -> Result<(), String> {
    let found = code.matches(words).count();
    if found == count { Ok(()) } else { Err(format!("{found} × “{words}” instead of {count} in:\n{code}")) }
}

/// No compiler for Metal runs anywhere but at Apple's: here its code is looked at more closely than the others'.
#[test]
fn metal_gets_every_kernel_whole() {
    every_variant(|shader| {
        let (code, name) = shader.in_metal()?;
        let found = shader.outline_of(&code, "metal::threadgroup_barrier(", "while(true)", &["] = "]);
        assert_eq!(found, shader.outline(), "{}:\n{code}", shader.variant);
        let invocations = shader.kernel.needs.invocations;
        has(&code, 1, &format!("[[max_total_threads_per_threadgroup({invocations})]] kernel void {name}("))?;
        has(&code, 1, "kernel void ")?;
        // `, device type_2 const& a [[buffer(1)]]` without its type and name, which naga chooses.
        let arguments = code.lines().filter(|line| line.contains("[[buffer("));
        let found: Vec<String> = arguments
            .map(|line| match line.trim_start_matches(", ").split_whitespace().collect::<Vec<_>>()[..] {
                [space, _, "const&", _, slot] => format!("{space} const {slot}"),
                [space, _, _, slot] => format!("{space} {slot}"),
                _ => line.to_owned(),
            })
            .collect();
        let declared = shader.kernel.interface.bindings_of(&shader.variant).map(|binding| match binding.kind {
            BindingKind::Parameters(_) | BindingKind::TableRow(_) | BindingKind::Structures(..) => "constant",
            BindingKind::Read => "device const",
            BindingKind::Write => "device",
        });
        let sizes = ["constant"];
        let declared: Vec<String> =
            declared.chain(sizes).enumerate().map(|(slot, space)| format!("{space} [[buffer({slot})]]")).collect();
        assert_eq!(found, declared, "{}:\n{code}", shader.variant);
        has(&code, shader.workgroup_variables(), "\n, threadgroup ")
    });
}

#[test]
fn direct_x_gets_every_kernel_whole() {
    every_variant(|shader| {
        let code = shader.in_direct_x(hlsl::ShaderModel::V6_0)?;
        let stores = ["] = ", ".Store(", ".Store2(", ".Store3(", ".Store4("];
        // An array of a function is declared with what it holds, which is no store.
        let without_first = ["] = (float4[", "] = (float4x4[", "] = {", "] = Construct"]
            .iter()
            .fold(code.clone(), |code, words| code.replace(words, ""));
        let found = shader.outline_of(&without_first, "MemoryBarrierWithGroupSync();", "while(true)", &stores);
        assert_eq!(found, shader.outline(), "{}:\n{code}", shader.variant);
        has(&code, 1, &format!("[numthreads({}, 1, 1)]", shader.kernel.needs.invocations))?;
        has(&code, shader.workgroup_variables(), "groupshared ")
    });
}

#[test]
fn gles_gets_every_kernel_whole() {
    every_variant_without_features(|shader| {
        let code = shader.in_gles()?;
        // An array of a function is declared with zeros, which is no store.
        let without_zeros = code.replace("] = vec4[", "").replace("] = mat4x4[", "");
        let found = shader.outline_of(&without_zeros, " barrier();", "while(true)", &["] = "]);
        assert_eq!(found, shader.outline(), "{}:\n{code}", shader.variant);
        let invocations = shader.kernel.needs.invocations;
        has(&code, 1, &format!("layout(local_size_x = {invocations}, local_size_y = 1, local_size_z = 1)"))?;
        has(&code, shader.workgroup_variables(), "\nshared ")
    });
}

/// For a browser, and for people: the composed module reads back as the valid WGSL it came from.
#[test]
fn web_gpu_gets_every_kernel_whole() {
    every_variant(|shader| {
        let code = wgsl::write_string(&shader.module, &shader.info, wgsl::WriterFlags::empty())
            .map_err(|error| error.to_string())?;
        let module = naga::front::wgsl::parse_str(&code).map_err(|error| error.emit_to_string(&code))?;
        let info = Validator::new(ValidationFlags::all(), capabilities(shader.kernel)).validate(&module);
        let info = info.map_err(|error| format!("{error:?}"))?;
        let again = Shader { kernel: shader.kernel, variant: shader.variant.clone(), module, info };
        assert_eq!(again.outline(), shader.outline(), "{}:\n{code}", shader.variant);
        assert_eq!(again.workgroup_variables(), shader.workgroup_variables());
        has(&code, 1, &format!("@compute @workgroup_size({}, 1, 1)", shader.kernel.needs.invocations))
    });
}

#[test]
fn vulkan_gets_every_kernel_whole() {
    // A module's header is five words; an instruction's first word holds its length and its number.
    fn instructions(mut words: &[u32]) -> Vec<u32> {
        let mut numbers = Vec::new();
        words = &words[5..];
        while let Some(&first) = words.first() {
            numbers.push(first & 0xffff);
            words = &words[(first >> 16) as usize..];
        }
        numbers
    }
    const CONTROL_BARRIER: u32 = 224;
    const LOOP_MERGE: u32 = 246;
    every_variant(|shader| {
        let words = shader.in_vulkan()?;
        assert_eq!(words[..2], [0x0723_0203, 0x0001_0300], "the magic number of SPIR-V and its version 1.3");
        let instructions = instructions(&words);
        let count = |number| instructions.iter().filter(|&&found| found == number).count();
        let Outline { barriers, loops, .. } = shader.outline();
        assert_eq!((count(CONTROL_BARRIER), count(LOOP_MERGE)), (barriers, loops), "{}", shader.variant);
        Ok(())
    });
}

/// Fails with what the tool says about the file.
fn accepts(tool: &str, package: &str, arguments: &[&str], file: &Path) -> Result<(), String> {
    let output = Command::new(tool).args(arguments).arg(file).output();
    let output = output.map_err(|error| format!("cannot run {tool}: {error}; install it (Debian: {package})"))?;
    let said = [output.stdout, output.stderr].concat();
    if output.status.success() { Ok(()) } else { Err(format!("{tool}: {}", String::from_utf8_lossy(&said))) }
}

#[test]
#[ignore = "needs spirv-val (Debian: spirv-tools)"]
fn spirv_val_accepts_what_vulkan_gets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shader.spv");
    every_variant(|shader| {
        let bytes: Vec<u8> = shader.in_vulkan()?.into_iter().flat_map(u32::to_le_bytes).collect();
        std::fs::write(&file, bytes).unwrap();
        accepts("spirv-val", "spirv-tools", &["--target-env", "vulkan1.1"], &file)
    });
}

#[test]
#[ignore = "needs glslangValidator (Debian: glslang-tools)"]
fn glslang_accepts_what_gles_gets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shader.comp");
    every_variant_without_features(|shader| {
        std::fs::write(&file, shader.in_gles()?).unwrap();
        accepts("glslangValidator", "glslang-tools", &["-l"], &file)
    });
}

/// Microsoft's own compilers are not to be had everywhere; glslang reads their language too, and makes SPIR-V of it.
/// Arrays of zeros element by element: glslang has no cast from 0 to an array, as Microsoft's compilers have.
fn with_listed_zeros(code: String) -> String {
    let mut code = code;
    for (element, count) in [("float4", 1), ("float4", 4), ("float4x4", 1)] {
        let zeros = format!("{{ {} }}", vec![format!("({element})0"); count].join(", "));
        let cast = format!("({element}[{count}])0");
        code = code.replace(&format!("= {cast}"), &format!("= {zeros}"));
        code = code.replace(&format!("return {cast};"), &format!("{element} zeros[{count}] = {zeros}; return zeros;"));
    }
    code
}

#[test]
#[ignore = "needs glslangValidator (Debian: glslang-tools)"]
fn glslang_accepts_what_direct_x_gets() {
    let folder = tempfile::tempdir().unwrap();
    let (file, compiled) = (folder.path().join("shader.hlsl"), folder.path().join("shader.spv"));
    let arguments = ["-D", "-V", "-S", "comp", "-e", shader::ENTRY_POINT, "-o", compiled.to_str().unwrap()];
    every_variant_without_features(|shader| {
        // The models of Windows' older compiler and of the oldest that the newer one knows.
        for model in [hlsl::ShaderModel::V5_1, hlsl::ShaderModel::V6_0] {
            std::fs::write(&file, with_listed_zeros(shader.in_direct_x(model)?)).unwrap();
            accepts("glslangValidator", "glslang-tools", &arguments, &file)?;
        }
        Ok(())
    });
}
