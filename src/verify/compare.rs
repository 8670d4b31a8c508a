//! Whether what an adapter computed is what it must be. A NaN never is.

use std::fmt;

/// What one element must be after a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Expected {
    /// At most `bound` away from `value`.
    Near { value: f64, bound: f64 },
    /// What it was before, bit for bit.
    Untouched,
}

/// The first element that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    pub index: usize,
    pub computed: f32,
    pub expected: Expected,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { computed, expected, .. } = self;
        match expected {
            Expected::Near { value, bound } => {
                let error = (f64::from(*computed) - value).abs();
                write!(formatter, "{computed}, not {value}: off by {error:.3e}, allowed {bound:.3e}")
            }
            Expected::Untouched => write!(formatter, "{computed}, but should not have been written"),
        }
    }
}

/// The largest error of all elements as a share of its bound, or the first element that is wrong.
///
/// `before` holds what the elements were before the run. Every list has the same length; another length is a mismatch at the first
/// place that one of them lacks. An element passes only when `|computed − value| ≤ bound` is true and the bound is finite.
pub fn compare(before: &[f32], computed: &[f32], expected: &[Expected]) -> Result<f64, Mismatch> {
    let missing = Expected::Near { value: f64::NAN, bound: f64::NAN };
    let length = computed.len().max(expected.len()).max(before.len());
    let mut worst = 0.0f64;
    for index in 0..length {
        let at = |elements: &[f32]| elements.get(index).copied().unwrap_or(f32::NAN);
        let computed_here = at(computed);
        let wanted =
            expected.get(index).copied().filter(|_| index < computed.len().min(before.len())).unwrap_or(missing);
        let mismatch = Mismatch { index, computed: computed_here, expected: wanted };
        match wanted {
            Expected::Untouched if computed_here.to_bits() == at(before).to_bits() => {}
            Expected::Near { value, bound } => {
                let error = (f64::from(computed_here) - value).abs();
                // No comparison with a NaN is true; a bound that is infinite would let anything pass.
                let is_within = bound.is_finite() && error <= bound;
                if !is_within {
                    return Err(mismatch);
                }
                worst = worst.max(if error == 0.0 { 0.0 } else { error / bound });
            }
            Expected::Untouched => return Err(mismatch),
        }
    }
    Ok(worst)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, bound: f64) -> Expected {
        Expected::Near { value, bound }
    }

    fn one(computed: f32, expected: Expected) -> Result<f64, Mismatch> {
        compare(&[0.0], &[computed], &[expected])
    }

    #[test]
    fn a_nan_is_refused_wherever_it_stands() {
        assert!(one(f32::NAN, near(0.0, 1.0)).is_err());
        assert!(one(0.0, near(f64::NAN, 1.0)).is_err());
        assert!(one(f32::NAN, near(f64::NAN, f64::INFINITY)).is_err());
        assert!(one(0.5, near(0.0, f64::NAN)).is_err());
        assert!(one(f32::INFINITY, near(f64::NEG_INFINITY, 1.0)).is_err());
        assert!(one(f32::INFINITY, near(f64::INFINITY, 0.0)).is_err());
        assert!(one(1.0, near(2.0, f64::INFINITY)).is_err());
        let mismatch = compare(&[0.0; 2], &[1.0, f32::NAN], &[near(1.0, 0.0), near(2.0, 0.1)]).unwrap_err();
        assert_eq!(mismatch.index, 1);
        assert!(mismatch.to_string().starts_with("NaN, not 2"), "{mismatch}");
    }

    #[test]
    fn the_worst_error_is_told_as_a_share_of_its_bound() {
        assert_eq!(compare(&[0.0; 2], &[1.0, 2.5], &[near(1.0, 1.0), near(2.0, 1.0)]), Ok(0.5));
        assert_eq!(one(1.0, near(1.0, 0.0)), Ok(0.0));
        assert!(one(1.5, near(1.0, 0.25)).is_err());
    }

    #[test]
    fn an_element_that_must_stay_is_compared_by_its_bits() {
        assert_eq!(compare(&[f32::NAN], &[f32::NAN], &[Expected::Untouched]), Ok(0.0));
        assert!(compare(&[f32::NAN], &[-f32::NAN], &[Expected::Untouched]).is_err());
        assert!(compare(&[0.0], &[-0.0], &[Expected::Untouched]).is_err());
    }

    #[test]
    fn a_list_of_another_length_is_refused() {
        assert!(compare(&[0.0; 2], &[1.0], &[near(1.0, 1.0), near(2.0, 1.0)]).is_err());
        assert!(compare(&[0.0; 2], &[1.0, 2.0], &[near(1.0, 1.0)]).is_err());
        assert!(compare(&[0.0; 2], &[1.0], &[Expected::Untouched; 2]).is_err());
        assert!(compare(&[0.0], &[1.0, 2.0], &[near(1.0, 1.0); 2]).is_err());
    }
}
