//! What a run is to do: presets, configuration files and `--set`, checked before anything is begun.

use crate::model::{Adam, Layer, Network};
use crate::reference::{Activation, Loss};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// A run's whole configuration, as `config.toml` holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub loss: Loss,
    pub data: DataConfig,
    pub network: NetworkConfig,
    pub optimizer: Adam,
    pub training: TrainingConfig,
}

/// What to learn from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// A known data set or a path, as [`crate::data::load`] takes it.
    pub source: String,
}

/// The layers between an image and its reconstruction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    pub encoder: Vec<Layer>,
    pub decoder: Vec<Layer>,
    pub output_activation: Activation,
}

/// How long and in what portions to train.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    pub batch_size: usize,
    pub epochs: u32,
    pub seed: u64,
}

/// What is wrong with a configuration, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("unknown preset '{wanted}'{}; presets are: {}. A file of your own is named with its ending .toml", suggestion(nearest), known.join(", "))]
    UnknownPreset { wanted: String, nearest: Option<String>, known: Vec<String> },
    #[error("cannot read {path}: {reason}")]
    Unreadable { path: String, reason: String },
    #[error("{place}: {reason}")]
    Syntax { place: String, reason: String },
    #[error("{place}: unknown key '{key}'{}", suggestion(nearest))]
    UnknownKey { place: String, key: String, nearest: Option<String> },
    #[error("--set needs KEY=VALUE, for example --set training.epochs=3, not '{0}'")]
    Assignment(String),
    #[error("{key} must be {must}, but is {found}")]
    Value { key: &'static str, must: String, found: String },
}

fn suggestion(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |nearest| format!(": did you mean '{nearest}'?"))
}

/// The presets, by name.
pub const PRESETS: [(&str, &str); 1] = [("dense", include_str!("../presets/dense.toml"))];

/// The largest batch: each sample is a workgroup, and an axis has 65,535.
const MAXIMUM_BATCH_SIZE: usize = 65_535;

/// The most units of a layer, far above any sense: it keeps products of two widths from overflowing.
const MAXIMUM_UNITS: usize = 1 << 20;

impl Config {
    /// The configuration that a preset or a file (`….toml`) gives under some assignments `KEY=VALUE`, not yet validated.
    ///
    /// A key that the file leaves out has the preset `dense`'s value.
    pub fn load(preset_or_file: &str, assignments: &[String]) -> Result<Self, ConfigError> {
        let base = parse("the preset dense", PRESETS[0].1)?;
        let known = leaf_keys(&base);
        let (place, own) = if preset_or_file.ends_with(".toml") {
            let text = std::fs::read_to_string(preset_or_file).map_err(|error| ConfigError::Unreadable {
                path: preset_or_file.to_owned(),
                reason: error.to_string(),
            })?;
            (preset_or_file.to_owned(), parse(preset_or_file, &text)?)
        } else {
            let place = format!("the preset {preset_or_file}");
            let table = parse(&place, preset_text(preset_or_file)?)?;
            (place, table)
        };
        refuse_unknown_keys(&place, &own, &known)?;
        let mut merged = merge(base, own);
        for assignment in assignments {
            let own = parse_assignment(assignment)?;
            refuse_unknown_keys("--set", &own, &known)?;
            merged = merge(merged, own);
        }
        let place = if assignments.is_empty() { place } else { format!("{place} with --set") };
        Self::from_table(&place, merged)
    }

    /// Reads a run's own `config.toml`, which leaves nothing out.
    pub fn from_toml(place: &str, text: &str) -> Result<Self, ConfigError> {
        let table = parse(place, text)?;
        let config = Self::from_table(place, table)?;
        config.validate()?;
        Ok(config)
    }

    /// The text of `config.toml`.
    pub fn to_toml(&self) -> String {
        // Plain data of numbers, words and lists always has a TOML form.
        toml::to_string(self).unwrap_or_default()
    }

    /// The network for images of `pixels` values.
    pub fn network(&self, pixels: usize) -> Network {
        let NetworkConfig { encoder, decoder, output_activation } = &self.network;
        Network::autoencoder(pixels, encoder, decoder, *output_activation)
    }

