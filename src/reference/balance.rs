//! Classes of different sizes: samples that weigh as much as their classes are rare, or that are drawn so that every class is as likely as each
//! other, computed from a position in an epoch alone.

use super::philox::{Stream, random_words};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::str::FromStr;

/// What is done about classes of different sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Balancing {
    /// Every sample is taken once in an epoch, and counts alike.
    #[default]
    None,
    /// Every sample is taken once in an epoch, and its loss counts as much as its class is rare.
    Weights,
    /// As many samples are drawn in an epoch, all classes being as likely as each other.
    Sampling,
}

impl Balancing {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::None, Self::Weights, Self::Sampling];

    /// As a configuration writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Weights => "weights",
            Self::Sampling => "sampling",
        }
    }
}

impl FromStr for Balancing {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|balancing| balancing.name() == text).ok_or("it is none, weights or sampling")
    }
}

/// A weight for each class, by which all classes weigh alike together and a sample 1 in the mean: samples / (classes · samples of the class),
/// classes without samples being left out: theirs is 0.
pub fn balancing_weights(labels: &[u32], classes: usize) -> Vec<f64> {
    let mut weights = vec![0.0; classes];
    for (&label, weight) in labels.iter().zip(balancing_weights_of_samples(labels)) {
        weights[label as usize] = weight;
    }
    weights
}

/// The same weights, of each sample rather than of each class, whatever its label.
pub fn balancing_weights_of_samples(labels: &[u32]) -> Vec<f64> {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    labels.iter().for_each(|&label| *counts.entry(label).or_default() += 1);
    labels.iter().map(|label| labels.len() as f64 / (counts.len() * counts[label]) as f64).collect()
}

/// The samples of each class that has any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Where each class's samples begin in `members`, and where the last one's end: one more than there are classes with samples.
    starts: Vec<u32>,
    /// The samples, class by class.
    members: Vec<u32>,
}

impl Balance {
    /// From the class of each sample; there is at least one.
    pub fn new(labels: &[u32]) -> Self {
        let mut members: Vec<u32> = (0..labels.len() as u32).collect();
        members.sort_by_key(|&sample| labels[sample as usize]);
        let label = |place: usize| labels[members[place] as usize];
        let begins = |&place: &usize| place == 0 || label(place) != label(place - 1);
        let mut starts: Vec<u32> = (0..members.len()).filter(begins).map(|place| place as u32).collect();
        starts.push(members.len() as u32);
        Self { starts, members }
    }

    /// Classes with samples.
    pub fn classes(&self) -> usize {
        self.starts.len() - 1
    }

    /// As a shader reads it: the starts, then the members.
    pub fn words(&self) -> Vec<u32> {
        [self.starts.as_slice(), &self.members].concat()
    }

    /// The sample at a position of an epoch, drawn with replacement: a class, and one of its samples.
    pub fn sample_at(&self, seed: u64, epoch: u32, position: u32) -> u32 {
        let [for_class, for_member, ..] = random_words(seed, Stream::Balance, epoch, position, 0);
        let class = below(for_class, self.classes() as u32) as usize;
        let (start, end) = (self.starts[class], self.starts[class + 1]);
        self.members[(start + below(for_member, end - start)) as usize]
    }
}

/// A number below `end` out of a random word: the high half of their product (Lemire 2019, without its rejection, which makes a difference of
/// end / 2³² at most).
fn below(word: u32, end: u32) -> u32 {
    ((u64::from(word) * u64::from(end)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_configurations_write() {
        for balancing in Balancing::ALL {
            assert_eq!(balancing.name().parse(), Ok(balancing));
            assert_eq!(serde_json::to_value(balancing).unwrap(), balancing.name());
        }
        assert_eq!("weight".parse::<Balancing>(), Err("it is none, weights or sampling"));
    }

    #[test]
    fn balancing_weights_make_classes_alike() {
        let labels = [0, 0, 0, 2];
        let weights = balancing_weights(&labels, 4);
        assert_eq!(weights, [4.0 / 6.0, 0.0, 2.0, 0.0]);
        assert_eq!(balancing_weights_of_samples(&labels), labels.map(|label| weights[label as usize]));
        assert_eq!(balancing_weights_of_samples(&[u32::MAX; 2]), [1.0; 2]);
        assert!((labels.iter().map(|&label| weights[label as usize]).sum::<f64>() - 4.0).abs() < 1e-12);
    }

    #[test]
    fn classes_are_drawn_alike_however_many_samples_they_have() {
        // 900 samples of class 0, 90 of class 3, 10 of class 7, in turn.
        let labels: Vec<u32> = (0..1000)
            .map(|i| {
                if i % 100 == 0 {
                    7
                } else if i % 10 == 1 && i % 100 != 1 {
                    3
                } else {
                    0
                }
            })
            .collect();
        let balance = Balance::new(&labels);
        assert_eq!(balance.classes(), 3);
        let mut drawn = [0usize; 8];
        let mut samples = std::collections::BTreeSet::new();
        for position in 0..30_000 {
            let sample = balance.sample_at(5, 2, position);
            samples.insert(sample);
            drawn[labels[sample as usize] as usize] += 1;
        }
        for class in [0, 3, 7] {
            // Five standard deviations of a binomial with 30,000 draws of a third.
            assert!(drawn[class].abs_diff(10_000) < 410, "{drawn:?}");
        }
        assert_eq!(samples.len(), 1000, "each sample is drawn now and then");
    }

    #[test]
    fn the_draw_is_the_seed_s_the_epoch_s_and_the_position_s() {
        let balance = Balance::new(&[0, 1, 0, 1, 1]);
        let draw = |seed, epoch| (0..50).map(|position| balance.sample_at(seed, epoch, position)).collect::<Vec<_>>();
        assert_eq!(draw(1, 1), draw(1, 1));
        assert_ne!(draw(1, 1), draw(1, 2));
        assert_ne!(draw(1, 1), draw(1 << 40, 1));
    }
}
