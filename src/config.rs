//! What a run is to do: presets, configuration files and `--set`, checked before anything is begun.

mod error;
mod keys;

pub use error::ConfigError;

use crate::model::{Layer, Network};
use crate::reference::{Activation, Adam, Loss};
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

/// The presets, by name.
pub const PRESETS: [(&str, &str); 1] = [("dense", include_str!("../presets/dense.toml"))];

/// The largest batch: each sample is a workgroup, and an axis has 65,535.
const MAXIMUM_BATCH_SIZE: usize = 65_535;

/// The most units of a layer, far above any sense: on a 64-bit host the weights between two layers can always be counted.
/// Whether a network fits an adapter shows when it is lowered.
const MAXIMUM_UNITS: usize = 1 << 20;

/// The largest seed: TOML's integers are signed.
const MAXIMUM_SEED: u64 = i64::MAX as u64;

impl Config {
    /// The configuration that a preset or a file (`….toml`) gives under some assignments `KEY=VALUE`, not yet validated.
    ///
    /// A key that the file leaves out has the preset `dense`'s value.
    ///
    /// # Errors
    /// There is no such preset or file, it is not TOML, or it or an assignment has an unknown key or a value of another
    /// kind than the key takes.
    pub fn load(preset_or_file: &str, assignments: &[String]) -> Result<Self, ConfigError> {
        let complete = complete_preset()?;
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
        keys::check_table(&place, &own, &complete)?;
        let mut merged = merge(complete.clone(), own);
        for assignment in assignments {
            let (path, value) = parse_assignment(assignment)?;
            keys::check("--set", &path, &value, &complete)?;
            merged = merge(merged, nested(path, value));
        }
        let place = if assignments.is_empty() { place } else { format!("{place} with --set") };
        Self::from_table(&place, merged)
    }

    /// Reads a run's own `config.toml`, which leaves nothing out.
    ///
    /// # Errors
    /// `text` is not TOML, has an unknown key, lacks one, or has a value that cannot be; `place` says where it came from.
    pub fn from_toml(place: &str, text: &str) -> Result<Self, ConfigError> {
        let table = parse(place, text)?;
        keys::check_table(place, &table, &complete_preset()?)?;
        let config = Self::from_table(place, table)?;
        config.validate()?;
        Ok(config)
    }

    /// The text of `config.toml`.
    ///
    /// # Errors
    /// A value has no form in TOML; none that [`validate`](Self::validate) accepts is such.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string(self).map_err(|error| ConfigError::Unwritable(one_line(&error.to_string())))
    }

    /// The network for images of `pixels` values.
    pub fn network(&self, pixels: usize) -> Network {
        let NetworkConfig { encoder, decoder, output_activation } = &self.network;
        Network::autoencoder(pixels, encoder, decoder, *output_activation)
    }

    /// Refuses values that cannot be, among them numbers that the GPU's f32 cannot hold.
    ///
    /// # Errors
    /// Names the first such value and what it must be.
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
        for (key, value) in
            [("optimizer.learning_rate", optimizer.learning_rate), ("optimizer.epsilon", optimizer.epsilon)]
        {
            let in_range = (value as f32).is_normal() && value > 0.0;
            let must = || format!("a positive number that f32 holds, from {:e} to {:e}", f32::MIN_POSITIVE, f32::MAX);
            require(key, in_range, must, format_args!("{value:?}"))?;
        }
        for (key, beta) in [("optimizer.beta1", optimizer.beta1), ("optimizer.beta2", optimizer.beta2)] {
            let in_range = beta >= 0.0 && (beta as f32) < 1.0;
            let must = || format!("at least 0 and below 1 (in f32, at most {})", 1.0f32.next_down());
            require(key, in_range, must, format_args!("{beta:?}"))?;
        }
        let batch_size = training.batch_size;
        let in_range = (1..=MAXIMUM_BATCH_SIZE).contains(&batch_size);
        require("training.batch_size", in_range, || format!("between 1 and {MAXIMUM_BATCH_SIZE}"), batch_size)?;
        require("training.epochs", training.epochs > 0, || "at least 1".into(), training.epochs)?;
        let seed = training.seed;
        require("training.seed", seed <= MAXIMUM_SEED, || format!("at most {MAXIMUM_SEED}"), seed)
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

/// The preset `dense`, which has every key.
fn complete_preset() -> Result<Table, ConfigError> {
    parse("the preset dense", PRESETS[0].1)
}

