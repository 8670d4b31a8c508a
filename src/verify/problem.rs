//! Where cases come from: shapes, and the numbers that fill them.

use crate::reference::Matrix;
use crate::reference::philox::{Sequence, Stream};
use proptest::prelude::*;

/// A shape and the seed of its numbers, from which a kernel's check makes a case. What each dimension is to a kernel, its check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    pub rows: usize,
    pub columns: usize,
    pub inner: usize,
    /// Whether the case is about the edges of what f32 can hold.
    pub edges: bool,
    pub seed: u64,
}

/// Numbers in which many mistakes show: both zeros, and subnormal ones, which an adapter may take for zero.
pub const TINY: [f32; 5] = [0.0, -0.0, 1e-40, -1e-40, f32::MIN_POSITIVE];

/// Shapes [rows, columns, inner] at which other projects went wrong, and such as a training has: more than 500 rows, tiles exactly
/// filled, 257 × 384 × 1152.
pub const SHAPES: [[usize; 3]; 8] = [
    [1, 1, 1],
    [32, 32, 32],
    [64, 64, 64],
    [65, 63, 17],
    [535, 33, 257],
    [256, 64, 784],
    [784, 64, 256],
    [257, 1152, 384],
];

impl Problem {
    /// A shape of [`SHAPES`], filled with ordinary numbers.
    pub fn of_shape([rows, columns, inner]: [usize; 3], seed: u64) -> Self {
        Self { rows, columns, inner, edges: false, seed }
    }

    /// A number below `end` that follows from the seed; `what` tells numbers for different uses apart.
    pub fn pick(&self, what: u32, end: usize) -> usize {
        let word = Sequence::new(self.seed, Stream::Cases, what, u32::MAX).word();
        word as usize % end
    }

    /// One of some things, as [`Self::pick`].
    pub fn choose<T>(&self, what: u32, things: impl IntoIterator<Item = T>) -> T {
        let mut things: Vec<T> = things.into_iter().collect();
        things.swap_remove(self.pick(what, things.len()))
    }

    /// A matrix of numbers that f32 holds exactly: uniform over [low, high), one in eight of them out of `specials`.
    pub fn matrix(&self, what: u32, rows: usize, columns: usize, [low, high]: [f32; 2], specials: &[f32]) -> Matrix {
        let mut random = Sequence::new(self.seed, Stream::Cases, what, 0);
        Matrix::from_fn(rows, columns, |_, _| {
            let is_special = random.word().is_multiple_of(8) && !specials.is_empty();
            let number =
                if is_special { specials[random.word() as usize % specials.len()] } else { random.uniform(low, high) };
            f64::from(number)
        })
    }
}

/// A length near the given one that is a whole number of vec4s, or that is none.
pub fn in_vectors(length: usize, vector: bool) -> usize {
    match (vector, length.is_multiple_of(4)) {
        (true, _) => length.next_multiple_of(4),
        (false, true) => length + 1,
        (false, false) => length,
    }
}

/// A length near the given one that is a whole number of `unit`s, a power of two, and of nothing larger that is loaded at once.
pub fn in_units(length: usize, unit: usize) -> usize {
    match unit {
        4 => in_vectors(length, true),
        _ => ((length / unit) | 1) * unit,
    }
}

/// Any problem, which shrinks towards a small shape.
pub fn problems() -> impl Strategy<Value = Problem> {
    (dimension(), dimension(), dimension(), prop::bool::weighted(0.2), any::<u64>().no_shrink())
        .prop_map(|(rows, columns, inner, edges, seed)| Problem { rows, columns, inner, edges, seed })
}

/// Mostly small, often next to the size of a tile, now and then large.
fn dimension() -> impl Strategy<Value = usize> {
    prop_oneof![
        3 => 1usize..=9,
        3 => 10usize..=70,
        2 => prop::sample::select(vec![15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257]),
        1 => 71usize..=300,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_problem_has_the_same_numbers_and_another_seed_has_others() {
        let problem = Problem::of_shape([5, 6, 7], 1);
        let matrix = |problem: &Problem, what| problem.matrix(what, 20, 30, [-1.0, 1.0], &TINY);
        assert_eq!(matrix(&problem, 0), matrix(&problem, 0));
        assert_ne!(matrix(&problem, 0), matrix(&problem, 1));
        assert_ne!(matrix(&problem, 0), matrix(&Problem { seed: 2, ..problem }, 0));
    }

    #[test]
    fn special_numbers_are_among_the_others() {
        let matrix = Problem::of_shape([1, 1, 1], 3).matrix(0, 100, 100, [1.0, 2.0], &[0.0]);
        let zeros = matrix.elements.iter().filter(|&&element| element == 0.0).count();
        assert!((1000..1500).contains(&zeros), "{zeros}");
        assert!(matrix.elements.iter().all(|&element| element == 0.0 || (1.0..2.0).contains(&element)));
    }
}
