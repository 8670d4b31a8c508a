//! A batch of `rows` images of up to 22 × 22 pixels, in gray or color, of which the last may be none.

use super::formulas::{exact, normal};
use super::{Check, Subject};
use crate::data::ImageShape;
use crate::kernels::augment::{KERNEL, call};
use crate::kernels::step::Step;
use crate::reference::augmentation::{Draw, MOST_SCALE, MOST_SHEAR, NODES, cell, noise_word};
use crate::reference::{Augmentation, Flip};
use crate::verify::approximate::{Approximate, ROUNDING};
use crate::verify::case::{Case, Operand};
use crate::verify::compare::Expected;
use crate::verify::problem::Problem;

pub const CHECK: Check = Check { kernel: &KERNEL, subjects: || vec![Subject::choosing(4, case)] };

/// The most rows and columns of an image: the twin takes its time.
const LONGEST_SIDE: usize = 22;
const MOST_IMAGES: usize = 12;

/// Each by itself, and all together, weakly or as strongly as can be.
fn augmentation(problem: &Problem) -> Augmentation {
    let none = Augmentation { fill: [0.0, 0.3, 1.0][problem.pick(2, 3)], ..Augmentation::NONE };
    let flip = problem.choose(3, Flip::ALL);
    let all = Augmentation {
        shift: 0.2,
        rotate: 30.0,
        scale: 0.25,
        shear: 15.0,
        flip,
        elastic: 3.0,
        cut_out: 0.3,
        noise: 0.1,
        ..none
    };
    let strong = Augmentation { shift: 1.0, rotate: 180.0, scale: MOST_SCALE, shear: MOST_SHEAR, elastic: 20.0, ..all };
    let all = if problem.edges { strong } else { all };
    problem.choose(
        4,
        [
            none,
            Augmentation { shift: all.shift, ..none },
            Augmentation { rotate: all.rotate, ..none },
            Augmentation { scale: all.scale, ..none },
            Augmentation { shear: all.shear, ..none },
            Augmentation { flip: all.flip, ..none },
            Augmentation { elastic: all.elastic, ..none },
            Augmentation { cut_out: all.cut_out, ..none },
            Augmentation { noise: all.noise, ..none },
            all,
        ],
    )
}

fn case(problem: &Problem) -> Case {
    let side = |length: usize| (length - 1) % LONGEST_SIDE + 1;
    let shape =
        ImageShape { height: side(problem.inner), width: side(problem.columns), channels: [1, 3][problem.pick(0, 2)] };
    let (batch_size, pixels) = (problem.rows.min(MOST_IMAGES), shape.pixels());
    let rows = if problem.edges { 1 + problem.pick(1, batch_size) } else { batch_size };
    let augmentation = augmentation(problem);
    let (epoch, first) = (problem.pick(5, 1000) as u32, problem.pick(6, 1000) as u32);
    let batch = problem.matrix(7, batch_size, pixels, [0.0, 1.0], &[0.0, 1.0]);
    let image = |row: usize| -> Vec<Expected> {
        if row >= rows {
            return vec![Expected::Near { value: 0.0, bound: 0.0 }; pixels];
        }
        let position = first + row as u32;
        let image = &batch.elements[row * pixels..][..pixels];
        let twin = augmentation.apply(problem.seed, epoch, position, shape.dimensions(), image);
        let draw = Draw::new(problem.seed, epoch, position, augmentation.flip, shape.dimensions());
        let formula = Formula::new(&augmentation, &draw, shape);
        let value = |(place, twin): (usize, f64)| {
            let at = place / shape.channels;
            let word = noise_word(problem.seed, epoch, position, place);
            let noise = (augmentation.noise > 0.0).then(|| Approximate::nearest(augmentation.noise) * normal(word));
            // Sums beyond black and white become these, so that their last rounding is that of a number up to 1.
            let of_noise = noise.map_or(0.0, |noise| noise.error + ROUNDING);
            Expected::Near { value: twin, bound: formula.error([at / shape.width, at % shape.width]) + of_noise }
        };
        twin.into_iter().enumerate().map(value).collect()
    };
    Case {
        shape: format!("{rows} images of {shape}, {batch_size} rows, epoch {epoch}, from {first}, {augmentation:?}"),
        call: call(&augmentation, batch_size, shape),
        step: Step {
            first_position: first,
            rows: rows as u32,
            epoch,
            seed_low: problem.seed as u32,
            seed_high: (problem.seed >> 32) as u32,
            ..Step::default()
        },
        operands: vec![
            Operand::read(&batch),
            Operand::written(batch_size, pixels, (0..batch_size).flat_map(image).collect()),
        ],
    }
}

/// What the shader draws for an image, with its errors. Pairs are of the axes: down, right.
struct Formula<'a> {
    augmentation: &'a Augmentation,
    draw: &'a Draw,
    shape: ImageShape,
    shift: [Approximate; 2],
    cosine: Approximate,
    sine: Approximate,
    tangent: Approximate,
    inverse_scale: Approximate,
}

