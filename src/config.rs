//! What a run is to do: presets, configuration files and `--set`, checked before anything is begun.

mod data;
mod error;
mod keys;
mod network;
mod residual;
mod validation;

pub use data::DataConfig;
pub use error::ConfigError;
pub(crate) use error::printable;

use crate::model::{Additions, Initialization, Layer, Network};
use crate::reference::{
    Activation, Augmentation, Balancing, CodeSettings, Corruption, Loss, Noise, Optimizer, Schedule,
};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// A run's whole configuration, as `config.toml` holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How what the network gives is held against the image.
    pub loss: Loss,
    /// Which images to learn from.
    pub data: DataConfig,
    /// What is done to the training images, each epoch otherwise: to what the network sees and to what it is to give back.
    pub augmentation: Augmentation,
    /// What the network sees of the training images.
    pub corruption: Corruption,
    /// The layers.
    pub network: NetworkConfig,
    /// What is asked of the code.
    pub code: CodeSettings,
    /// How each layer is trained by itself before.
    pub pretraining: PretrainingConfig,
    /// The algorithm that follows the gradient.
    pub optimizer: Optimizer,
    /// The course of the learning rate.
    pub schedule: Schedule,
    /// How long and in what portions to train.
    pub training: TrainingConfig,
    /// How often the training is saved.
    pub checkpoint: CheckpointConfig,
}

/// The layers between an image and its reconstruction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// From the image to the code, which the last of them gives; at least one.
    pub encoder: Vec<Layer>,
    /// From the code to what the last layer takes, which is not among these.
    pub decoder: Vec<Layer>,
    /// Of the last layer, which gives the image back.
    pub output_activation: Activation,
    /// Whether the decoder's weights are the encoder's, transposed.
    pub tied: bool,
    /// How its weights start.
    pub initialization: Initialization,
}

/// How each layer of the encoder is trained by itself before the whole network is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainingConfig {
    /// Of each layer; 0 for no pre-training.
    pub epochs: u32,
    /// What a layer sees of what it is to give back.
    pub noise: Noise,
    /// How much of that noise; at least 0, and at most 1 of noise that replaces values.
    pub amount: f64,
    /// The weight of the contractive penalty on what a layer gives, where its activation is one of
    /// [`CONTRACTIBLE`](crate::reference::code::CONTRACTIBLE).
    pub contractive: f64,
}

impl PretrainingConfig {
    /// No pre-training.
    pub const NONE: Self = Self { epochs: 0, noise: Noise::None, amount: 0.0, contractive: 0.0 };

    /// The noise and how much of it.
    pub fn corruption(self) -> Corruption {
        Corruption { noise: self.noise, amount: self.amount }
    }
}

/// How long and in what portions to train.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Images in a step, from 1 to 65,535.
    pub batch_size: usize,
    /// How often every training image is taken; at least 1.
    pub epochs: u32,
    /// So many epochs without a smaller loss on the test images end the training, and the model is that of the best epoch; 0 for never.
    pub patience: u32,
    /// What is done about rare classes.
    pub balance: Balancing,
    /// Initial weights, the order of the images and all noise follow from it; at most 2⁶³ − 1.
    pub seed: u64,
}

/// How often a training is saved beside the end of each epoch, and how much of that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointConfig {
    /// After so many steps; 0 for never.
    pub every_steps: u64,
    /// After so many minutes; 0 for never.
    pub every_minutes: f64,
    /// The newest so many are kept, beside the best.
    pub keep: usize,
}

impl CheckpointConfig {
    /// At the end of each epoch only, the newest alone being kept beside the best.
    pub const AT_EPOCHS: Self = Self { every_steps: 0, every_minutes: 0.0, keep: 1 };
}

/// A configuration that the program has with it.
pub struct Preset {
    /// What it is asked for by.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// Its TOML, with comments.
    pub text: &'static str,
}