    /// Refuses values that cannot be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let Self { loss, network, optimizer, training, .. } = self;
        require(
            "network.encoder",
            !network.encoder.is_empty(),
            || "a list of at least one layer, the last of which gives the code".into(),
            "empty",
        )?;
        for layer in network.encoder.iter().chain(&network.decoder) {
            let in_range = (1..=MAXIMUM_UNITS).contains(&layer.units);
            require("units of a layer", in_range, || format!("between 1 and {MAXIMUM_UNITS}"), layer.units)?;
        }
        let outputs: Vec<&str> = loss.outputs().iter().map(|output| output.name()).collect();
        require(
            "network.output_activation",
            loss.outputs().contains(&network.output_activation),
            || format!("{} for the loss \"{}\"", outputs.join(", "), loss.name()),
            network.output_activation.name(),
        )?;
        let rate = optimizer.learning_rate;
        require("optimizer.learning_rate", rate.is_finite() && rate > 0.0, || "a positive number".into(), rate)?;
        for (key, beta) in [("optimizer.beta1", optimizer.beta1), ("optimizer.beta2", optimizer.beta2)] {
            require(key, (0.0..1.0).contains(&beta), || "at least 0 and below 1".into(), beta)?;
        }
        let epsilon = optimizer.epsilon;
        // Below f32's smallest normal number it would be zero on the GPU.
        let positive = epsilon.is_finite() && epsilon >= f64::from(f32::MIN_POSITIVE);
        require("optimizer.epsilon", positive, || "a positive number".into(), epsilon)?;
        let batch_size = training.batch_size;
        let in_range = (1..=MAXIMUM_BATCH_SIZE).contains(&batch_size);
        require("training.batch_size", in_range, || format!("between 1 and {MAXIMUM_BATCH_SIZE}"), batch_size)?;
        require("training.epochs", training.epochs > 0, || "at least 1".into(), training.epochs)
    }

    fn from_table(place: &str, table: Table) -> Result<Self, ConfigError> {
        Value::Table(table).try_into().map_err(|error: toml::de::Error| ConfigError::Syntax {
            place: place.to_owned(),
            reason: one_line(&error.to_string()),
        })
    }
}

fn require(
    key: &'static str,
    holds: bool,
    must: impl FnOnce() -> String,
    found: impl std::fmt::Display,
) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::Value { key, must: must(), found: found.to_string() }) }
}

fn preset_text(wanted: &str) -> Result<&'static str, ConfigError> {
    let known: Vec<String> = PRESETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    PRESETS.iter().find(|(name, _)| *name == wanted).map(|(_, text)| *text).ok_or_else(|| ConfigError::UnknownPreset {
        nearest: nearest(wanted, &known),
        wanted: wanted.to_owned(),
        known,
    })
}

fn parse(place: &str, text: &str) -> Result<Table, ConfigError> {
    text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        ConfigError::Syntax { place: format!("{place}:{line}:{column}"), reason: one_line(error.message()) }
    })
}