impl<'a> Formula<'a> {
    fn new(augmentation: &'a Augmentation, draw: &'a Draw, shape: ImageShape) -> Self {
        let nearest = Approximate::nearest;
        let sides = [shape.height, shape.width];
        let shift = [0, 1].map(|axis| nearest(augmentation.shift * sides[axis] as f64) * exact(draw.shift[axis]));
        let angle = |degrees: f64, drawn: f64| cosine_and_sine(nearest(0.25 * degrees.to_radians()) * exact(drawn));
        let [cosine, sine] = angle(augmentation.rotate, draw.turn);
        let [of_shear, sine_of_shear] = angle(augmentation.shear, draw.shear);
        let inverse_scale = exact(1.0) / (exact(1.0) + nearest(augmentation.scale) * exact(draw.scale));
        Self { augmentation, draw, shape, shift, cosine, sine, tangent: sine_of_shear / of_shear, inverse_scale }
    }

    /// What a pixel's value may be off by. An interpolation between values in [0, 1] moves by no more than the place, along each axis, also
    /// where the place moves on to other pixels; nor does a place that is clamped move further. By itself, a + (b − a)·f is off by four
    /// roundings: that of f, of the difference, of the product, and of the sum; of two such steps the second carries the first's error on
    /// as it is.
    fn error(&self, pixel: [usize; 2]) -> f64 {
        let fill = Approximate::nearest(self.augmentation.fill);
        if self.augmentation.covers(self.draw, self.shape.dimensions(), pixel) {
            return fill.error;
        }
        let [down, right] = self.source(pixel);
        down.error + right.error + fill.error + 8.5 * ROUNDING
    }

    /// `source` of the shader.
    fn source(&self, pixel: [usize; 2]) -> [Approximate; 2] {
        let Self { cosine, sine, tangent, inverse_scale, .. } = *self;
        let sides = [self.shape.height, self.shape.width];
        let middle = sides.map(|side| exact(0.5 * (side as f64 - 1.0)));
        let [down, right] = [0, 1].map(|axis| exact(pixel[axis] as f64) - middle[axis] - self.shift[axis]);
        let (down, right) = (cosine * down - sine * right, cosine * right + sine * down);
        let right = right - tangent * down;
        let moved = [down * inverse_scale + middle[0], right * inverse_scale + middle[1]];
        if self.augmentation.elastic == 0.0 {
            return moved;
        }
        let displacement = self.displacement(pixel);
        [0, 1].map(|axis| moved[axis] + displacement[axis])
    }

    /// `displacement` of the shader.
    fn displacement(&self, [row, column]: [usize; 2]) -> [Approximate; 2] {
        let (top, down) = splines(row, self.shape.height);
        let (left, right) = splines(column, self.shape.width);
        [0, 1].map(|axis| {
            let node = |i: usize, j: usize| exact(self.draw.nodes[(top + i) * NODES + left + j][axis]);
            let rows = (0..4).map(|i| down[i] * Approximate::sum((0..4).map(|j| right[j] * node(i, j))));
            Approximate::nearest(self.augmentation.elastic) * Approximate::sum(rows)
        })
    }
}

/// `splines_at` of the shader.
fn splines(pixel: usize, length: usize) -> (usize, [Approximate; 4]) {
    let nearest = Approximate::nearest;
    let (first, [numerator, denominator]) = cell(pixel, length);
    let t = exact(numerator as f64) / exact(denominator as f64);
    let s = exact(1.0) - t;
    let middle = |t: Approximate| nearest(2.0 / 3.0) - t * t * (exact(1.0) - exact(0.5) * t);
    let outer = |t: Approximate| t * t * t * nearest(1.0 / 6.0);
    (first, [outer(s), middle(t), middle(s), outer(t)])
}

/// `cosine_and_sine` of the shader: of four times an angle within π/4.
fn cosine_and_sine(quarter: Approximate) -> [Approximate; 2] {
    let one = exact(1.0);
    let square = quarter * quarter;
    let nested = |divisors: &[f64]| {
        divisors.iter().fold(one, |inner, divisor| one - square * Approximate::nearest(1.0 / divisor) * inner)
    };
    let [mut cosine, mut sine] = [nested(&[90.0, 56.0, 30.0, 12.0, 2.0]), quarter * nested(&[72.0, 42.0, 20.0, 6.0])];
    // What the series leave out is less than their next terms, x¹²/12! and x¹¹/11!.
    let x = quarter.value.abs() + quarter.error;
    cosine.error += x.powi(12) / 479_001_600.0;
    sine.error += x.powi(11) / 39_916_800.0;
    for _ in 0..2 {
        [cosine, sine] = [one - (sine * sine).doubled(), (sine * cosine).doubled()];
    }
    [cosine, sine]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_polynomials_are_cosine_and_sine(degrees in -180f64..180.0) {
            let [cosine, sine] = cosine_and_sine(exact(f64::from(degrees as f32).to_radians() / 4.0));
            let (exact_sine, exact_cosine) = f64::from(degrees as f32).to_radians().sin_cos();
            prop_assert!((cosine.value - exact_cosine).abs() <= cosine.error, "{cosine:?} {exact_cosine}");
            prop_assert!((sine.value - exact_sine).abs() <= sine.error, "{sine:?} {exact_sine}");
            prop_assert!(cosine.error < 5e-6 && sine.error < 5e-6, "{cosine:?} {sine:?}");
        }
    }
}
