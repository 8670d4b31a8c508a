//! `diabolo train`: a run from its configuration to its pictures.

use super::output::{counted_classes, line};
use super::refusals::check_output_directory;
use super::{GpuArguments, MemoryArguments};
use crate::config::{Config, TrainingConfig};
use crate::data::{self, ClassLimit, Dataset, Split};
use crate::error::{Error, INTERRUPTED};
use crate::gpu::Gpu;
use crate::model::Dense;
use crate::program::Plan;
use crate::reference::Balancing;
use crate::report::checklist::Checklist;
use crate::report::progress::Verbosity;
use crate::report::table::{Align, TextTable, thousands};
use crate::train::{self, Destination, OnDivergence, RunDirectory, RunOptions};
use crate::tune::{Cache, Tuner};
use clap::Args;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::{register, register_conditional_shutdown};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Train an autoencoder and keep the model, its errors and its pictures in a run directory
#[derive(Args)]
pub struct Arguments {
    /// A preset, as 'diabolo presets' lists them, or a file of your own in the same language (….toml)
    ///
    /// dense if left out; with --resume, what the run was begun with
    #[arg(value_name = "PRESET|FILE.toml")]
    preset: Option<String>,
    /// Data to learn from: glyphs (drawn by the program), mnist, fashion-mnist, a folder of images (one folder for each class, or
    /// none) or of IDX files, an .npy or a .csv file
    #[arg(long)]
    data: Option<String>,
    /// Take the images of this class only, of the training and of the test images; as data.only
    #[arg(long, value_name = "CLASS")]
    only: Option<String>,
    /// Use so many training images of a class at most, for example 8=58; as data.limit
    #[arg(long = "limit", value_name = "CLASS=COUNT")]
    limits: Vec<ClassLimit>,
    /// What to do about rare classes: weights (an image's loss counts as much as its class is rare), or sampling (images are drawn class by
    /// class); as training.balance
    #[arg(long, value_name = "none|weights|sampling")]
    balance: Option<Balancing>,
    /// How much each training image counts in the loss: an .npy file of floats or a .csv file of one column; as data.weights
    #[arg(long, value_name = "FILE")]
    sample_weights: Option<String>,
    /// How often to take every training image
    #[arg(long)]
    epochs: Option<u32>,
    /// Images in a step, or all training images where there are fewer
    #[arg(long)]
    batch: Option<usize>,
    /// Initial weights and the order of the images follow from it
    #[arg(long)]
    seed: Option<u64>,
    /// The run directory, which must be new or empty; runs/PRESET-DATA-NUMBER if left out
    #[arg(short, long, visible_alias = "out", value_name = "DIRECTORY")]
    output: Option<PathBuf>,
    /// Go on with the run in --output where it was stopped, or begin it if nothing is there
    ///
    /// The model becomes the one that it would have become, byte for byte, on the same adapter. The run's configuration is taken; only
    /// epochs, patience, optimizer.learning_rate and checkpoint.… may be others
    #[arg(long, requires = "output")]
    resume: bool,
    /// Replace any value of the configuration, for example optimizer.learning_rate=0.003
    #[arg(long = "set", value_name = "KEY=VALUE")]
    assignments: Vec<String>,
    /// What to do when a loss, a gradient or a parameter is not finite any more: end the run, or go back to its newest checkpoint and on
    /// with half the learning rate, five times at most
    #[arg(long, value_name = "stop|rollback", value_parser = on_nan, default_value = "stop")]
    on_nan: OnDivergence,
    /// Take the plan that usually suits the adapter, rather than what 'diabolo tune' has found or, before a long training, would find
    #[arg(long)]
    no_tune: bool,
    /// Print nothing but errors
    #[arg(long)]
    pub(super) quiet: bool,
    #[command(flatten)]
    memory: MemoryArguments,
    #[command(flatten)]
    gpu: GpuArguments,
}

/// What is trained if nothing is said.
const DEFAULT_PRESET: &str = "dense";