/// The presets. The first has every key.
pub const PRESETS: [Preset; 8] = [
    Preset {
        name: "dense",
        about: "784-64-32-32-64-784 with ReLU: small, and trained in a minute",
        text: include_str!("../presets/dense.toml"),
    },
    Preset {
        name: "deep",
        about: "784-1000-500-250-30 and back with SiLU: Hinton & Salakhutdinov's (2006) error without pre-training",
        text: include_str!("../presets/deep.toml"),
    },
    Preset {
        name: "stacked",
        about: "784-1000-500-250-30 and back with sigmoids, each layer pre-trained by itself on codes with noise",
        text: include_str!("../presets/stacked.toml"),
    },
    Preset {
        name: "linear",
        about: "784-30-784 without activations: it finds the subspace of the principal components",
        text: include_str!("../presets/linear.toml"),
    },
    Preset {
        name: "denoising",
        about: "784-256-64-256-784 with ReLU: gives whole images back where a quarter of the pixels is missing",
        text: include_str!("../presets/denoising.toml"),
    },
    Preset {
        name: "sparse",
        about: "784-196-784 with sigmoids, each of which is to be active for a twentieth of the images",
        text: include_str!("../presets/sparse.toml"),
    },
    Preset {
        name: "contractive",
        about: "784-1000-784 with sigmoids, whose code is to change little with the image",
        text: include_str!("../presets/contractive.toml"),
    },
    Preset {
        name: "vae",
        about: "784-400-20-400-784 with ReLU and a code that is drawn: a variational autoencoder",
        text: include_str!("../presets/vae.toml"),
    },
];

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
        let merged = assign(merge(complete.clone(), own), assignments, &complete)?;
        let place = if assignments.is_empty() { place } else { format!("{place} with --set") };
        Self::from_table(&place, merged)
    }

    /// This configuration under some assignments to its `[data]`, not yet validated: what a run was, but for its images.
    ///
    /// # Errors
    /// As for the assignments of [`load`](Self::load), or one is about something else.
    pub fn with_data(&self, assignments: &[String]) -> Result<Self, ConfigError> {
        self.with_tables(assignments, &["data"])
    }

    /// The same with assignments to its `[augmentation]` as well.
    ///
    /// # Errors
    /// As for [`with_data`](Self::with_data).
    pub fn with_data_and_augmentation(&self, assignments: &[String]) -> Result<Self, ConfigError> {
        self.with_tables(assignments, &["data", "augmentation"])
    }

    /// This configuration under some assignments to some of its tables.
    fn with_tables(&self, assignments: &[String], tables: &'static [&str]) -> Result<Self, ConfigError> {
        for assignment in assignments {
            let (path, _) = parse_assignment(assignment)?;
            if path.first().is_none_or(|table| !tables.contains(&table.as_str())) {
                return Err(ConfigError::OtherTable { assignment: assignment.clone(), tables });
            }
        }
        let own = parse("the run's configuration", &self.to_toml()?)?;
        Self::from_table("the run's configuration with --set", assign(own, assignments, &complete_preset()?)?)
    }

    /// Refuses to go on under this configuration with a training that was begun under another one. How long to train, how fast, and how
    /// often to save may change.
    ///
    /// # Errors
    /// Names what else differs.
    pub fn check_resumes(&self, begun: &Self) -> Result<(), ConfigError> {
        let training =
            TrainingConfig { epochs: begun.training.epochs, patience: begun.training.patience, ..self.training };
        let optimizer = Optimizer { learning_rate: begun.optimizer.learning_rate, ..self.optimizer };
        let comparable = Self { training, optimizer, checkpoint: begun.checkpoint, ..self.clone() };
        let (now, then) = (comparable.to_toml()?, begun.to_toml()?);
        let (now, then) = (parse("the configuration", &now)?, parse("the run's configuration", &then)?);
        match keys::first_difference(&now, &then) {
            None => Ok(()),
            Some((key, now, then)) => Err(ConfigError::OtherRun { key, now, then }),
        }
    }

    /// Reads a run's own `config.toml`. A key that was not there yet when the run was made has the preset `dense`'s value, as in
    /// [`load`](Self::load): every such value leaves a training as it is without.
    ///
    /// # Errors
    /// `text` is not TOML, has an unknown key, or has a value that cannot be; `place` says where it came from.
    pub fn from_toml(place: &str, text: &str) -> Result<Self, ConfigError> {
        let (table, complete) = (parse(place, text)?, complete_preset()?);
        keys::check_table(place, &table, &complete)?;
        let config = Self::from_table(place, merge(complete, table))?;
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

    /// This configuration with batches of all training images where it would have more than these, or as many as there were when the run
    /// was `begun`.
    ///
    /// # Errors
    /// So small a batch cannot be.
    pub fn fitted_to(mut self, training_images: usize, begun: Option<&Self>) -> Result<Self, ConfigError> {
        let most = begun.map_or(training_images, |begun| begun.training.batch_size);
        if self.training.batch_size > training_images.max(most) {
            tracing::info!("batches of {most}, as there are no more training images");
            self.training.batch_size = most;
            self.validate()?;
        }
        Ok(self)
    }

    /// Epochs of the whole run, those of pre-training among them.
    pub fn all_epochs(&self) -> u32 {
        let layers = u32::try_from(self.network.encoder.len()).unwrap_or(u32::MAX);
        self.pretraining.epochs.saturating_mul(layers).saturating_add(self.training.epochs)
    }

    /// The network for images of `pixels` values.
    pub fn network(&self, pixels: usize) -> Network {
        let NetworkConfig { encoder, decoder, output_activation, .. } = &self.network;
        let network = Network::autoencoder(pixels, encoder, decoder, *output_activation).with_active(self.code.active);
        let network = if self.network.tied { network.with_tied_weights() } else { network };
        if self.code.is_variational() { network.with_variational_code() } else { network }
    }

    /// What a step of training does beside the gradient of its outputs' loss and the optimizer's update.
    pub fn additions(&self) -> Additions {
        let augmentation = Some(self.augmentation).filter(|augmentation| !augmentation.is_none());
        let draws_classes_alike = self.training.balance == Balancing::Sampling;
        let weighs = !self.data.weights.is_empty() || self.training.balance == Balancing::Weights;
        // None of the rest depends on how many values an image has.
        let additions = Additions::new(&self.optimizer, &self.code, &self.network(1));
        Additions { augmentation, draws_classes_alike, weighs, ..additions }
    }

    fn from_table(place: &str, table: Table) -> Result<Self, ConfigError> {
        let read = Value::Table(table.clone()).try_into();
        read.map_err(|error| match network::check_layers(place, &table) {
            Err(of_layer) => of_layer,
            Ok(()) => unlike(place.to_owned(), &error),
        })
    }
}