fn preset_text(wanted: &str) -> Result<&'static str, ConfigError> {
    let known: Vec<String> = PRESETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    PRESETS.iter().find(|(name, _)| *name == wanted).map(|(_, text)| *text).ok_or_else(|| ConfigError::UnknownPreset {
        nearest: keys::most_alike(known.clone(), |name| strsim::jaro_winkler(wanted, name)),
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

/// The parts of the key and the value of `KEY=VALUE`; a value that is not TOML is taken as a string.
fn parse_assignment(assignment: &str) -> Result<(Vec<String>, Value), ConfigError> {
    let invalid = || ConfigError::Assignment(assignment.to_owned());
    let (key, text) = assignment.split_once('=').ok_or_else(invalid)?;
    let path: Vec<String> = key.split('.').map(|part| part.trim().to_owned()).collect();
    if path.iter().any(String::is_empty) {
        return Err(invalid());
    }
    // After a line break, `text` could go on with keys of its own.
    let mut table = format!("value = {text}").parse::<Table>().unwrap_or_default();
    let value = table.remove("value").filter(|_| table.is_empty());
    Ok((path, value.unwrap_or_else(|| Value::String(text.to_owned()))))
}

/// Tables within tables that hold `value` at `path`.
fn nested(path: Vec<String>, value: Value) -> Table {
    let mut parts = path.into_iter().rev();
    let innermost = parts.next().map(|last| Table::from_iter([(last, value)])).unwrap_or_default();
    parts.fold(innermost, |table, part| Table::from_iter([(part, Value::Table(table))]))
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

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            assert_eq!(Config::from_toml("config.toml", &config.to_toml().unwrap()).unwrap(), config);
        }
    }

    #[test]
    fn the_first_preset_has_every_key() {
        let complete = complete_preset().unwrap();
        Config::from_table("the preset dense", complete.clone()).unwrap();
        let written = Config::load("dense", &[]).unwrap().to_toml().unwrap();
        keys::check_table("config.toml", &written.parse().unwrap(), &complete).unwrap();
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
    fn numbers_that_f32_cannot_hold_are_refused() {
        for (key, values) in [
            ("optimizer.learning_rate", ["1e39", "1e-46", "1e-39", "-1e-3", "inf"]),
            ("optimizer.epsilon", ["1e39", "1e-46", "1e-39", "-1e-7", "nan"]),
            ("optimizer.beta1", ["0.99999999999", "-1e-50", "inf", "nan", "1"]),
            ("optimizer.beta2", ["0.99999999999", "-1e-50", "inf", "nan", "1"]),
        ] {
            for value in values {
                let message = error("dense", &[&format!("{key}={value}")]);
                assert!(message.starts_with(&format!("{key} must be ")), "{value}: {message}");
            }
        }
        let message = error("dense", &["optimizer.learning_rate=1e39"]);
        assert!(message.ends_with("from 1.1754944e-38 to 3.4028235e38, but is 1e39"), "{message}");
        let message = error("dense", &["optimizer.beta1=0.99999999999"]);
        assert!(
            message.ends_with("at least 0 and below 1 (in f32, at most 0.99999994), but is 0.99999999999"),
            "{message}"
        );
    }

    #[test]
    fn the_seed_is_one_that_toml_can_hold() {
        let mut config = Config::load("dense", &["training.seed=9223372036854775807".to_owned()]).unwrap();
        config.validate().unwrap();
        assert_eq!(Config::from_toml("config.toml", &config.to_toml().unwrap()).unwrap(), config);
        config.training.seed += 1;
        assert_eq!(
            config.validate().unwrap_err().to_string(),
            "training.seed must be at most 9223372036854775807, but is 9223372036854775808"
        );
    }

    #[test]
    fn an_assignment_sets_one_key_only() {
        let (path, value) = parse_assignment("training . seed = 3 # comment").unwrap();
        assert_eq!((path, value), (vec!["training".to_owned(), "seed".to_owned()], Value::Integer(3)));
        for text in ["3\n[x]", "3\nx = 4", "\n[value]"] {
            let (_, value) = parse_assignment(&format!("training.epochs={text}")).unwrap();
            assert_eq!(value, Value::String(text.to_owned()));
        }
        assert_eq!(
            error("dense", &["training.epochs=3\n[x]"]),
            r#"--set: training.epochs must be a whole number, not the string "3\n[x]""#
        );
    }

    #[test]
    fn an_error_of_a_value_is_one_line_that_names_the_key() {
        for (assignment, key) in [
            ("training.seed=x", "training.seed"),
            ("training.seed=-1", "training.seed"),
            ("training.epochs=5000000000", "training.epochs"),
            ("loss=[\"bce\"]", "loss"),
            ("loss=\"b\\u001bc\\ne\"", "loss"),
            ("network.decoder=[3]", "network.decoder"),
            ("network.decoder=[{units=-1, activation=\"relu\"}]", "network.decoder.units"),
        ] {
            let message = error("dense", &[assignment]);
            assert!(message.contains(key) && !message.contains(char::is_control), "{assignment}: {message:?}");
        }
        let missing = Config::load("dense", &[]).unwrap().to_toml().unwrap().replace("seed = 1\n", "");
        let message = Config::from_toml("config.toml", &missing).unwrap_err().to_string();
        assert_eq!(message, "config.toml: missing field `seed` in `training`");
    }

    #[test]
    fn a_key_of_very_many_parts_is_refused() {
        let assignment = format!("{}b=1", "a.".repeat(60_000));
        assert!(error("dense", &[&assignment]).starts_with("--set: unknown key 'a.a."));
        let assignment = format!("training.seed{}=1", ".a".repeat(60_000));
        assert_eq!(error("dense", &[&assignment]), "--set: training.seed must be a whole number, not a table");
    }

    const KEYS: [&str; 12] = [
        "loss",
        "data",
        "data.source",
        "network.encoder",
        "network.output_activation",
        "optimizer",
        "optimizer.learning_rate",
        "optimizer.beta2",
        "training",
        "training.batch_size",
        "training.seed",
        "training.x",
    ];

    proptest! {
        #[test]
        fn an_assignment_gives_a_configuration_that_can_be_read_again_or_one_line(
            key in prop_oneof![prop::sample::select(&KEYS[..]).prop_map(str::to_owned), any::<String>()],
            value in prop_oneof![
                any::<String>(),
                any::<i64>().prop_map(|number| number.to_string()),
                any::<f64>().prop_map(|number| format!("{number:?}")),
                any::<String>().prop_map(|text| Value::String(text).to_string()),
                "[\\[{][a-z0-9={} \n\"]{0,12}[\\]}]",
            ],
        ) {
            let loaded = Config::load("dense", &[format!("{key}={value}")]);
            match loaded.and_then(|config| config.validate().map(|()| config)) {
                Ok(config) => {
                    let text = config.to_toml().unwrap();
                    prop_assert_eq!(Config::from_toml("config.toml", &text), Ok(config), "{}", text);
                }
                Err(error) => prop_assert!(!error.to_string().contains(char::is_control), "{:?}", error.to_string()),
            }
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
