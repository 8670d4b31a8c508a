//! Which values a configuration may have.

use super::{CheckpointConfig, Config, ConfigError, DataConfig, NetworkConfig, TrainingConfig};
use crate::data::{ImageSize, MAX_PIXELS};
use crate::model::Layer;
use crate::reference::augmentation::{MOST_SCALE, MOST_SHEAR};
use crate::reference::code::CONTRACTIBLE;
use crate::reference::normalization::FEWEST;
use crate::reference::{
    Activation, Augmentation, CLAMP, CodeSettings, Corruption, Loss, Noise, Normalization, Optimizer, Schedule,
    ScheduleShape,
};
use std::fmt::Display;
use std::ops::RangeInclusive;

/// The largest batch: each sample is a workgroup, and an axis has 65,535.
const MAXIMUM_BATCH_SIZE: usize = 65_535;

/// The longest displacement of an augmented image, in pixels, far above any sense.
const MOST_DISPLACEMENT: f64 = 1000.0;

/// The largest seed, or number of steps: TOML's integers are signed.
const MAXIMUM_SEED: u64 = i64::MAX as u64;

/// The norms that gradients can be clipped to: with their inverses and with large multiples within f32.
const GRADIENT_NORMS: RangeInclusive<f64> = 1e-20..=1e20;

impl Config {
    /// Refuses values that cannot be, among them numbers that the GPU's f32 cannot hold.
    ///
    /// # Errors
    /// Names the first such value and what it must be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let Self {
            loss,
            data,
            augmentation,
            corruption,
            network,
            code,
            pretraining: _,
            optimizer,
            schedule,
            training,
            checkpoint,
        } = self;
        data.validate()?;
        validate_augmentation(augmentation)?;
        validate_corruption("corruption.amount", *corruption)?;
        self.validate_network()?;
        self.validate_pretraining()?;
        if let Some(layer) = network.encoder.last() {
            validate_code(code, layer)?;
        }
        if let Loss::Huber { delta } = loss {
            require_positive("loss", *delta, "huber:DELTA with a delta that is ")?;
        }
        validate_optimizer(optimizer)?;
        validate_schedule(schedule)?;
        validate_training(training, network)?;
        validate_checkpoint(checkpoint)
    }

    /// What the layers of the encoder are pre-trained by, and what of the rest goes with that.
    fn validate_pretraining(&self) -> Result<(), ConfigError> {
        let Self { pretraining, network, code, .. } = self;
        validate_corruption("pretraining.amount", pretraining.corruption())?;
        let contractive = pretraining.contractive;
        validate_weight("pretraining.contractive", contractive)?;
        require(
            "pretraining.contractive",
            contractive == 0.0 || network.encoder.iter().any(|layer| CONTRACTIBLE.contains(&layer.activation)),
            || "0 but for layers of sigmoid, tanh or relu".into(),
            format_args!("{contractive:?}"),
        )?;
        let is_plain = |layer: &Layer| layer.dropout == 0.0 && layer.normalization.is_none();
        require(
            "pretraining.contractive",
            contractive == 0.0 || network.encoder.iter().all(is_plain),
            || "0 where layers of the encoder have dropout or normalization".into(),
            format_args!("{contractive:?}"),
        )?;
        require(
            "code.variational",
            pretraining.epochs == 0 || !code.is_variational(),
            || "0 where layers are pre-trained".into(),
            format_args!("{:?}", code.variational),
        )
    }
}

impl DataConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        let is_size = |size: &[usize]| matches!(size, [height, width] if ImageSize::new(*height, *width).is_some());
        require(
            "data.size",
            self.size.is_empty() || is_size(&self.size),
            || {
                let most = MAX_PIXELS / 3;
                format!(
                    "[height, width] of at least 1 and of at most {most} pixels together, or [] to leave images as they are"
                )
            },
            format_args!("{:?}", self.size),
        )?;
        let in_range = self.test_share > 0.0 && self.test_share <= 1.0;
        require("data.test_share", in_range, || "above 0 and at most 1".into(), format_args!("{:?}", self.test_share))?;
        let seed = self.split_seed;
        require("data.split_seed", seed <= MAXIMUM_SEED, || format!("at most {MAXIMUM_SEED}"), seed)
    }
}

