//! What the metrics of a run's epochs say of its loss.

use crate::reference::Loss;
use crate::report::metrics::EpochMetrics;

/// One number of each epoch.
pub type Measure = fn(&EpochMetrics) -> f64;

/// The loss on the test images, if that is measured.
pub fn test_loss(loss: Loss) -> Option<Measure> {
    match loss {
        Loss::BinaryCrossEntropy => Some(|metrics| metrics.test_bce),
        Loss::MeanSquaredError => Some(|metrics| metrics.test_mse),
        Loss::MeanAbsoluteError | Loss::Huber { .. } => None,
    }
}

/// What decides how good a run of this loss is, the smaller the better: the loss on the test images, or else their squared error.
pub fn merit(loss: Loss) -> Measure {
    test_loss(loss).unwrap_or(|metrics| metrics.test_mse)
}

/// What a loss is called on an axis, with its unit.
pub fn description(loss: Loss) -> &'static str {
    match loss {
        Loss::BinaryCrossEntropy => "binary cross-entropy (nats per pixel)",
        Loss::MeanSquaredError => "mean squared error",
        Loss::MeanAbsoluteError => "mean absolute error",
        Loss::Huber { .. } => "Huber's loss",
    }
}

/// The epochs in which the whole network was trained.
pub fn of_whole(history: &[EpochMetrics]) -> impl Iterator<Item = &EpochMetrics> {
    history.iter().filter(|metrics| metrics.stage.is_none())
}

/// The points of a curve: one number over the epochs in which the whole network was trained. In pre-training other losses are measured.
pub fn curve(history: &[EpochMetrics], measure: Measure) -> Vec<(f64, f64)> {
    of_whole(history).map(|metrics| (f64::from(metrics.epoch), measure(metrics))).collect()
}
