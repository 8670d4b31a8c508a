//! What is done to training images, and to what is to come of them alike, so that no two epochs show the same ones, in f64: they are moved,
//! mirrored, bent, covered and get noise.
//!
//! Displacements that vary smoothly over the image are those of Simard, Steinkraus, Platt, "Best Practices for Convolutional Neural
//! Networks Applied to Visual Document Analysis", ICDAR 2003; but random numbers at the nodes of a coarse grid are joined by cubic
//! B-splines, where they smooth one at each pixel by a Gaussian. For images of 28 pixels both are as smooth. The square that is covered is
//! that of DeVries & Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017.

use super::corruption::{normal, symmetric};
use super::philox::{Stream, random_words};
use serde::{Deserialize, Serialize};

/// Which sides of an image may be exchanged, each in half of the cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flip {
    /// Neither.
    None,
    /// Left and right.
    Horizontal,
    /// Top and bottom.
    Vertical,
    /// Both, each by itself.
    Both,
}

impl Flip {
    /// Every choice.
    pub const ALL: [Self; 4] = [Self::None, Self::Horizontal, Self::Vertical, Self::Both];

    /// Whether top and bottom may be exchanged, and left and right.
    pub fn axes(self) -> [bool; 2] {
        [matches!(self, Self::Vertical | Self::Both), matches!(self, Self::Horizontal | Self::Both)]
    }
}

/// How far images may be changed. What becomes of one follows from the seed, the epoch and its position in the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// The longest shift along an axis, as a share of the image's side there, from 0 to 1.
    pub shift: f64,
    /// The largest angle that it is turned by, in degrees, from 0 to 180.
    pub rotate: f64,
    /// The largest share by which it grows or shrinks, from 0 to [`MOST_SCALE`].
    pub scale: f64,
    /// The largest angle by which its upright lines lean, in degrees, from 0 to [`MOST_SHEAR`].
    pub shear: f64,
    /// Which of its sides may be exchanged.
    pub flip: Flip,
    /// The longest displacement along an axis, in pixels, at least 0.
    pub elastic: f64,
    /// The side of the square that is covered, as a share of the image's shorter side, from 0 to 1.
    pub cut_out: f64,
    /// The standard deviation of noise that is added to each value, at least 0.
    pub noise: f64,
    /// The value of what is outside of the image, or covered, from 0 to 1.
    pub fill: f64,
}

/// The largest [`Augmentation::scale`]: an image that shrinks more is all but gone.
pub const MOST_SCALE: f64 = 0.9;
/// The largest [`Augmentation::shear`], in degrees.
pub const MOST_SHEAR: f64 = 60.0;

/// Cells of the displacements' grid along each axis, and the nodes that splines over them need.
pub const CELLS: usize = 4;
/// Nodes of the grid along each axis.
pub const NODES: usize = CELLS + 3;

/// The first draw for nodes, two in each, and for noise, four values in each.
const NODE_BLOCK: u32 = 2;
const NOISE_BLOCK: u32 = 32;

/// What is drawn for one image: numbers in (−1, 1), but for the flips and the place that is covered. Pairs are of the axes: down, right.
#[derive(Clone, Debug, PartialEq)]
pub struct Draw {
    /// Of the largest angle that it is turned by.
    pub turn: f64,
    /// Of the largest angle that it leans by.
    pub shear: f64,
    /// Of the largest share that it grows by.
    pub scale: f64,
    /// Of the longest shift.
    pub shift: [f64; 2],
    /// Whether top and bottom are exchanged, and left and right.
    pub mirrored: [bool; 2],
    /// The pixel in the middle of the square that is covered.
    pub cut: [usize; 2],
    /// [NODES, NODES], the nodes' displacements.
    pub nodes: Vec<[f64; 2]>,
}

impl Draw {
    /// What is drawn for the image at a position of an epoch.
    pub fn new(seed: u64, epoch: u32, position: u32, flip: Flip, [height, width, _]: [usize; 3]) -> Self {
        let words = |block| random_words(seed, Stream::Augmentation, epoch, position, block);
        let [turn, shear, scale, sides] = words(0);
        let [down, right, cut_row, cut_column] = words(1);
        let [vertical, horizontal] = flip.axes();
        // As evenly as a word can be divided.
        let below = |word: u32, end: usize| ((u64::from(word) * end as u64) >> 32) as usize;
        let nodes = (0..NODES * NODES).map(|node| {
            let words = words(NODE_BLOCK + node as u32 / 2);
            let first = 2 * (node % 2);
            [symmetric(words[first]), symmetric(words[first + 1])]
        });
        Self {
            turn: symmetric(turn),
            shear: symmetric(shear),
            scale: symmetric(scale),
            shift: [symmetric(down), symmetric(right)],
            mirrored: [vertical && sides >> 31 == 1, horizontal && sides >> 30 & 1 == 1],
            cut: [below(cut_row, height), below(cut_column, width)],
            nodes: nodes.collect(),
        }
    }
}

/// The word of the noise on a value of the image at a position of an epoch.
pub fn noise_word(seed: u64, epoch: u32, position: u32, place: usize) -> u32 {
    random_words(seed, Stream::Augmentation, epoch, position, NOISE_BLOCK + (place / 4) as u32)[place % 4]
}

impl Augmentation {
    /// Images as they are.
    pub const NONE: Self = Self {
        shift: 0.0,
        rotate: 0.0,
        scale: 0.0,
        shear: 0.0,
        flip: Flip::None,
        elastic: 0.0,
        cut_out: 0.0,
        noise: 0.0,
        fill: 0.0,
    };

