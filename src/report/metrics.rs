//! The numbers of a run: `metrics.jsonl`, a line per epoch, and `summary.json`.

use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    ReportError,
    files::{append_line, write_atomically},
};

/// What one epoch of training gave: a line of `metrics.jsonl`.
///
/// JSON has no NaN and no infinity: they are written as `null`, and `null` is read as NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// The layer that was pre-trained in it; none where the whole network was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Optimizer steps done since the run began, this epoch's included.
    pub step: u64,
    /// The loss that is minimized, mean over the epoch's samples, each measured before the update it led to.
    #[serde(deserialize_with = "nan_if_null")]
    pub train_loss: f64,
    /// Binary cross-entropy in nats per value, mean over the test set's images, pixels and channels.
    #[serde(deserialize_with = "nan_if_null")]
    pub test_bce: f64,
    /// Squared error of values in [0, 1], mean over the test set's images, pixels and channels.
    #[serde(deserialize_with = "nan_if_null")]
    pub test_mse: f64,
    /// Squared error of values in [0, 1], summed over an image's pixels and channels, mean over the test set's images.
    #[serde(deserialize_with = "nan_if_null")]
    pub test_sse: f64,
    /// Wall time of the epoch's training in seconds, the test excluded.
    #[serde(deserialize_with = "nan_if_null")]
    pub seconds: f64,
    /// Training images per second of that time.
    #[serde(deserialize_with = "nan_if_null")]
    pub images_per_second: f64,
}

/// The adapter that a run was trained on, as `diabolo adapters` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdapterIdentity {
    /// The device's name.
    pub name: String,
    /// The graphics interface it is reached through, such as `vulkan`.
    pub backend: String,
    /// The driver and its version.
    pub driver: String,
}

/// What a whole run gave: `summary.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// The metrics of the epoch that the model is of; their keys stand beside the others in the file.
    #[serde(flatten)]
    pub epoch_of_model: EpochMetrics,
    /// Where it was trained.
    pub adapter: AdapterIdentity,
    /// Trained values in the model.
    pub parameter_count: u64,
    /// Which kernels a training step was made of.
    pub plan: String,
    /// Shader dispatches in one training step.
    pub dispatches_per_step: u32,
    /// The most bytes of the adapter's memory that buffers took at a time.
    pub gpu_bytes: u64,
    /// How often the training diverged, went back to a checkpoint and halved its learning rate.
    pub rollbacks: u32,
    /// Seconds from the first epoch to the last, tests included.
    #[serde(deserialize_with = "nan_if_null")]
    pub wall_seconds: f64,
    /// Version of the program that trained it.
    pub version: String,
}

/// Adds one epoch to the end of a `metrics.jsonl`.
///
/// # Errors
/// [`ReportError::Write`].
pub fn append_metrics(path: &Path, metrics: &EpochMetrics) -> Result<(), ReportError> {
    append_line(path, &to_json_line(path, metrics)?)
}

/// Cuts a `metrics.jsonl` off behind the line of the last of `epochs` epochs, and returns the lines that are left. What follows there is of
/// epochs that are trained again, or was written by halves.
///
/// # Errors
/// [`ReportError::MissingMetrics`] if one of them has no line in its place; [`ReportError::Read`], [`ReportError::Write`].
pub fn cut_metrics(path: &Path, epochs: u32) -> Result<Vec<EpochMetrics>, ReportError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(cause) => return Err(ReportError::Read { path: path.to_owned(), cause }),
    };
    let mut lines = bytes.split_inclusive(|&byte| byte == b'\n');
    let mut kept = 0;
    let mut history = Vec::new();
    for epoch in 1..=epochs {
        let line = lines.next().filter(|line| line.ends_with(b"\n"));
        let metrics = line.and_then(|line| serde_json::from_slice::<EpochMetrics>(line).ok());
        let metrics = metrics.filter(|metrics| metrics.epoch == epoch);
        history.push(metrics.ok_or_else(|| ReportError::MissingMetrics { path: path.to_owned(), epoch })?);
        kept += line.map_or(0, <[u8]>::len);
    }
    if kept < bytes.len() {
        write_atomically(path, &bytes[..kept])?;
    }
    Ok(history)
}

/// Reads a `metrics.jsonl`, also one that a training is adding to: a last line without its end is left out.
///
/// # Errors
/// [`ReportError::Read`]; [`ReportError::BadMetrics`] names a line that is none.
pub fn read_metrics(path: &Path) -> Result<Vec<EpochMetrics>, ReportError> {
    let bytes = std::fs::read(path).map_err(|cause| ReportError::Read { path: path.to_owned(), cause })?;
    let lines = bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
    let metrics = |(index, line)| {
        let bad = |cause| ReportError::BadMetrics { path: path.to_owned(), line: index + 1, cause };
        serde_json::from_slice(line).map_err(bad)
    };
    lines.enumerate().map(metrics).collect()
}

/// Writes a `summary.json`, atomically.
///
/// # Errors
/// [`ReportError::Write`].
pub fn write_summary(path: &Path, summary: &RunSummary) -> Result<(), ReportError> {
    let mut json =
        serde_json::to_string_pretty(summary).map_err(|cause| ReportError::Json { path: path.to_owned(), cause })?;
    json.push('\n');
    write_atomically(path, json.as_bytes())
}

fn to_json_line(path: &Path, metrics: &EpochMetrics) -> Result<String, ReportError> {
    serde_json::to_string(metrics).map_err(|cause| ReportError::Json { path: path.to_owned(), cause })
}