fn validate_augmentation(augmentation: &Augmentation) -> Result<(), ConfigError> {
    let Augmentation { shift, rotate, scale, shear, flip: _, elastic, cut_out, noise, fill } = *augmentation;
    for (key, value, most) in [
        ("augmentation.shift", shift, 1.0),
        ("augmentation.rotate", rotate, 180.0),
        ("augmentation.scale", scale, MOST_SCALE),
        ("augmentation.shear", shear, MOST_SHEAR),
        ("augmentation.elastic", elastic, MOST_DISPLACEMENT),
        ("augmentation.cut_out", cut_out, 1.0),
        ("augmentation.noise", noise, 1.0),
        ("augmentation.fill", fill, 1.0),
    ] {
        let in_range = (0.0..=most).contains(&value);
        require(key, in_range, || format!("between 0 and {most}"), format_args!("{value:?}"))?;
    }
    Ok(())
}

fn validate_corruption(key: &'static str, corruption: Corruption) -> Result<(), ConfigError> {
    let Corruption { noise, amount } = corruption;
    let (most, must) = match noise {
        Noise::None | Noise::Gaussian => (f64::from(f32::MAX), "at least 0, and finite"),
        Noise::Masking | Noise::SaltAndPepper => (1.0, "between 0 and 1"),
    };
    let in_range = (0.0..=most).contains(&amount);
    require(key, in_range, || must.into(), format_args!("{amount:?}"))
}

/// The weight of something that is added.
fn validate_weight(key: &'static str, weight: f64) -> Result<(), ConfigError> {
    let in_range = weight >= 0.0 && (weight as f32).is_finite();
    require(key, in_range, || "at least 0, and finite".into(), format_args!("{weight:?}"))
}

/// `layer` gives the code.
fn validate_code(code: &CodeSettings, layer: &Layer) -> Result<(), ConfigError> {
    let weights = [
        ("code.l1", code.l1),
        ("code.kl", code.kl),
        ("code.contractive", code.contractive),
        ("code.variational", code.variational),
    ];
    for (key, weight) in weights {
        validate_weight(key, weight)?;
    }
    let target = code.target_activity;
    let in_range = (CLAMP..=1.0 - CLAMP).contains(&target);
    require("code.target_activity", in_range, || "above 0 and below 1".into(), format_args!("{target:?}"))?;
    let activation = layer.activation.name();
    let is_sigmoid = layer.activation == Activation::Sigmoid;
    require(
        "code.kl",
        code.kl == 0.0 || is_sigmoid,
        || "0 but for a sigmoid code".into(),
        format_args!("{:?} for {activation}", code.kl),
    )?;
    let can_contract = CONTRACTIBLE.contains(&layer.activation);
    require(
        "code.contractive",
        code.contractive == 0.0 || can_contract,
        || "0 but for a code of sigmoid, tanh or relu".into(),
        format_args!("{:?} for {activation}", code.contractive),
    )?;
    let stands_alone = layer.activation == Activation::Identity && !code.penalizes() && code.active == 0;
    require(
        "code.variational",
        !code.is_variational() || stands_alone,
        || "0 but for an identity code of which nothing else is asked".into(),
        format_args!("{:?} for {activation}", code.variational),
    )?;
    let most = layer.units;
    require("code.active", code.active <= most, || format!("at most the {most} units of the code"), code.active)
}

fn validate_optimizer(optimizer: &Optimizer) -> Result<(), ConfigError> {
    let Optimizer {
        algorithm: _,
        learning_rate,
        momentum,
        decay,
        beta1,
        beta2,
        epsilon,
        weight_decay,
        max_gradient_norm: norm,
    } = *optimizer;
    for (key, value) in [("optimizer.learning_rate", learning_rate), ("optimizer.epsilon", epsilon)] {
        require_positive(key, value, "")?;
    }
    for (key, share) in [
        ("optimizer.momentum", momentum),
        ("optimizer.decay", decay),
        ("optimizer.beta1", beta1),
        ("optimizer.beta2", beta2),
    ] {
        require_share(key, share)?;
    }
    validate_weight("optimizer.weight_decay", weight_decay)?;
    let in_range = norm == 0.0 || GRADIENT_NORMS.contains(&norm);
    let must = || format!("0, or between {:e} and {:e}", GRADIENT_NORMS.start(), GRADIENT_NORMS.end());
    require("optimizer.max_gradient_norm", in_range, must, format_args!("{norm:?}"))
}