const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let interruption = Interruption::before_training()?;
    let resumed = match &arguments.output {
        Some(path) if arguments.resume => RunDirectory::resume(path)?,
        _ => None,
    };
    let begun =
        resumed.as_ref().map(|directory| Config::load(&directory.config().to_string_lossy(), &[])).transpose()?;
    let config = configuration(arguments, resumed.as_ref())?;
    if let Some(begun) = &begun {
        // Whether the batches are as they were follows from the images.
        let TrainingConfig { batch_size, .. } = begun.training;
        Config { training: TrainingConfig { batch_size, ..config.training }, ..config.clone() }.check_resumes(begun)?;
    }
    let preset = arguments.preset.as_deref().unwrap_or(DEFAULT_PRESET);
    let destination = match (resumed, &arguments.output) {
        (Some(directory), _) => Destination::Existing(directory),
        (None, Some(path)) => Destination::Named(path.clone()),
        (None, None) => Destination::Numbered(run_name(preset, &config.data.source)),
    };
    destination.check()?;
    if begun.is_none() {
        check_output_directory(destination.folder(), &config.data)?;
    }
    let gpu = arguments.gpu.open()?;
    let dataset = arguments.memory.load_to_train(&config.data)?;
    // A run's batches are as they were begun, whatever has become of its images.
    let config = config.fitted_to(dataset.split(Split::Train)?.len(), begun.as_ref())?;
    if let Some(begun) = begun {
        config.check_resumes(&begun)?;
    }
    let verbosity = if arguments.quiet { Verbosity::Quiet } else { Verbosity::Normal };
    if !arguments.quiet {
        introduce(&gpu, &config, &dataset)?;
    }
    // What was begun with more images than there are now is refused, and not tuned before.
    let is_refused = config.training.batch_size > dataset.train().len();
    let plan =
        if arguments.no_tune || is_refused { None } else { Some(tuned(&gpu, &config, &dataset, arguments.quiet)?) };
    let stop = interruption.in_training()?;
    let options = RunOptions { verbosity, on_divergence: arguments.on_nan, plan, stop: &stop };
    let directory = train::run(&gpu, &config, &dataset, &destination, options)?;
    if arguments.quiet {
        return Ok(());
    }
    line(format_args!("\nmodel            {}", directory.model().display()))?;
    line(format_args!("reconstructions  {}", directory.reconstructions().display()))?;
    line(format_args!("losses           {}", directory.loss_plot().display()))
}

/// The plan that earlier runs found fastest, or that this one finds so if it is long enough to gain by it.
fn tuned(gpu: &Gpu, config: &Config, dataset: &Dataset, is_quiet: bool) -> Result<Plan, Error> {
    let images = dataset.split(Split::Train)?;
    let steps = u64::from(config.training.epochs) * images.len().div_ceil(config.training.batch_size) as u64;
    let checklist = (!is_quiet).then(Checklist::new);
    let tuning = Tuner::new(gpu, config, images)?.for_training(&Cache::of_user(), steps, |done, of, next| {
        if let Some(checklist) = &checklist {
            checklist.advance(done, of, next);
        }
    })?;
    if let Some(checklist) = checklist {
        checklist.finish();
        let measured = tuning.step_seconds().map(|seconds| format!(": {:.0} µs a step when tried", seconds * 1e6));
        line(format_args!("plan     {}{}\n", tuning.plan.name(), measured.unwrap_or_default()))?;
    }
    Ok(tuning.plan)
}

fn on_nan(text: &str) -> Result<OnDivergence, &'static str> {
    match text {
        "stop" => Ok(OnDivergence::Stop),
        "rollback" => Ok(OnDivergence::RollBack),
        _ => Err("it is stop or rollback"),
    }
}

/// SIGINT and SIGTERM: before the training, they end the process; in it, the first one stops it, and the second one ends the process at once,
/// when what is being written is a temporary file.
struct Interruption {
    is_at_once: Arc<AtomicBool>,
}

impl Interruption {
    fn before_training() -> Result<Self, Error> {
        let is_at_once = Arc::new(AtomicBool::new(true));
        for signal in SIGNALS {
            register_conditional_shutdown(signal, INTERRUPTED.into(), is_at_once.clone()).map_err(unheard)?;
        }
        Ok(Self { is_at_once })
    }

    /// What the first signal sets from now on.
    fn in_training(self) -> Result<Arc<AtomicBool>, Error> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in SIGNALS {
            // Behind the shutdown, so that the first signal does not find the flag set by itself.
            register(signal, self.is_at_once.clone()).and_then(|_| register(signal, stop.clone())).map_err(unheard)?;
        }
        self.is_at_once.store(false, Ordering::Relaxed);
        Ok(stop)
    }
}

fn unheard(error: io::Error) -> Error {
    Error::Usage(format!("signals cannot be waited for: {error}"))
}

/// The preset or file under the arguments, or what the run to go on with has in the place of a preset; its own flags win over `--set`.
fn configuration(arguments: &Arguments, resumed: Option<&RunDirectory>) -> Result<Config, Error> {
    let mut config = match (&arguments.preset, resumed) {
        (None, Some(directory)) => Config::load(&directory.config().to_string_lossy(), &arguments.assignments)?,
        (preset, _) => Config::load(preset.as_deref().unwrap_or(DEFAULT_PRESET), &arguments.assignments)?,
    };
    if let Some(source) = &arguments.data {
        config.data.source.clone_from(source);
    }
    if let Some(class) = &arguments.only {
        config.data.only.clone_from(class);
    }
    if !arguments.limits.is_empty() {
        config.data.limit.clone_from(&arguments.limits);
    }
    if let Some(weights) = &arguments.sample_weights {
        config.data.weights.clone_from(weights);
    }
    // A run must find its data again, wherever it is looked at from.
    config.data.source = data::absolute_source(&config.data.source);
    config.data.weights = data::absolute_source(&config.data.weights);
    config.training.epochs = arguments.epochs.unwrap_or(config.training.epochs);
    config.training.batch_size = arguments.batch.unwrap_or(config.training.batch_size);
    config.training.seed = arguments.seed.unwrap_or(config.training.seed);
    config.training.balance = arguments.balance.unwrap_or(config.training.balance);
    config.validate()?;
    Ok(config)
}

