//! How well scores tell two kinds of things apart.

/// What a ranking of things by their scores is worth, whatever threshold is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranking {
    /// The area under the receiver operating characteristic: the chance that one of those looked for has a larger score than one of the
    /// others, a tie counting half (Mann & Whitney 1947). 0.5 is guessing.
    pub auroc: f64,
    /// The mean precision at each of those looked for, in the order of falling scores: Σ (Rₙ − Rₙ₋₁)·Pₙ over the distinct scores, R
    /// being recall and P precision. Their share is guessing.
    pub average_precision: f64,
}

impl Ranking {
    /// Ranks things of finite scores; `is_wanted` tells of each whether it is looked for. None if all are, or none is.
    pub fn new(scores: &[f32], is_wanted: &[bool]) -> Option<Self> {
        let mut ranked: Vec<(f32, bool)> = scores.iter().copied().zip(is_wanted.iter().copied()).collect();
        ranked.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
        let wanted = is_wanted.iter().filter(|&&is_wanted| is_wanted).count() as f64;
        let others = is_wanted.len() as f64 - wanted;
        if wanted == 0.0 || others == 0.0 {
            return None;
        }
        let (mut area, mut precision, mut found, mut mistaken) = (0.0, 0.0, 0.0, 0.0);
        for tied in ranked.chunk_by(|one, other| one.0 == other.0) {
            let hits = tied.iter().filter(|(_, is_wanted)| *is_wanted).count() as f64;
            let misses = tied.len() as f64 - hits;
            area += misses * (found + 0.5 * hits);
            found += hits;
            mistaken += misses;
            precision += hits * found / (found + mistaken);
        }
        Some(Self { auroc: area / (wanted * others), average_precision: precision / wanted })
    }
}

/// The number that a share of some scores, at least one, is not above: between two of them, in a straight line (R's type 7, NumPy's default).
pub fn quantile(scores: &[f32], share: f64) -> f64 {
    let mut sorted: Vec<f64> = scores.iter().map(|&score| f64::from(score)).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let place = share.clamp(0.0, 1.0) * sorted.len().saturating_sub(1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    match (sorted.get(below), sorted.get(above)) {
        (Some(below), Some(above)) => below + (above - below) * place.fract(),
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn figures_are_those_of_scikit_learn() {
        // sklearn.metrics: roc_auc_score and average_precision_score of its own example.
        let ranking = Ranking::new(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]).unwrap();
        assert!((ranking.auroc - 0.75).abs() < 1e-12);
        assert!((ranking.average_precision - 0.5 * (1.0 + 2.0 / 3.0)).abs() < 1e-12);
        let tied = Ranking::new(&[1.0; 4], &[true, false, false, false]).unwrap();
        assert_eq!(tied, Ranking { auroc: 0.5, average_precision: 0.25 });
        assert_eq!(Ranking::new(&[1.0, 2.0], &[true, true]), None);
        assert_eq!(Ranking::new(&[1.0, 2.0], &[false, false]), None);
    }

    #[test]
    fn quantiles_are_those_of_numpy() {
        let scores = [3.0, 1.0, 2.0, 10.0];
        for (share, expected) in [(0.0, 1.0), (0.5, 2.5), (0.95, 8.95), (1.0, 10.0)] {
            assert!((quantile(&scores, share) - expected).abs() < 1e-9, "{share}");
        }
        assert_eq!(quantile(&[7.0], 0.95), 7.0);
    }

    proptest! {
        #[test]
        fn the_area_is_the_share_of_pairs_in_order(things in prop::collection::vec((0u8..9, any::<bool>()), 2..40)) {
            let (scores, is_wanted): (Vec<f32>, Vec<bool>) = things.iter().map(|&(score, is)| (f32::from(score), is)).unzip();
            let (mut pairs, mut in_order) = (0.0, 0.0);
            for &(score, _) in things.iter().filter(|thing| thing.1) {
                for &(other, _) in things.iter().filter(|thing| !thing.1) {
                    pairs += 1.0;
                    in_order += match score.cmp(&other) {
                        std::cmp::Ordering::Greater => 1.0,
                        std::cmp::Ordering::Equal => 0.5,
                        std::cmp::Ordering::Less => 0.0,
                    };
                }
            }
            match Ranking::new(&scores, &is_wanted) {
                Some(ranking) => prop_assert!((ranking.auroc - in_order / pairs).abs() < 1e-9),
                None => prop_assert_eq!(pairs, 0.0),
            }
        }
    }
}
