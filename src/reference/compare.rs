//! Whether what an adapter computed is close enough to its twin. A NaN is never close enough.

use std::fmt;

/// The first element that is too far off.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    pub index: usize,
    pub computed: f32,
    pub expected: f64,
    /// The largest error that was allowed there.
    pub bound: f64,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, computed, expected, bound } = self;
        let error = (f64::from(*computed) - expected).abs();
        write!(formatter, "element {index} is {computed}, not {expected}: off by {error:.3e}, allowed {bound:.3e}")
    }
}

impl std::error::Error for Mismatch {}

/// The largest error of all elements as a share of its bound, or the first element whose error exceeds it.
///
/// Every list has the same length; another length is a mismatch at the first place that only one of them has. An element passes
/// only when `|computed − expected| ≤ bound` is true, which no comparison with a NaN is. Equal infinities pass.
pub fn within_bounds(computed: &[f32], expected: &[f64], bounds: &[f64]) -> Result<f64, Mismatch> {
    let length = computed.len().max(expected.len()).max(bounds.len());
    let mut worst = 0.0f64;
    for index in 0..length {
        let missing = f64::NAN;
        let computed = computed.get(index).copied().unwrap_or(f32::NAN);
        let expected = expected.get(index).copied().unwrap_or(missing);
        let bound = bounds.get(index).copied().unwrap_or(missing);
        let equal = f64::from(computed) == expected;
        let error = (f64::from(computed) - expected).abs();
        if !(equal || error <= bound) {
            return Err(Mismatch { index, computed, expected, bound });
        }
        if !equal {
            worst = worst.max(error / bound);
        }
    }
    Ok(worst)
}

/// The same with one bound for all elements.
pub fn within(computed: &[f32], expected: &[f64], bound: f64) -> Result<f64, Mismatch> {
    within_bounds(computed, expected, &vec![bound; expected.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nan_is_refused_wherever_it_stands() {
        assert!(within(&[f32::NAN], &[0.0], 1.0).is_err());
        assert!(within(&[0.0], &[f64::NAN], 1.0).is_err());
        assert!(within(&[f32::NAN], &[f64::NAN], f64::INFINITY).is_err());
        assert!(within(&[0.5], &[0.0], f64::NAN).is_err());
        assert!(within(&[f32::INFINITY], &[f64::NEG_INFINITY], 1.0).is_err());
        let mismatch = within(&[1.0, f32::NAN], &[1.0, 2.0], 0.1).unwrap_err();
        assert_eq!(mismatch.index, 1);
        assert!(mismatch.to_string().contains("element 1 is NaN, not 2"), "{mismatch}");
    }

    #[test]
    fn the_worst_error_is_told_as_a_share_of_its_bound() {
        assert_eq!(within(&[1.0, 2.5], &[1.0, 2.0], 1.0), Ok(0.5));
        assert_eq!(within_bounds(&[1.0], &[1.0], &[0.0]), Ok(0.0));
        assert_eq!(within(&[f32::INFINITY], &[f64::INFINITY], 0.0), Ok(0.0));
        assert!(within(&[1.5], &[1.0], 0.25).is_err());
    }

    #[test]
    fn a_list_of_another_length_is_refused() {
        assert!(within(&[1.0], &[1.0, 2.0], 1.0).is_err());
        assert!(within(&[1.0, 2.0], &[1.0], 1.0).is_err());
    }
}