/// `dense-mnist` for the preset dense on mnist; of paths only the last part counts.
fn run_name(preset: &str, source: &str) -> String {
    let last_part =
        |text: &str| Path::new(text).file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into());
    format!("{}-{}", last_part(preset), last_part(source).replace(':', "-"))
}

fn introduce(gpu: &Gpu, config: &Config, dataset: &Dataset) -> Result<(), Error> {
    let network = config.network(dataset.shape().pixels());
    line(format_args!("adapter  {}", gpu.adapter().described()))?;
    line(format_args!(
        "data     {}: {} training and {} test images of {}{}",
        dataset.name(),
        thousands(dataset.train().len() as u64),
        thousands(dataset.test().len() as u64),
        dataset.shape(),
        dataset.class_names().map(|names| format!(" in {}", counted_classes(names.len()))).unwrap_or_default(),
    ))?;
    let (layers, pretraining) = (config.network.encoder.len(), config.pretraining.epochs);
    let before = (pretraining > 0).then(|| format!("{layers} × {pretraining} epochs of pre-training, "));
    line(format_args!(
        "loss     {}, batches of {}{}, {}{} epochs, seed {}\n",
        config.loss,
        config.training.batch_size,
        match config.training.balance {
            Balancing::None => "",
            Balancing::Weights => " weighted by class",
            Balancing::Sampling => " drawn class by class",
        },
        before.unwrap_or_default(),
        config.training.epochs,
        config.training.seed,
    ))?;
    let mut table = TextTable::new([
        ("layer", Align::Left),
        ("shape", Align::Left),
        ("activation", Align::Left),
        ("parameters", Align::Right),
    ]);
    for layer in network.layers() {
        table.push([
            layer.name.clone(),
            format!("{} → {}", layer.inputs, layer.outputs),
            properties(layer, network.layers()),
            thousands(layer.parameter_count() as u64),
        ]);
    }
    table.push(["total".into(), String::new(), String::new(), thousands(network.parameter_count() as u64)]);
    line(format_args!("{table}\n"))
}

/// A layer's activation and whatever else it has of its own, for people.
fn properties(layer: &Dense, layers: &[Dense]) -> String {
    let Dense { name: _, inputs: _, outputs: _, activation, learning_rate_factor, dropout, .. } = layer;
    let Dense { normalization, active, tied, is_variational, is_residual, .. } = layer;
    let properties = [
        Some(activation.name().to_owned()),
        (!normalization.is_none()).then(|| format!("{} normalization", normalization.name())),
        active.map(|active| format!("the {active} largest stay")),
        (*dropout > 0.0).then(|| format!("dropout {dropout}")),
        is_residual.then(|| "residual".to_owned()),
        is_variational.then(|| "variational".to_owned()),
        tied.map(|place| format!("tied to {}", layers[place].name)),
        (*learning_rate_factor != 1.0).then(|| format!("learning rate × {learning_rate_factor}")),
    ];
    properties.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;

    #[test]
    fn the_run_directory_is_named_as_other_commands_outputs_are_or_by_out() {
        for flag in ["-o", "--output", "--out"] {
            let command = Arguments::augment_args(clap::Command::new("train"));
            let matches = command.try_get_matches_from(["train", flag, "runs/mine", "--resume"]).unwrap();
            assert_eq!(
                Arguments::from_arg_matches(&matches).unwrap().output,
                Some(PathBuf::from("runs/mine")),
                "{flag}"
            );
        }
    }

    #[test]
    fn what_a_layer_has_is_told_beside_its_activation() {
        let told = |assignments: &[&str]| {
            let assignments: Vec<String> = assignments.iter().map(|&word| word.to_owned()).collect();
            let config = Config::load("dense", &assignments).unwrap();
            config.validate().unwrap();
            let network = config.network(784);
            network.layers().iter().map(|layer| properties(layer, network.layers())).collect::<Vec<_>>()
        };
        let encoder = r#"network.encoder=[{units=64, activation="relu", normalization="layer", learning_rate_factor=0.1},
            {units=64, activation="relu", normalization="batch", dropout=0.2, residual=true}, {units=8, activation="tanh"}]"#;
        let decoder = "network.decoder=[]";
        let expected = [
            "relu, layer normalization, learning rate × 0.1",
            "relu, batch normalization, dropout 0.2, residual",
            "tanh, the 3 largest stay",
            "sigmoid",
        ];
        assert_eq!(told(&[encoder, decoder, "code.active=3"]), expected);
        let encoder = r#"network.encoder=[{units=8, activation="identity"}]"#;
        assert_eq!(told(&[encoder, decoder, "code.variational=1"]), ["identity, variational", "sigmoid"]);
        assert_eq!(told(&[encoder, decoder, "network.tied=true"]), ["identity", "sigmoid, tied to encoder.0"]);
    }

    #[test]
    fn a_run_is_named_for_its_preset_and_data() {
        assert_eq!(run_name("dense", "mnist"), "dense-mnist");
        assert_eq!(run_name("my/own.toml", "/some/pictures/"), "own-pictures");
        assert_eq!(run_name("dense", "glyphs:7"), "dense-glyphs-7");
    }
}
