//! Running error analysis: a number and how far a shader's result may be from it (Higham, "Accuracy and Stability of Numerical
//! Algorithms", section 3.3).
//!
//! A check evaluates the shader's own formula in this arithmetic. Each operation carries the errors of its operands on and adds what WGSL
//! allows it by itself ("Floating Point Accuracy", section 15.7.4 of the specification). So bounds are derived, not guessed, and a
//! fused multiply-add, which rounds less often, stays within them. Only the direction of rounding, which WGSL leaves open, is taken to
//! be to the nearest number: an adapter that cuts off instead would be off by up to twice its bounds.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// The relative error of one rounding to f32: 2⁻²⁴.
pub const ROUNDING: f64 = 1.0 / 16_777_216.0;

/// A unit in the last place is at most this share of a number: 2⁻²³.
const ULP: f64 = 2.0 * ROUNDING;

/// Numbers smaller than this may be taken for zero.
pub const SMALLEST_NORMAL: f64 = f32::MIN_POSITIVE as f64;

/// What a shader computes: within `error` of `value`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Approximate {
    pub value: f64,
    pub error: f64,
}

impl Approximate {
    /// A number that f32 holds exactly, such as an element of an input. A subnormal one may be read as zero.
    pub fn exact(value: f64) -> Self {
        Self { value, error: 0.0 }.flushed()
    }

    /// A number that the host rounds to f32.
    pub fn nearest(value: f64) -> Self {
        Self::rounded(value, 0.0, ROUNDING)
    }

    /// The larger of `value` and `error` away from it.
    fn magnitude(self) -> f64 {
        self.value.abs() + self.error
    }

    /// The result of an operation that may by itself be off by `share` of it.
    fn rounded(value: f64, error: f64, share: f64) -> Self {
        Self { value, error: error + share * (value.abs() + error) }.flushed()
    }

    /// What may be subnormal may become zero.
    fn flushed(self) -> Self {
        let may_be_subnormal = self.value != 0.0 && self.value.abs() - self.error < SMALLEST_NORMAL;
        Self { error: if may_be_subnormal { self.error + SMALLEST_NORMAL } else { self.error }, ..self }
    }

    pub fn abs(self) -> Self {
        Self { value: self.value.abs(), ..self }
    }

    /// Twice as much, which takes no rounding.
    pub fn doubled(self) -> Self {
        Self { value: 2.0 * self.value, error: 2.0 * self.error }
    }

    /// Moves a result no further than its operand was moved, and not at all where that is certainly outside.
    pub fn clamp(self, low: f64, high: f64) -> Self {
        let value = self.value.clamp(low, high);
        let [least, most] = [self.value - self.error, self.value + self.error].map(|end| end.clamp(low, high));
        Self { value, error: (most - value).max(value - least) }
    }

    /// e to the power of it: 3 + 2·|x| ULP.
    pub fn exp(self) -> Self {
        let value = self.value.exp();
        // The same either way; but where the error is large, the one multiplies 0 by infinity, and where it is small, the other cancels.
        let carried =
            if self.error < 1.0 { value * self.error.exp_m1() } else { (self.value + self.error).exp() - value };
        Self::rounded(value, carried, (3.0 + 2.0 * self.magnitude()) * ULP)
    }

    /// The natural logarithm: 2⁻²¹ where the argument is in [0.5, 2], else 3 ULP. Infinitely far off where the argument may be zero.
    pub fn ln(self) -> Self {
        let value = self.value.ln();
        if self.error >= self.value {
            return Self { value, error: f64::INFINITY };
        }
        let carried = -(-self.error / self.value).ln_1p();
        let own =
            if self.value + self.error >= 0.5 && self.value - self.error <= 2.0 { 1.0 / 2_097_152.0 } else { 0.0 };
        Self::rounded(value, carried + own, 3.0 * ULP)
    }

    /// The square root, which is inherited from 1 / inverseSqrt(x): 2 + 2.5 ULP.
    pub fn sqrt(self) -> Self {
        let value = self.value.sqrt();
        let below = value - (self.value - self.error).max(0.0).sqrt();
        let above = (self.value + self.error).sqrt() - value;
        Self::rounded(value, below.max(above), 4.5 * ULP)
    }

