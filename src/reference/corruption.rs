//! What a denoising autoencoder's inputs are corrupted by, in f64 (Vincent et al. 2010). Targets stay as they are.

use super::philox::{Stream, random_words, unit_interval};
use serde::{Deserialize, Serialize};
use std::f64::consts::SQRT_2;

/// What happens to values in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Noise {
    /// Leaves them as they are.
    None,
    /// Adds numbers of mean 0 and standard deviation `amount`; the sum may leave [0, 1].
    Gaussian,
    /// Makes a share of `amount` of the values 0.
    Masking,
    /// Makes a share of `amount` of the values 0 or 1, with equal chances.
    SaltAndPepper,
}

/// A kind of noise and how much of it. It follows from the seed, the epoch, the image's position in the epoch, and the value's place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corruption {
    /// What kind of noise.
    pub noise: Noise,
    /// At least 0; of masking and salt-and-pepper at most 1.
    pub amount: f64,
}

impl Noise {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::None, Self::Gaussian, Self::Masking, Self::SaltAndPepper];

    /// Its name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gaussian => "gaussian",
            Self::Masking => "masking",
            Self::SaltAndPepper => "salt_and_pepper",
        }
    }
}

impl Corruption {
    /// Values as they are.
    pub const NONE: Self = Self { noise: Noise::None, amount: 0.0 };

    /// Whether values stay as they are.
    pub fn is_none(self) -> bool {
        self.noise == Noise::None
    }

    /// A value corrupted by what a random word says.
    pub fn apply(self, word: u32, value: f64) -> f64 {
        // A shader compares in f32, where the left side is exact.
        let (drawn, amount) = (unit_interval(word), self.amount as f32);
        match self.noise {
            Noise::None => value,
            Noise::Gaussian => value + f64::from(amount) * normal(word),
            Noise::Masking if drawn < amount => 0.0,
            Noise::SaltAndPepper if drawn < 0.5 * amount => 0.0,
            Noise::SaltAndPepper if drawn < amount => 1.0,
            Noise::Masking | Noise::SaltAndPepper => value,
        }
    }
}

/// The word that decides on a value of the image at a position of an epoch.
pub fn word(seed: u64, epoch: u32, position: u32, place: usize) -> u32 {
    random_words(seed, Stream::Corruption, epoch, position, (place / 4) as u32)[place % 4]
}

/// The upper 24 bits of a word as an odd multiple of 2⁻²⁴ in (−1, 1), exact in f32.
pub fn symmetric(word: u32) -> f64 {
    f64::from(2 * (word >> 8) as i32 + 1 - (1 << 24)) / 16_777_216.0
}

/// A number of mean 0 and variance 1, at most 5.3: √2·erf⁻¹ of [`symmetric`].
pub fn normal(word: u32) -> f64 {
    SQRT_2 * inverse_error_function(symmetric(word))
}

/// The number below which a share of a normal distribution of mean 0 and variance 1 lies, for shares between 0 and 1.
pub fn normal_quantile(share: f64) -> f64 {
    SQRT_2 * inverse_error_function(2.0 * share - 1.0)
}

/// Where the polynomial in w − 2.5 for w = −ln(1 − x²) gives way to the one in √w − 3.
pub const TAIL: f64 = 5.0;

/// Their coefficients, the highest power's first (Giles 2012, "Approximating the erfinv function", single precision).
pub const CENTRAL: [f64; 9] = [
    2.810_226_36e-8,
    3.432_739_39e-7,
    -3.523_387_7e-6,
    -4.391_506_54e-6,
    0.000_218_580_87,
    -0.001_253_725_03,
    -0.004_177_681_64,
    0.246_640_727,
    1.501_409_41,
];
/// Those of the polynomial in √w − 3.
pub const FAR: [f64; 9] = [
    -0.000_200_214_257,
    0.000_100_950_558,
    0.001_349_343_22,
    -0.003_673_428_44,
    0.005_739_507_73,
    -0.007_622_461_3,
    0.009_438_870_47,
    1.001_674_06,
    2.832_976_82,
];

fn inverse_error_function(x: f64) -> f64 {
    let w = -((1.0 - x) * (1.0 + x)).ln();
    let polynomial = |coefficients: [f64; 9], at: f64| coefficients.into_iter().fold(0.0, |sum, c| sum * at + c);
    x * if w < TAIL { polynomial(CENTRAL, w - 2.5) } else { polynomial(FAR, w.sqrt() - 3.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> impl Iterator<Item = u32> {
        (0..40_000).map(|place| word(7, 3, 2, place))
    }

    #[test]
    fn the_normal_quantiles_have_the_tables_values() {
        for (share, value) in [(0.5, 0.0), (0.975, 1.959_963_985), (0.1, -1.281_551_566)] {
            assert!((normal_quantile(share) - value).abs() < 1e-5, "{share}");
        }
    }

    #[test]
    fn the_inverse_error_function_has_the_tables_values() {
        for (x, value) in [
            (0.0, 0.0),
            (0.5, 0.476_936_276),
            (-0.9, -1.163_087_154),
            (0.999, 2.326_753_766),
            (0.999_999, 3.458_910_737),
        ] {
            let computed = inverse_error_function(x);
            assert!((computed - value).abs() <= 2e-6 * value.abs(), "{x}: {computed}, not {value}");
        }
    }

    #[test]
    fn gaussian_noise_has_its_mean_and_its_deviation() {
        let noise: Vec<f64> =
            words().map(|word| Corruption { noise: Noise::Gaussian, amount: 0.5 }.apply(word, 0.25) - 0.25).collect();
        let mean = noise.iter().sum::<f64>() / 40_000.0;
        let variance = noise.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 40_000.0;
        assert!(mean.abs() < 0.01 && (variance.sqrt() - 0.5).abs() < 0.01, "{mean} {variance}");
        let beyond = noise.iter().filter(|x| x.abs() > 0.98).count();
        assert!((1800..2200).contains(&beyond), "5 % lie beyond 1.96 deviations: {beyond}");
        assert!([0, u32::MAX].into_iter().all(|word| (5.0..5.5).contains(&normal(word).abs())));
    }

    #[test]
    fn masking_and_salt_and_pepper_take_their_share() {
        let count = |noise, value| {
            let corruption = Corruption { noise, amount: 0.25 };
            words().filter(|&word| corruption.apply(word, 0.5) == value).count()
        };
        for (noise, value, expected) in [
            (Noise::Masking, 0.0, 10_000),
            (Noise::Masking, 0.5, 30_000),
            (Noise::SaltAndPepper, 0.0, 5_000),
            (Noise::SaltAndPepper, 1.0, 5_000),
            (Noise::None, 0.5, 40_000),
        ] {
            let counted = count(noise, value);
            assert!(counted.abs_diff(expected) < 400, "{noise:?} {value}: {counted}");
        }
    }

    #[test]
    fn every_epoch_position_and_place_has_a_word_of_its_own() {
        let all = [
            word(1, 0, 0, 0),
            word(2, 0, 0, 0),
            word(1, 1, 0, 0),
            word(1, 0, 1, 0),
            word(1, 0, 0, 1),
            word(1, 0, 0, 4),
        ];
        let different: std::collections::BTreeSet<u32> = all.into_iter().collect();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn a_name_is_what_configurations_write() {
        for noise in Noise::ALL {
            assert_eq!(serde_json::to_value(noise).unwrap(), noise.name());
        }
    }
}