fn nan_if_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn epoch(epoch: u32) -> EpochMetrics {
        EpochMetrics {
            epoch,
            stage: None,
            step: u64::from(epoch) * 235,
            train_loss: 0.125,
            test_bce: 0.118,
            test_mse: 0.0168,
            test_sse: 13.2,
            seconds: 2.1,
            images_per_second: 28_400.0,
        }
    }

    fn summary(epoch_of_model: EpochMetrics) -> RunSummary {
        let adapter = AdapterIdentity { name: "llvmpipe".into(), backend: "vulkan".into(), driver: "Mesa 25".into() };
        let version = "0.1.0".into();
        RunSummary {
            epoch_of_model,
            adapter,
            parameter_count: 106_448,
            plan: "fused, subgroup".into(),
            dispatches_per_step: 17,
            gpu_bytes: 60_000_000,
            rollbacks: 0,
            wall_seconds: 24.5,
            version,
        }
    }

    #[test]
    fn lines_of_epochs_that_are_trained_again_are_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        assert_eq!(cut_metrics(&path, 0).unwrap(), []);
        assert!(!path.exists());
        (1..=3).for_each(|number| append_metrics(&path, &epoch(number)).unwrap());
        let whole = fs::read(&path).unwrap();
        // The fourth was written by halves.
        fs::write(&path, [&whole[..], &whole[..20]].concat()).unwrap();
        assert_eq!(cut_metrics(&path, 3).unwrap(), [epoch(1), epoch(2), epoch(3)]);
        assert_eq!(fs::read(&path).unwrap(), whole);
        assert_eq!(cut_metrics(&path, 1).unwrap(), [epoch(1)]);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
        let message = cut_metrics(&path, 2).unwrap_err().to_string();
        assert!(message.contains("lacks a line for epoch 2"), "{message}");
        fs::write(&path, "{}\n").unwrap();
        assert!(matches!(cut_metrics(&path, 1), Err(ReportError::MissingMetrics { epoch: 1, .. })));
        assert_eq!(cut_metrics(&path, 0).unwrap(), []);
        assert_eq!(fs::read(&path).unwrap(), b"");
    }

    /// What a healthy run may measure, and what a diverged one may.
    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![-1e3..1e3, any::<f64>(), Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)]
    }

    #[test]
    fn keys_of_a_line_stand_in_the_documented_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        append_metrics(&path, &epoch(1)).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "{\"epoch\":1,\"step\":235,\"train_loss\":0.125,\"test_bce\":0.118,\"test_mse\":0.0168,\"test_sse\":13.2,\
             \"seconds\":2.1,\"images_per_second\":28400.0}\n"
        );
    }

    #[test]
    fn every_epoch_is_a_line_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let epochs: Vec<_> = (1..=3).map(epoch).collect();
        for metrics in &epochs {
            append_metrics(&path, metrics).unwrap();
        }
        let content = fs::read_to_string(&path).unwrap();
        let read: Vec<EpochMetrics> = content.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read, epochs);
    }

    #[test]
    fn whole_lines_are_read_and_a_bad_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        assert!(matches!(read_metrics(&path), Err(ReportError::Read { .. })));
        (1..=2).for_each(|number| append_metrics(&path, &epoch(number)).unwrap());
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], &whole[..20]].concat()).unwrap();
        assert_eq!(read_metrics(&path).unwrap(), [epoch(1), epoch(2)]);
        fs::write(&path, [&whole[..], b"{}\n"].concat()).unwrap();
        let message = read_metrics(&path).unwrap_err().to_string();
        assert!(message.contains("line 3") && !message.contains('\n'), "{message}");
    }

    #[test]
    fn a_diverged_epoch_is_read_back_as_nan() {
        let diverged = EpochMetrics { train_loss: f64::NAN, test_bce: f64::INFINITY, ..epoch(1) };
        let read: RunSummary = serde_json::from_str(&serde_json::to_string(&summary(diverged)).unwrap()).unwrap();
        assert!(read.epoch_of_model.train_loss.is_nan() && read.epoch_of_model.test_bce.is_nan());
        assert_eq!(read.epoch_of_model.test_sse, 13.2);
    }

    #[test]
    fn a_summary_holds_its_epoch_flat_and_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.json");
        let written = summary(epoch(10));
        write_summary(&path, &written).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(serde_json::from_str::<RunSummary>(&text).unwrap(), written);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["epoch"], 10);
        assert_eq!(json["adapter"]["name"], "llvmpipe");
    }

    proptest! {
        #[test]
        fn any_epoch_survives_a_round_trip(
            epoch in any::<u32>(), step in any::<u64>(), [a, b, c, d, e, f] in prop::array::uniform6(number())
        ) {
            let written = EpochMetrics {
                epoch, stage: None, step, train_loss: a, test_bce: b, test_mse: c, test_sse: d, seconds: e, images_per_second: f,
            };
            let read: EpochMetrics = serde_json::from_str(&serde_json::to_string(&written).unwrap()).unwrap();
            prop_assert_eq!((read.epoch, read.step), (epoch, step));
            for (read, written) in [
                (read.train_loss, a), (read.test_bce, b), (read.test_mse, c),
                (read.test_sse, d), (read.seconds, e), (read.images_per_second, f),
            ] {
                let same = if written.is_finite() { read == written } else { read.is_nan() };
                prop_assert!(same, "{} became {}", written, read);
            }
        }
    }
}
