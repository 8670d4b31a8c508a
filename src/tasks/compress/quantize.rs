//! Codes in few bits.

use crate::tasks::Codes;

/// Codes whose numbers are steps between the least and the largest that each number of a code takes.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedCodes {
    /// Of each step's number, 1 to [`MOST_BITS`](Self::MOST_BITS).
    pub bits: u32,
    /// `[size]`: the least and the largest value of each number of a code.
    pub ranges: Vec<[f32; 2]>,
    /// [codes, size]: steps, each below 2^bits.
    pub steps: Vec<u16>,
}

impl QuantizedCodes {
    /// The most bits of a number: steps are u16.
    pub const MOST_BITS: u32 = 16;

    /// Rounds each number to the nearest step. Codes are finite.
    pub fn new(codes: &Codes, bits: u32) -> Self {
        let ranges = codes.ranges();
        let last = last_step(bits);
        let step = |(&number, &[least, largest]): (&f32, &[f32; 2])| {
            let width = f64::from(largest) - f64::from(least);
            let share = if width > 0.0 { (f64::from(number) - f64::from(least)) / width } else { 0.0 };
            (share * last).round() as u16
        };
        let steps = codes.values.iter().zip(ranges.iter().cycle()).map(step).collect();
        Self { bits, ranges, steps }
    }

    /// How many codes there are.
    pub fn len(&self) -> usize {
        self.steps.len() / self.ranges.len().max(1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The codes that the steps stand for.
    pub fn codes(&self) -> Codes {
        let last = last_step(self.bits);
        let number = |(&step, &[least, largest]): (&u16, &[f32; 2])| {
            let share = f64::from(step) / last;
            (f64::from(least) + share * (f64::from(largest) - f64::from(least))) as f32
        };
        let values = self.steps.iter().zip(self.ranges.iter().cycle()).map(number).collect();
        Codes::without_images(self.ranges.len(), values)
    }
}

/// The number of the largest step.
fn last_step(bits: u32) -> f64 {
    f64::from((1u32 << bits) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// No number is further off than half a step, and codes that were quantized stay as they are.
        #[test]
        fn a_number_becomes_the_nearest_step(values in prop::collection::vec(-3f32..9.0, 1..40), bits in 1u32..=16) {
            let codes = Codes::without_images(1, values.clone());
            let quantized = QuantizedCodes::new(&codes, bits);
            let again = quantized.codes();
            let [least, largest] = quantized.ranges[0];
            let half = f64::from(largest - least) / last_step(bits) / 2.0;
            for (value, near) in values.iter().zip(&again.values) {
                prop_assert!((f64::from(*value) - f64::from(*near)).abs() <= half + 1e-5, "{value} {near}");
            }
            prop_assert_eq!(QuantizedCodes::new(&again, bits).steps, quantized.steps);
        }
    }
}
