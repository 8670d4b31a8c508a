//! Ranges and ticks of a plot's axes.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// What an axis counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// Any number.
    Real,
    /// Whole numbers only, such as epochs.
    Integer,
}

/// Larger magnitudes are no numbers to plot.
const LARGEST_MAGNITUDE: f64 = 1e99;

/// Whether an axis can show a number.
pub(super) fn is_drawable(value: f64) -> bool {
    // A NaN fails the comparison.
    value.abs() <= LARGEST_MAGNITUDE
}

/// A linear axis that covers its data with a little room, and has ticks at 1, 2 or 5 times a power of ten.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    range: Range<f64>,
    ticks: Vec<f64>,
    step: f64,
}

/// The room left beyond the data on either side, as a part of their range.
const ROOM: f64 = 0.04;
/// Data whose range is a smaller part of their magnitude than this count as constant.
const SMALLEST_RELATIVE_RANGE: f64 = 1e-9;

impl Axis {
    /// An axis for `values`, which must be finite and below 1e100, with about `most_ticks` ticks at most.
    ///
    /// Without any value it runs from 0 to 1.
    pub(super) fn covering(values: impl IntoIterator<Item = f64>, scale: Scale, most_ticks: usize) -> Self {
        let extremes = values.into_iter().fold(None, |extremes, value| match extremes {
            None => Some((value, value)),
            Some((low, high)) => Some((value.min(low), value.max(high))),
        });
        let (low, high) = extremes.unwrap_or((0.0, 1.0));
        let magnitude = low.abs().max(high.abs());
        let room = if high - low > magnitude * SMALLEST_RELATIVE_RANGE {
            (high - low) * ROOM
        } else {
            match scale {
                Scale::Real if magnitude > 0.0 => magnitude * 0.05,
                Scale::Real | Scale::Integer => 0.5,
            }
        };
        let range = low - room..high + room;
        let step = nice_step((range.end - range.start) / most_ticks as f64);
        let step = if scale == Scale::Integer { step.max(1.0) } else { step };
        let ticks = (range.start / step).ceil() as i64..=(range.end / step).floor() as i64;
        Self { range, ticks: ticks.map(|tick| tick as f64 * step).collect(), step }
    }

    /// The text beside a tick, with as many digits as tell it from its neighbors.
    fn label(&self, tick: f64) -> String {
        let step_exponent = decimal_exponent(self.step);
        let magnitude = self.range.start.abs().max(self.range.end.abs());
        if tick == 0.0 {
            "0".to_owned()
        } else if magnitude >= 1e6 || step_exponent < -5 {
            let digits = (decimal_exponent(tick.abs()) - step_exponent).max(0) as usize;
            format!("{tick:.digits$e}")
        } else {
            let digits = (-step_exponent).max(0) as usize;
            format!("{tick:.digits$}")
        }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let part = (value - self.range.start) / (self.range.end - self.range.start);
        first + (part * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Grid lines between the ticks are asked for with their own weight: there are none.
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, tick: &f64) -> String {
        self.label(*tick)
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `step`.
fn nice_step(step: f64) -> f64 {
    let power = 10_f64.powi(decimal_exponent(step));
    let nice = [1.0, 2.0, 5.0].map(|factor| factor * power);
    nice.into_iter().find(|&nice| nice >= step).unwrap_or(10.0 * power)
}

/// The power of ten of the leading digit of `number`; forgives a logarithm that falls just below a whole number.
fn decimal_exponent(number: f64) -> i32 {
    (number.log10() + 1e-9).floor() as i32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().map(|&tick| axis.label(tick)).collect()
    }

    #[test]
    fn losses_get_round_ticks() {
        assert_eq!(
            labels(&Axis::covering([0.11, 0.26, 0.14], Scale::Real, 10)),
            ["0.12", "0.14", "0.16", "0.18", "0.20", "0.22", "0.24", "0.26"]
        );
        assert_eq!(labels(&Axis::covering([-1.0, 1.0], Scale::Real, 5)), ["-1.0", "-0.5", "0", "0.5", "1.0"]);
        assert_eq!(labels(&Axis::covering([0.0, 4e9], Scale::Real, 5)), ["0", "1e9", "2e9", "3e9", "4e9"]);
    }

    #[test]
    fn epochs_get_whole_ticks() {
        assert_eq!(labels(&Axis::covering([1.0, 10.0], Scale::Integer, 12)).first().map(String::as_str), Some("1"));
        assert_eq!(labels(&Axis::covering([1.0, 2.0], Scale::Integer, 12)), ["1", "2"]);
        assert_eq!(labels(&Axis::covering([1.0], Scale::Integer, 12)), ["1"]);
        assert_eq!(
            labels(&Axis::covering([1.0, 400.0], Scale::Integer, 9)),
            ["0", "50", "100", "150", "200", "250", "300", "350", "400"]
        );
    }

    #[test]
    fn constant_and_absent_values_still_make_an_axis() {
        for axis in [
            Axis::covering([0.25; 3], Scale::Real, 8),
            Axis::covering([0.0], Scale::Real, 8),
            Axis::covering([-3e20], Scale::Real, 8),
            Axis::covering([], Scale::Real, 8),
            Axis::covering([], Scale::Integer, 8),
        ] {
            assert!(axis.range.start < axis.range.end, "{axis:?}");
            assert!(!axis.ticks.is_empty(), "{axis:?}");
        }
    }

    proptest! {
        #[test]
        fn ticks_are_few_ascending_distinct_and_within_the_range(
            values in prop::collection::vec(prop_oneof![-1e3..1e3, -1e-6..1e-6, -1e99..1e99], 1..6), most_ticks in 3_usize..13,
        ) {
            let axis = Axis::covering(values.iter().copied(), Scale::Real, most_ticks);
            prop_assert!(values.iter().all(|value| axis.range.contains(value)));
            prop_assert!((1..=most_ticks + 1).contains(&axis.ticks.len()), "{:?}", axis);
            prop_assert!(axis.ticks.is_sorted_by(|one, next| one < next));
            prop_assert!(axis.ticks.iter().all(|tick| (axis.range.start..=axis.range.end).contains(tick)), "{:?}", axis);
            let mut labels = labels(&axis);
            let count = labels.len();
            labels.dedup();
            prop_assert_eq!(labels.len(), count, "{:?}", labels);
        }

        #[test]
        fn integer_ticks_are_whole(first in 0_u32..1000, count in 0_u32..1000) {
            let axis = Axis::covering([f64::from(first), f64::from(first + count)], Scale::Integer, 12);
            prop_assert!(!axis.ticks.is_empty() && axis.ticks.iter().all(|tick| tick.fract() == 0.0), "{:?}", axis);
        }
    }
}
