//! The numbers of a run: `metrics.jsonl`, a line per epoch, and `summary.json`.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader},
    path::Path,
};

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

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
    /// The last epoch's metrics; their keys stand beside the others in the file.
    #[serde(flatten)]
    pub last_epoch: EpochMetrics,
    /// Where it was trained.
    pub adapter: AdapterIdentity,
    /// Trained values in the model.
    pub parameter_count: u64,
    /// Shader dispatches in one training step.
    pub dispatches_per_step: u32,
    /// Wall time of the whole run in seconds, set-up and tests included.
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

/// Writes a whole `metrics.jsonl`, atomically: a resumed run so drops the epochs that its checkpoint does not know.
///
/// # Errors
/// [`ReportError::Write`].
pub fn write_metrics(path: &Path, epochs: &[EpochMetrics]) -> Result<(), ReportError> {
    let mut lines = String::new();
    for metrics in epochs {
        lines += &to_json_line(path, metrics)?;
        lines.push('\n');
    }
    write_atomically(path, lines.as_bytes())
}

/// Reads a `metrics.jsonl`.
///
/// # Errors
/// [`ReportError::Read`] if the file cannot be read, [`ReportError::Damaged`] for a line that does not hold an epoch.
pub fn read_metrics(path: &Path) -> Result<Vec<EpochMetrics>, ReportError> {
    let cannot_read = |cause| ReportError::Read { path: path.to_owned(), cause };
    let damaged = |line, reason: &str| ReportError::Damaged { path: path.to_owned(), line, reason: reason.to_owned() };
    let file = File::open(path).map_err(cannot_read)?;
    (1..)
        .zip(BufReader::new(file).lines())
        .map(|(number, line)| match line {
            Ok(line) => serde_json::from_str(&line).map_err(|cause| damaged(number, &without_place(&cause))),
            Err(cause) if cause.kind() == io::ErrorKind::InvalidData => Err(damaged(number, "not UTF-8 text")),
            Err(cause) => Err(cannot_read(cause)),
        })
        .collect()
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

/// Reads a `summary.json`.
///
/// # Errors
/// [`ReportError::Read`] if the file cannot be read, [`ReportError::Damaged`] if it does not hold a summary.
pub fn read_summary(path: &Path) -> Result<RunSummary, ReportError> {
    let bytes = fs::read(path).map_err(|cause| ReportError::Read { path: path.to_owned(), cause })?;
    from_json(path, &bytes)
}

fn from_json<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, ReportError> {
    serde_json::from_slice(bytes).map_err(|cause| ReportError::Damaged {
        path: path.to_owned(),
        // Line 0 is how serde_json says that it does not know.
        line: cause.line().max(1),
        reason: without_place(&cause),
    })
}

fn to_json_line(path: &Path, metrics: &EpochMetrics) -> Result<String, ReportError> {
    serde_json::to_string(metrics).map_err(|cause| ReportError::Json { path: path.to_owned(), cause })
}

/// The error's text without its " at line 1 column 7", which counts lines within the text that was parsed.
fn without_place(cause: &serde_json::Error) -> String {
    let text = cause.to_string();
    match text.rfind(" at line ") {
        Some(place) => text[..place].to_owned(),
        None => text,
    }
}

fn nan_if_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn epoch(epoch: u32) -> EpochMetrics {
        EpochMetrics {
            epoch,
            step: u64::from(epoch) * 235,
            train_loss: 0.125,
            test_bce: 0.118,
            test_mse: 0.0168,
            test_sse: 13.2,
            seconds: 2.1,
            images_per_second: 28_400.0,
        }
    }

    fn summary(last_epoch: EpochMetrics) -> RunSummary {
        let adapter = AdapterIdentity { name: "llvmpipe".into(), backend: "vulkan".into(), driver: "Mesa 25".into() };
        let version = "0.1.0".into();
        RunSummary {
            last_epoch,
            adapter,
            parameter_count: 106_448,
            dispatches_per_step: 17,
            wall_seconds: 24.5,
            version,
        }
    }

    /// What a healthy run may measure, and what a diverged one may.
    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![-1e30..1e30, -1e-6..1e-6, Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)]
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
    fn lines_that_were_appended_or_rewritten_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let epochs: Vec<_> = (1..=3).map(epoch).collect();
        for metrics in &epochs {
            append_metrics(&path, metrics).unwrap();
        }
        assert_eq!(read_metrics(&path).unwrap(), epochs);
        write_metrics(&path, &epochs[..2]).unwrap();
        assert_eq!(read_metrics(&path).unwrap(), epochs[..2]);
    }

    #[test]
    fn a_damaged_line_is_named_with_its_file_and_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let good = serde_json::to_string(&epoch(1)).unwrap();
        for damaged in [&b"{\"epoch\": 2, \"st"[..], b"", b"{}", b"\xff\xfe", b"[1, 2"] {
            fs::write(&path, [good.as_bytes(), b"\n", damaged, b"\n", good.as_bytes(), b"\n"].concat()).unwrap();
            let message = read_metrics(&path).unwrap_err().to_string();
            assert!(message.starts_with(&format!("{} line 2 is damaged (", path.display())), "{message}");
            assert!(!message.contains("column") && !message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let message = read_metrics(Path::new("no/such/metrics.jsonl")).unwrap_err().to_string();
        assert!(message.starts_with("cannot read no/such/metrics.jsonl: "), "{message}");
    }

    #[test]
    fn a_diverged_epoch_is_read_back_as_nan() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        append_metrics(&path, &EpochMetrics { train_loss: f64::NAN, test_bce: f64::INFINITY, ..epoch(1) }).unwrap();
        let read = read_metrics(&path).unwrap();
        assert!(read[0].train_loss.is_nan() && read[0].test_bce.is_nan());
        assert_eq!(read[0].test_sse, 13.2);

        write_summary(&path, &summary(EpochMetrics { train_loss: f64::NAN, ..epoch(1) })).unwrap();
        assert!(read_summary(&path).unwrap().last_epoch.train_loss.is_nan());
    }

    #[test]
    fn a_summary_holds_the_last_epoch_flat_and_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.json");
        let written = summary(epoch(10));
        write_summary(&path, &written).unwrap();
        assert_eq!(read_summary(&path).unwrap(), written);
        let json: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(json["epoch"], 10);
        assert_eq!(json["adapter"]["name"], "llvmpipe");
    }

    #[test]
    fn a_damaged_summary_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.json");
        fs::write(&path, "{\n  \"epoch\": 1,\n  oops\n}").unwrap();
        let message = read_summary(&path).unwrap_err().to_string();
        assert!(message.contains("summary.json line 3 is damaged ("), "{message}");
        fs::write(&path, "{}").unwrap();
        assert!(matches!(read_summary(&path), Err(ReportError::Damaged { line: 1, .. })));
    }

    proptest! {
        #[test]
        fn any_epoch_survives_a_round_trip(
            epoch in any::<u32>(), step in any::<u64>(), [a, b, c, d, e, f] in prop::array::uniform6(number())
        ) {
            let written = EpochMetrics {
                epoch, step, train_loss: a, test_bce: b, test_mse: c, test_sse: d, seconds: e, images_per_second: f,
            };
            let read: EpochMetrics = serde_json::from_str(&serde_json::to_string(&written).unwrap()).unwrap();
            prop_assert_eq!((read.epoch, read.step), (epoch, step));
            for (read, written) in [
                (read.train_loss, a), (read.test_bce, b), (read.test_mse, c),
                (read.test_sse, d), (read.seconds, e), (read.images_per_second, f),
            ] {
                // serde_json reads a decimal within a few units in the last place.
                let close = (read - written).abs() <= 4.0 * f64::EPSILON * written.abs();
                prop_assert!(close || (read.is_nan() && !written.is_finite()), "{} became {}", written, read);
            }
        }
    }
}