    /// Whether images stay as they are.
    pub fn is_none(&self) -> bool {
        Self { fill: 0.0, ..*self } == Self::NONE
    }

    /// The side of the square that is covered, in pixels.
    pub fn cut_side(&self, [height, width, _]: [usize; 3]) -> usize {
        (self.cut_out * height.min(width) as f64).round() as usize
    }

    /// Whether a pixel is in the square that is covered.
    pub fn covers(&self, draw: &Draw, shape: [usize; 3], pixel: [usize; 2]) -> bool {
        let side = self.cut_side(shape);
        let covers = |axis: usize| {
            let from_start = (pixel[axis] + side / 2).checked_sub(draw.cut[axis]);
            from_start.is_some_and(|distance| distance < side)
        };
        covers(0) && covers(1)
    }

    /// The image at a position of an epoch, [height, width, channels], of values in [0, 1].
    pub fn apply(&self, seed: u64, epoch: u32, position: u32, shape: [usize; 3], image: &[f64]) -> Vec<f64> {
        let draw = Draw::new(seed, epoch, position, self.flip, shape);
        let without_noise = self.apply_drawn(&draw, shape, image).into_iter().enumerate();
        let with_noise = without_noise.map(|(place, value)| {
            let noise = if self.noise > 0.0 { normal(noise_word(seed, epoch, position, place)) } else { 0.0 };
            (value + self.noise * noise).clamp(0.0, 1.0)
        });
        with_noise.collect()
    }

    /// The same of what was drawn, before noise.
    pub fn apply_drawn(&self, draw: &Draw, shape: [usize; 3], image: &[f64]) -> Vec<f64> {
        let [height, width, channels] = shape;
        let pixels = (0..height).flat_map(|row| (0..width).map(move |column| [row, column]));
        let values = pixels.flat_map(|pixel| {
            let source = (!self.covers(draw, shape, pixel)).then(|| self.source(draw, shape, pixel));
            (0..channels).map(move |channel| match source {
                Some(source) => interpolated(image, shape, source, channel, self.fill),
                None => self.fill,
            })
        });
        values.collect()
    }

    /// Where in the image is what a pixel is to show, as row and column: everything that was done to it, undone, the last first.
    fn source(&self, draw: &Draw, [height, width, _]: [usize; 3], pixel: [usize; 2]) -> [f64; 2] {
        let size = [height as f64, width as f64];
        let middle = size.map(|side| 0.5 * (side - 1.0));
        let [down, right] =
            [0, 1].map(|axis| pixel[axis] as f64 - middle[axis] - self.shift * size[axis] * draw.shift[axis]);
        let (sine, cosine) = (self.rotate * draw.turn).to_radians().sin_cos();
        let (down, right) = (cosine * down - sine * right, cosine * right + sine * down);
        let right = right - (self.shear * draw.shear).to_radians().tan() * down;
        let scale = 1.0 + self.scale * draw.scale;
        let sides = draw.mirrored.map(|mirrored| if mirrored { -scale } else { scale });
        let moved = [down / sides[0] + middle[0], right / sides[1] + middle[1]];
        let displacement =
            if self.elastic > 0.0 { displacement(&draw.nodes, [height, width], pixel) } else { [0.0; 2] };
        [0, 1].map(|axis| moved[axis] + self.elastic * displacement[axis])
    }
}

/// The cell of the grid that the middle of a pixel is in, and how far in it, as a fraction.
pub fn cell(pixel: usize, length: usize) -> (usize, [usize; 2]) {
    let place = (2 * pixel + 1) * CELLS;
    (place / (2 * length), [place % (2 * length), 2 * length])
}

/// A pixel's share of the longest displacement, in (−1, 1), down and to the right.
fn displacement(nodes: &[[f64; 2]], [height, width]: [usize; 2], [row, column]: [usize; 2]) -> [f64; 2] {
    let splines = |pixel, length| {
        let (first, [numerator, denominator]) = cell(pixel, length);
        let t = numerator as f64 / denominator as f64;
        let s = 1.0 - t;
        // Uniform cubic B-splines, whose sum is 1.
        let middle = |t: f64| 2.0 / 3.0 - t * t * (1.0 - 0.5 * t);
        (first, [s.powi(3) / 6.0, middle(t), middle(s), t.powi(3) / 6.0])
    };
    let ((top, down), (left, right)) = (splines(row, height), splines(column, width));
    let mut sum = [0.0; 2];
    for (i, down) in down.into_iter().enumerate() {
        for (j, right) in right.into_iter().enumerate() {
            let node = nodes[(top + i) * NODES + left + j];
            sum = [0, 1].map(|axis| sum[axis] + down * right * node[axis]);
        }
    }
    sum
}

/// Between the four pixels round a place, bilinear; outside of the image is `fill`.
fn interpolated(
    image: &[f64],
    [height, width, channels]: [usize; 3],
    [row, column]: [f64; 2],
    channel: usize,
    fill: f64,
) -> f64 {
    let value = |row: f64, column: f64| {
        let is_inside = row >= 0.0 && row < height as f64 && column >= 0.0 && column < width as f64;
        if is_inside { image[(row as usize * width + column as usize) * channels + channel] } else { fill }
    };
    let (top, left) = (row.floor(), column.floor());
    let (down, right) = (row - top, column - left);
    let between = |row: f64| value(row, left) * (1.0 - right) + value(row, left + 1.0) * right;
    between(top) * (1.0 - down) + between(top + 1.0) * down
}

#[cfg(test)]
mod tests;