/// A value that is not what its key takes.
fn unlike(place: String, error: &toml::de::Error) -> ConfigError {
    ConfigError::Syntax { place, reason: one_line(&error.to_string()) }
}

/// The preset `dense`, which has every key.
fn complete_preset() -> Result<Table, ConfigError> {
    parse("the preset dense", PRESETS[0].text)
}

/// The TOML of a preset.
///
/// # Errors
/// There is none of this name.
pub fn preset_text(wanted: &str) -> Result<&'static str, ConfigError> {
    let known: Vec<String> = PRESETS.iter().map(|preset| preset.name.to_owned()).collect();
    PRESETS.iter().find(|preset| preset.name == wanted).map(|preset| preset.text).ok_or_else(|| {
        ConfigError::UnknownPreset {
            nearest: keys::most_alike(known.clone(), |name| strsim::jaro_winkler(wanted, name)),
            wanted: wanted.to_owned(),
            known,
        }
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

/// The table under assignments `KEY=VALUE`, whose keys and kinds of values are those of `example`.
fn assign(table: Table, assignments: &[String], example: &Table) -> Result<Table, ConfigError> {
    assignments.iter().try_fold(table, |table, assignment| {
        let (path, value) = parse_assignment(assignment)?;
        keys::check("--set", &path, &value, example)?;
        Ok(merge(table, nested(path, value)))
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
mod tests;
