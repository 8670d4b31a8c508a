//! The faults that `scripts/mutate` plants can still be planted: what each replaces stands exactly once in its file.

use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutations {
    mutation: Vec<Mutation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutation {
    file: String,
    fault: String,
    from: String,
    to: String,
    survives: Option<String>,
}

#[test]
fn every_fault_can_be_planted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Mutations { mutation: mutations } = toml::from_str(include_str!("mutations.toml")).unwrap();
    for Mutation { file, fault, from, to, .. } in &mutations {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        assert_eq!(text.matches(from.as_str()).count(), 1, "{file}: {fault}: {from:?}");
        assert_ne!(from, to, "{file}: {fault}");
    }
    let seen = mutations.iter().filter(|mutation| mutation.survives.is_none()).count();
    assert!(seen >= 30, "{seen}");
}

#[test]
fn every_shader_has_a_fault() {
    let Mutations { mutation: mutations } = toml::from_str(include_str!("mutations.toml")).unwrap();
    for kernel in diabolo::kernels::ALL {
        let file = format!("shaders/{}.wgsl", kernel.interface.name);
        assert!(mutations.iter().any(|mutation| mutation.file == file), "{file}");
    }
}
