//! What several trainings, alike but for their labels and seeds, come to: means, deviations and curves.

use super::Outcome;
use crate::report::confusion::Confusion;
use crate::report::plot::Series;

/// What came of each encoder by one seed.
pub struct Trial {
    /// Images of each class that were learned from, or all.
    pub labels: Option<u32>,
    /// What the images, their order and the initial weights followed from.
    pub seed: u64,
    /// Of each encoder, the model's first; of the same encoders in every trial.
    pub outcomes: Vec<Outcome>,
}

/// The mean of some numbers, and how far they are from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// NaN of no numbers.
    pub mean: f64,
    /// The standard deviation of a sample; nothing of a single number.
    pub deviation: Option<f64>,
}

impl Mean {
    /// Of these.
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Self {
        let numbers: Vec<f64> = numbers.into_iter().collect();
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
        let deviation = (numbers.len() > 1).then(|| (squares / (numbers.len() - 1) as f64).sqrt());
        Self { mean, deviation }
    }
}

/// What one encoder comes to with so many labels, over all seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Images of each class that were learned from, or all.
    pub labels: Option<u32>,
    /// The encoder's name, for people.
    pub encoder: String,
    /// On the test images, in [0, 1].
    pub accuracy: Mean,
    /// The mean over the classes of F1 on the test images, in [0, 1].
    pub macro_f1: Mean,
    /// On the images held back for validation, in [0, 1], if there are any.
    pub validation: Option<Mean>,
    /// What a trial took.
    pub seconds: Mean,
}

/// A summary for each encoder of each number of labels, in the order of the trials, in which those of a number stand together.
pub fn summaries(trials: &[Trial]) -> Vec<Summary> {
    trials.chunk_by(|one, next| one.labels == next.labels).flat_map(of_labels).collect()
}

/// Those of trials with the same number of labels.
fn of_labels(trials: &[Trial]) -> impl Iterator<Item = Summary> {
    (0..trials[0].outcomes.len()).map(|encoder| {
        let outcomes = || trials.iter().map(|trial| &trial.outcomes[encoder]);
        let validations: Option<Vec<f64>> =
            outcomes().map(|outcome| outcome.validation.as_ref().map(Confusion::accuracy)).collect();
        Summary {
            labels: trials[0].labels,
            encoder: trials[0].outcomes[encoder].encoder.clone(),
            accuracy: Mean::of(outcomes().map(|outcome| outcome.test.accuracy())),
            macro_f1: Mean::of(outcomes().map(|outcome| outcome.test.macro_averages().f1)),
            validation: validations.map(Mean::of),
            seconds: Mean::of(outcomes().map(|outcome| outcome.seconds)),
        }
    })
}

/// The mean accuracy of each encoder in percent over the labels, from few to many; of summaries of numbers of labels.
pub fn curves(summaries: &[Summary]) -> Vec<Series> {
    let mut curves: Vec<Series> = Vec::new();
    for Summary { labels, encoder, accuracy, .. } in summaries {
        let Some(labels) = labels else { continue };
        let point = (f64::from(*labels), 100.0 * accuracy.mean);
        match curves.iter_mut().find(|curve| curve.label == *encoder) {
            Some(curve) => curve.points.push(point),
            None => curves.push(Series { label: encoder.clone(), points: vec![point], dashed: Vec::new() }),
        }
    }
    for curve in &mut curves {
        curve.points.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    }
    curves
}

#[cfg(test)]
mod tests {
    use super::super::{Classifier, Decision, Method, Predictions};
    use super::*;
    use crate::config::Config;
    use crate::model::{Initialization, Network, initial_parameters};

    /// Of four test images so many are right, and of two others all or none if there are any.
    fn outcome(encoder: &str, right: u32, validation: Option<bool>, seconds: f64) -> Outcome {
        let network = Network::default();
        let parameters = initial_parameters(&network, Initialization::Glorot, 0);
        let classifier = Classifier {
            config: Config::load("dense", &[]).unwrap(),
            method: Method::Probe,
            class_names: vec!["a".into(), "b".into()],
            pixels: 1,
            network,
            parameters,
            decision: Decision::Softmax,
        };
        let predicted: Vec<u32> = (0..4).map(|image| u32::from(image >= right)).collect();
        Outcome {
            classifier,
            encoder: encoder.to_owned(),
            validation: validation.map(|right| Confusion::new(2, &[0, 0], &[u32::from(!right); 2])),
            test: Confusion::new(2, &[0; 4], &predicted),
            predictions: Predictions { classes: predicted, shares: vec![] },
            training_images: 1,
            seconds,
        }
    }

    fn trial(labels: Option<u32>, right: [u32; 2], validation: Option<bool>) -> Trial {
        let outcomes = vec![outcome("codes", right[0], validation, 1.0), outcome("pixels", right[1], validation, 3.0)];
        Trial { labels, seed: 1, outcomes }
    }

    #[test]
    fn the_deviation_is_that_of_a_sample() {
        assert_eq!(Mean::of([2.0, 4.0, 6.0]), Mean { mean: 4.0, deviation: Some(2.0) });
        assert_eq!(Mean::of([3.0]), Mean { mean: 3.0, deviation: None });
        assert!(Mean::of([]).mean.is_nan());
    }

    #[test]
    fn trials_are_summed_up_by_labels_and_encoder_and_drawn_from_few_labels_to_many() {
        let trials = [
            trial(Some(10), [4, 1], Some(true)),
            trial(Some(10), [2, 1], Some(false)),
            trial(Some(3), [1, 0], None),
            trial(Some(3), [1, 2], None),
        ];
        let summaries = summaries(&trials);
        let told: Vec<_> = summaries.iter().map(|summary| (summary.labels, summary.encoder.as_str())).collect();
        assert_eq!(told, [(Some(10), "codes"), (Some(10), "pixels"), (Some(3), "codes"), (Some(3), "pixels")]);
        let means: Vec<f64> = summaries.iter().map(|summary| summary.accuracy.mean).collect();
        assert_eq!(means, [0.75, 0.25, 0.25, 0.25]);
        assert_eq!(summaries[0].accuracy.deviation, Some(0.125f64.sqrt()));
        assert_eq!(summaries[1].accuracy.deviation, Some(0.0));
        assert_eq!(summaries[0].validation, Some(Mean { mean: 0.5, deviation: Some(0.5f64.sqrt()) }));
        assert_eq!((summaries[2].validation, summaries[1].seconds.mean), (None, 3.0));
        let curves = curves(&summaries);
        assert_eq!(curves.iter().map(|curve| curve.label.as_str()).collect::<Vec<_>>(), ["codes", "pixels"]);
        assert_eq!(curves[0].points, [(3.0, 25.0), (10.0, 75.0)]);
        assert_eq!(curves[1].points, [(3.0, 25.0), (10.0, 25.0)]);
        let of_all = super::summaries(&[trial(None, [4, 3], None)]);
        assert_eq!((of_all.len(), of_all[0].labels, super::curves(&of_all).len()), (2, None, 0));
    }
}
