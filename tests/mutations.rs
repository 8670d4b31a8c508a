//! The faults that `scripts/mutate` plants can still be planted: what each replaces stands exactly once in its file.

use serde::Deserialize;
use std::fs;
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

fn mutations() -> Vec<Mutation> {
    let Mutations { mutation } = toml::from_str(include_str!("mutations.toml")).unwrap();
    mutation
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_fault_can_be_planted() {
    for Mutation { file, fault, from, to, survives } in mutations() {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        assert_eq!(text.matches(from.as_str()).count(), 1, "{file}: {fault}: {from:?}");
        assert_ne!(from, to, "{file}: {fault}");
        // What cannot be seen is argued.
        assert!(survives.is_none_or(|reason| reason.trim().len() > 40), "{file}: {fault}");
    }
}

/// Those of kernels, and what they import.
#[test]
fn every_shader_has_a_fault_that_is_seen() {
    let seen: Vec<String> =
        mutations().into_iter().filter(|mutation| mutation.survives.is_none()).map(|mutation| mutation.file).collect();
    let mut shaders = 0;
    for folder in ["shaders", "shaders/lib"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".wgsl") {
                let file = format!("{folder}/{name}");
                assert!(seen.contains(&file), "{file}");
                shaders += 1;
            }
        }
    }
    assert!(shaders > diabolo::kernels::ALL.len(), "{shaders}");
}