    /// The sum of many numbers in any order: each takes part in at most as many additions as there are numbers.
    pub fn sum(terms: impl IntoIterator<Item = Self>) -> Self {
        let mut count = 0.0;
        let mut total = Self { value: 0.0, error: 0.0 };
        let mut magnitudes = 0.0;
        for term in terms {
            count += 1.0;
            total = Self { value: total.value + term.value, error: total.error + term.error };
            magnitudes += term.magnitude();
        }
        let roundings = count * ROUNDING / (1.0 - count * ROUNDING);
        // Terms may cancel to subnormal sums on the way, each of which may become zero.
        let flushes = (count - 1.0).max(0.0) * SMALLEST_NORMAL;
        Self { error: total.error + roundings * magnitudes + flushes, ..total }.flushed()
    }
}

impl Neg for Approximate {
    type Output = Self;

    fn neg(self) -> Self {
        Self { value: -self.value, ..self }
    }
}

impl Add for Approximate {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::rounded(self.value + other.value, self.error + other.error, ROUNDING)
    }
}

impl Sub for Approximate {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Approximate {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let carried = self.value.abs() * other.error + other.magnitude() * self.error;
        Self::rounded(self.value * other.value, carried, ROUNDING)
    }
}

impl Div for Approximate {
    type Output = Self;

    /// 2.5 ULP. Infinitely far off where the divisor may be zero.
    fn div(self, divisor: Self) -> Self {
        let value = self.value / divisor.value;
        let nearest = divisor.value.abs() - divisor.error;
        if nearest <= 0.0 {
            return Self { value, error: f64::INFINITY };
        }
        Self::rounded(value, (self.error + value.abs() * divisor.error) / nearest, 2.5 * ULP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn within(computed: f32, approximate: Approximate) -> bool {
        (f64::from(computed) - approximate.value).abs() <= approximate.error
    }

    proptest! {
        /// f32 on the host keeps to WGSL's promises, so that no formula in f32 may leave its bound.
        #[test]
        fn a_formula_in_f32_stays_within_its_bound(x in -20f32..20.0, y in -3f32..3.0, z in 1e-3f32..9.0) {
            let [a, b, c] = [x, y, z].map(|number| Approximate::exact(f64::from(number)));
            let one = Approximate::exact(1.0);
            prop_assert!(within(x * y + z, a * b + c));
            prop_assert!(within((x - y) / z, (a - b) / c));
            prop_assert!(within((1.0 + (-x.abs()).exp()).ln(), (one + (-a.abs()).exp()).ln()));
            prop_assert!(within((x * x + z).sqrt(), (a * a + c).sqrt()));
            prop_assert!(within(x + y + z, Approximate::sum([a, b, c])));
            prop_assert!(within((x * y).clamp(-1.0, 2.0), (a * b).clamp(-1.0, 2.0)));
        }
    }

    #[test]
    fn bounds_are_no_wider_than_the_roundings_they_come_from() {
        let [a, b] = [3.0, 5.0].map(Approximate::exact);
        assert_eq!((a * b).error, 15.0 * ROUNDING);
        assert_eq!((a + b).error, 8.0 * ROUNDING);
        assert_eq!((a / b).error, 5.0 * ROUNDING * 0.6);
        assert!(Approximate::sum([a, b]).error <= 2.001 * 8.0 * ROUNDING);
        assert_eq!(Approximate::exact(0.0), Approximate { value: 0.0, error: 0.0 });
    }

    #[test]
    fn what_may_be_flushed_or_divided_by_zero_is_known() {
        assert!(Approximate::exact(1e-40).error >= 1e-40);
        let nothing = Approximate { value: 1e-3, error: 1e-2 };
        assert_eq!((Approximate::exact(1.0) / nothing).error, f64::INFINITY);
        assert_eq!(nothing.ln().error, f64::INFINITY);
        let cancelling = [1.5e-36, -1.5e-36, 4e-39].map(Approximate::exact);
        assert!(Approximate::sum(cancelling).error >= 2.0 * SMALLEST_NORMAL);
        let far = Approximate { value: -2e15, error: 1e8 };
        assert_eq!(far.exp(), Approximate { value: 0.0, error: 0.0 });
    }
}