/// `KEY=VALUE` as a table; a value that is not TOML is taken as a word.
fn parse_assignment(assignment: &str) -> Result<Table, ConfigError> {
    let (key, value) = assignment.split_once('=').ok_or_else(|| ConfigError::Assignment(assignment.to_owned()))?;
    let key = key.trim();
    let value = format!("value = {value}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(value.to_owned()));
    if key.split('.').any(str::is_empty) {
        return Err(ConfigError::Assignment(assignment.to_owned()));
    }
    let nested = key.rsplit('.').fold(value, |value, part| Value::Table(Table::from_iter([(part.to_owned(), value)])));
    match nested {
        Value::Table(table) => Ok(table),
        _ => Err(ConfigError::Assignment(assignment.to_owned())),
    }
}

/// `over`'s values in the place of `base`'s, table by table.
fn merge(mut base: Table, over: Table) -> Table {
    for (key, value) in over {
        let merged = match (base.remove(&key), value) {
            (Some(Value::Table(inner)), Value::Table(over)) => Value::Table(merge(inner, over)),
            (_, value) => value,
        };
        base.insert(key, merged);
    }
    base
}

/// Every dotted key of a table that is not itself a table.
fn leaf_keys(table: &Table) -> Vec<String> {
    let leaves = |(key, value): (&String, &Value)| match value {
        Value::Table(inner) => leaf_keys(inner).into_iter().map(|leaf| format!("{key}.{leaf}")).collect(),
        _ => vec![key.clone()],
    };
    table.iter().flat_map(leaves).collect()
}

fn refuse_unknown_keys(place: &str, table: &Table, known: &[String]) -> Result<(), ConfigError> {
    match leaf_keys(table).into_iter().find(|key| !known.contains(key)) {
        None => Ok(()),
        Some(key) => Err(ConfigError::UnknownKey { place: place.to_owned(), nearest: nearest(&key, known), key }),
    }
}

/// The known word that resembles `wanted` most, if any does. The last part of a dotted key counts too: `epochs` is near
/// `training.epochs`.
fn nearest(wanted: &str, known: &[String]) -> Option<String> {
    let likeness = |word: &String| {
        let last_part = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
        strsim::jaro_winkler(wanted, word).max(strsim::jaro_winkler(&last_part(wanted), &last_part(word)))
    };
    let best = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.75).then(|| best.clone())
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(preset: &str, assignments: &[&str]) -> String {
        let assignments: Vec<String> = assignments.iter().map(|word| (*word).to_owned()).collect();
        match Config::load(preset, &assignments).and_then(|config| config.validate().map(|()| config)) {
            Ok(config) => panic!("accepted as {config:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_preset_is_valid_and_survives_the_round_trip() {
        for (name, _) in PRESETS {
            let config = Config::load(name, &[]).unwrap();
            config.validate().unwrap();
            assert_eq!(Config::from_toml("config.toml", &config.to_toml()).unwrap(), config);
        }
    }

    #[test]
    fn assignments_replace_values_of_any_kind() {
        let assignments = [
            "training.epochs=3",
            "optimizer.learning_rate=0.01",
            "data.source=my/pictures",
            "network.encoder=[{units=2, activation=\"tanh\"}]",
        ];
        let config = Config::load("dense", &assignments.map(str::to_owned)).unwrap();
        assert_eq!(config.training.epochs, 3);
        assert_eq!(config.optimizer.learning_rate, 0.01);
        assert_eq!(config.data.source, "my/pictures");
        assert_eq!(config.network.encoder, [Layer { units: 2, activation: Activation::Tanh }]);
    }

    #[test]
    fn a_mistake_is_met_with_the_nearest_word() {
        assert!(error("dens", &[]).contains("unknown preset 'dens': did you mean 'dense'?"));
        assert!(error("dense", &["training.epoch=3"]).contains("did you mean 'training.epochs'?"));
        assert!(error("dense", &["batch_size=3"]).contains("did you mean 'training.batch_size'?"));
        assert!(error("dense", &["training.seed"]).contains("KEY=VALUE"));
        assert!(error("dense", &["training.=3"]).contains("KEY=VALUE"));
    }

    #[test]
    fn values_that_cannot_be_are_refused() {
        for (assignment, part) in [
            ("training.epochs=0", "training.epochs must be at least 1, but is 0"),
            ("training.batch_size=0", "between 1 and 65535, but is 0"),
            ("training.batch_size=-3", "-3"),
            ("optimizer.learning_rate=nan", "a positive number"),
            ("optimizer.beta1=1.0", "below 1"),
            ("optimizer.epsilon=0.0", "positive"),
            ("network.encoder=[]", "at least one layer"),
            ("network.encoder=[{units=0, activation=\"relu\"}]", "units of a layer must be between 1"),
            ("network.encoder=[{units=1, activation=\"relo\"}]", "relo"),
            ("network.encoder=[{unit=1, activation=\"relu\"}]", "unit"),
            ("network.output_activation=relu", "must be sigmoid for the loss \"bce\""),
            ("training.seed=x", "seed"),
            ("training=1", "training"),
        ] {
            let message = error("dense", &[assignment]);
            assert!(message.contains(part) && !message.contains('\n'), "{assignment}: {message}");
        }
    }

    #[test]
    fn a_file_is_read_over_the_preset_and_its_mistakes_have_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.toml");
        let own = path.to_str().unwrap();
        std::fs::write(&path, "[training]\nepochs = 2\n").unwrap();
        assert_eq!(Config::load(own, &[]).unwrap().training.epochs, 2);
        std::fs::write(&path, "[training]\nepochs = = 2\n").unwrap();
        assert!(error(own, &[]).contains("own.toml:2:10"));
        std::fs::write(&path, "[training]\nepoks = 2\n").unwrap();
        assert!(error(own, &[]).contains("did you mean 'training.epochs'?"));
        assert!(error("missing.toml", &[]).contains("cannot read missing.toml"));
    }
}
