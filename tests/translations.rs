//! Every variant of every kernel in the language of every backend, as wgpu would translate it there: what this machine cannot run
//! can at least be written for the machines that can.

use diabolo::gpu::shader;
use diabolo::kernels;
use naga::back::{glsl, hlsl, msl, spv, wgsl};
use naga::proc::BoundsCheckPolicies;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{Module, ShaderStage};

/// Translates every variant; `translate` gives the code, or what is wrong.
fn every_variant<Code: AsRef<[T]>, T>(translate: impl Fn(&Module, &ModuleInfo) -> Result<Code, String>) {
    for kernel in kernels::ALL {
        for variant in (kernel.variants)() {
            let module = shader::compose(&variant).unwrap_or_else(|error| panic!("{error}"));
            // With no capability beyond WebGPU's own.
            let info = Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module);
            let info = info.unwrap_or_else(|error| panic!("{variant}: {error:?}"));
            let code = translate(&module, &info).unwrap_or_else(|error| panic!("{variant}: {error}"));
            // An entry point that lost its body would be valid still.
            assert!(code.as_ref().len() > 300, "{variant} became next to nothing");
        }
    }
}

#[test]
fn in_metal() {
    every_variant(|module, info| {
        let options = msl::Options { lang_version: (2, 4), ..Default::default() };
        let (code, translated) = msl::write_string(module, info, &options, &msl::PipelineOptions::default())
            .map_err(|error| error.to_string())?;
        translated.entry_point_names.into_iter().collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        Ok(code.into_bytes())
    });
}

#[test]
fn in_direct_x() {
    every_variant(|module, info| {
        // num_workgroups comes from a constant of wgpu's own.
        let special_constants_binding = Some(hlsl::BindTarget { space: 1, ..Default::default() });
        let options = hlsl::Options { special_constants_binding, ..Default::default() };
        let pipeline = hlsl::PipelineOptions::default();
        let mut code = String::new();
        let translated = hlsl::Writer::new(&mut code, &options, &pipeline)
            .write(module, info, None)
            .map_err(|error| error.to_string())?;
        translated.entry_point_names.into_iter().collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        Ok(code.into_bytes())
    });
}

#[test]
fn in_gles() {
    every_variant(|module, info| {
        let options = glsl::Options { version: glsl::Version::new_gles(310), ..Default::default() };
        let pipeline = glsl::PipelineOptions {
            shader_stage: ShaderStage::Compute,
            entry_point: shader::ENTRY_POINT.to_owned(),
            multiview: None,
        };
        let mut code = String::new();
        glsl::Writer::new(&mut code, module, info, &options, &pipeline, BoundsCheckPolicies::default())
            .and_then(|mut writer| writer.write())
            .map_err(|error| error.to_string())?;
        Ok(code.into_bytes())
    });
}

/// For a browser, and for people: the composed module reads back as the valid WGSL it came from.
#[test]
fn in_wgsl() {
    every_variant(|module, info| {
        let code = wgsl::write_string(module, info, wgsl::WriterFlags::empty()).map_err(|error| error.to_string())?;
        naga::front::wgsl::parse_str(&code).map_err(|error| error.emit_to_string(&code))?;
        Ok(code.into_bytes())
    });
}

#[test]
fn in_vulkan() {
    every_variant(|module, info| {
        let options = spv::Options { lang_version: (1, 3), ..Default::default() };
        let pipeline =
            spv::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: shader::ENTRY_POINT.to_owned() };
        let words = spv::write_vec(module, info, &options, Some(&pipeline)).map_err(|error| error.to_string())?;
        assert_eq!(words[0], 0x0723_0203, "the magic number of SPIR-V");
        Ok(words)
    });
}