fn validate_schedule(schedule: &Schedule) -> Result<(), ConfigError> {
    let Schedule { shape, warmup, final_share, step_epochs, step_factor, plateau_patience, plateau_factor } = *schedule;
    require_share("schedule.warmup", warmup)?;
    let rises = shape != ScheduleShape::OneCycle || warmup > 0.0;
    require("schedule.warmup", rises, || "above 0 for the shape \"one_cycle\"".into(), format_args!("{warmup:?}"))?;
    let is_share = (0.0..=1.0).contains(&final_share);
    require("schedule.final_share", is_share, || "between 0 and 1".into(), format_args!("{final_share:?}"))?;
    require("schedule.step_epochs", step_epochs > 0, || "at least 1".into(), step_epochs)?;
    require("schedule.plateau_patience", plateau_patience > 0, || "at least 1".into(), plateau_patience)?;
    for (key, factor) in [("schedule.step_factor", step_factor), ("schedule.plateau_factor", plateau_factor)] {
        let falls = factor > 0.0 && factor <= 1.0;
        require(key, falls, || "above 0 and at most 1".into(), format_args!("{factor:?}"))?;
    }
    Ok(())
}

fn validate_training(training: &TrainingConfig, network: &NetworkConfig) -> Result<(), ConfigError> {
    let TrainingConfig { batch_size, epochs, patience: _, balance: _, seed } = *training;
    let in_range = (1..=MAXIMUM_BATCH_SIZE).contains(&batch_size);
    require("training.batch_size", in_range, || format!("between 1 and {MAXIMUM_BATCH_SIZE}"), batch_size)?;
    let mut layers = network.encoder.iter().chain(&network.decoder);
    let is_batch_normalized = layers.any(|layer| layer.normalization == Normalization::Batch);
    require(
        "training.batch_size",
        !is_batch_normalized || batch_size >= FEWEST,
        || format!("at least {FEWEST} where layers have batch normalization"),
        batch_size,
    )?;
    require("training.epochs", epochs > 0, || "at least 1".into(), epochs)?;
    require("training.seed", seed <= MAXIMUM_SEED, || format!("at most {MAXIMUM_SEED}"), seed)
}

fn validate_checkpoint(checkpoint: &CheckpointConfig) -> Result<(), ConfigError> {
    let CheckpointConfig { every_steps: steps, every_minutes: minutes, keep } = *checkpoint;
    require("checkpoint.every_steps", steps <= MAXIMUM_SEED, || format!("at most {MAXIMUM_SEED}"), steps)?;
    let in_range = minutes.is_finite() && minutes >= 0.0;
    require("checkpoint.every_minutes", in_range, || "a number from 0 on".into(), format_args!("{minutes:?}"))?;
    require("checkpoint.keep", keep > 0, || "at least 1".into(), keep)
}

/// Refuses what does not hold, with the value's key, what it must be, and what it is.
pub(super) fn require(
    key: impl Display,
    holds: bool,
    must: impl FnOnce() -> String,
    found: impl Display,
) -> Result<(), ConfigError> {
    if holds {
        Ok(())
    } else {
        Err(ConfigError::Value { key: key.to_string(), must: must(), found: found.to_string() })
    }
}

/// Refuses what is no share that leaves something.
pub(super) fn require_share(key: impl Display, share: f64) -> Result<(), ConfigError> {
    let in_range = share >= 0.0 && (share as f32) < 1.0;
    let must = || format!("at least 0 and below 1 (in f32, at most {})", 1.0f32.next_down());
    require(key, in_range, must, format_args!("{share:?}"))
}

/// Refuses what f32 does not hold as a positive number; `lead` goes before what it must be.
fn require_positive(key: &'static str, value: f64, lead: &str) -> Result<(), ConfigError> {
    let must = || format!("{lead}a positive number that f32 holds, from {:e} to {:e}", f32::MIN_POSITIVE, f32::MAX);
    require(key, (value as f32).is_normal() && value > 0.0, must, format_args!("{value:?}"))
}
