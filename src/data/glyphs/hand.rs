//! One random hand: how far its strokes stray, how its digits lean, and where on the canvas it sets them.

use super::canvas::SIZE;
use super::strokes::{Knot, MAX_KNOTS, MAX_STROKES, Style};
use crate::reference::philox::Sequence;

/// A point: x to the right, y down. A digit's box is [−0.5, 0.5] both ways; the canvas is measured in pixels.
#[derive(Clone, Copy, Default)]
pub struct Point {
    pub x: f32,
    pub y: f32,
}

/// The usual size of a digit, and the most that it may take either way, in pixels.
const DIGIT_SIZE: f32 = 20.0;
/// The bounds of a hand's carelessness, which scales its strays and bends: most digits are easy to read, a few are not.
const CARELESSNESS: [f32; 2] = [0.4, 1.6];

// Standard deviations.
/// Of a knot from its place, in boxes, for a hand of carelessness 1.
const STRAY: f32 = 0.045;
/// Of the coefficients of the bend, for a hand of carelessness 1.
const BEND: f32 = 0.27;
/// Of the tangent of half the angle of rotation: about 5° of rotation.
const HALF_TANGENT: f32 = 0.045;
/// Of the shear, in widths a height.
const SHEAR: f32 = 0.18;
/// Of the width and of the height, as parts of them.
const WIDTH: f32 = 0.10;
const HEIGHT: f32 = 0.04;
/// Of the digit's middle from the canvas's, in pixels.
const SHIFT: f32 = 0.4;

/// The mean shear: most hands lean to the right.
const MEAN_SHEAR: f32 = -0.15;
/// How much of a knot's stray the next knot shares: what makes a line drift rather than tremble.
const DRIFT: f32 = 0.6;
/// The straight lines that stand for the curve between two knots.
const LINES_PER_CURVE: u32 = 5;

/// Draws `style` with a random hand, calling `line` with the ends of each short straight line, in pixels of the canvas.
pub fn write(style: Style, random: &mut Sequence, mut line: impl FnMut(Point, Point)) {
    let carelessness = random.uniform(CARELESSNESS[0], CARELESSNESS[1]);
    let bend = Bend::draw(BEND * carelessness, random);
    let lean = Lean::draw(random);
    let mut paths = [[Point::default(); MAX_KNOTS]; MAX_STROKES];
    for (path, stroke) in paths.iter_mut().zip(style) {
        let mut stray = Stray::draw(STRAY * carelessness, random);
        for (point, knot) in path.iter_mut().zip(*stroke) {
            *point = lean.apply(bend.apply(stray.apply(knot, random)));
        }
    }
    let placement = Placement::draw(style.iter().zip(&paths).flat_map(|(stroke, path)| &path[..stroke.len()]), random);
    for (path, stroke) in paths.iter_mut().zip(style) {
        let path = &mut path[..stroke.len()];
        path.iter_mut().for_each(|point| *point = placement.apply(*point));
        smooth_curve(stroke, path, &mut line);
    }
}

/// How far the knots of one stroke are from where they should be: a random walk that always tends back.
struct Stray {
    deviation: f32,
    offset: Point,
}

impl Stray {
    fn draw(deviation: f32, random: &mut Sequence) -> Self {
        Self { deviation, offset: Point { x: deviation * bell(random), y: deviation * bell(random) } }
    }

    /// Where the hand puts the next knot of the stroke, in the digit's box.
    fn apply(&mut self, knot: &Knot, random: &mut Sequence) -> Point {
        let place = |hundredths: i8, offset: f32| f32::from(hundredths) * 0.01 - 0.5 + offset;
        let point = Point { x: place(knot.x, self.offset.x), y: place(knot.y, self.offset.y) };
        // Keeps the deviation from knot to knot: DRIFT² + fresh² = 1.
        let fresh = self.deviation * (1.0 - DRIFT * DRIFT).sqrt();
        self.offset.x = DRIFT * self.offset.x + fresh * bell(random);
        self.offset.y = DRIFT * self.offset.y + fresh * bell(random);
        point
    }
}

/// A random bend of the digit's box: each coordinate gains a random multiple of x², xy and y².
struct Bend {
    of_x: [f32; 3],
    of_y: [f32; 3],
}

impl Bend {
    fn draw(strength: f32, random: &mut Sequence) -> Self {
        let mut draw = || [(); 3].map(|()| strength * bell(random));
        Self { of_x: draw(), of_y: draw() }
    }

    fn apply(&self, Point { x, y }: Point) -> Point {
        let gain = |[xx, xy, yy]: [f32; 3]| xx * x * x + xy * x * y + yy * y * y;
        Point { x: x + gain(self.of_x), y: y + gain(self.of_y) }
    }
}

/// A random scale, shear and rotation, from the digit's box to pixels about its center.
struct Lean {
    width: f32,
    height: f32,
    shear: f32,
    cos: f32,
    sin: f32,
}

impl Lean {
    fn draw(random: &mut Sequence) -> Self {
        // The tangent of half the angle spares sine and cosine, whose last bits depend on the platform.
        let half_tangent = HALF_TANGENT * bell(random);
        let norm = 1.0 + half_tangent * half_tangent;
        Self {
            width: DIGIT_SIZE * (1.0 + WIDTH * bell(random)),
            height: DIGIT_SIZE * (1.0 + HEIGHT * bell(random)),
            shear: MEAN_SHEAR + SHEAR * bell(random),
            cos: (1.0 - half_tangent * half_tangent) / norm,
            sin: 2.0 * half_tangent / norm,
        }
    }

    fn apply(&self, point: Point) -> Point {
        let y = self.height * point.y;
        let x = self.width * point.x + self.shear * y;
        Point { x: self.cos * x - self.sin * y, y: self.sin * x + self.cos * y }
    }
}

/// Sets a digit near the middle of the canvas, shrunk where it is too large, so that its ink stays on the canvas.
struct Placement {
    scale: f32,
    from: Point,
    to: Point,
}

impl Placement {
    fn draw<'a>(points: impl Iterator<Item = &'a Point>, random: &mut Sequence) -> Self {
        let mut low = Point { x: f32::INFINITY, y: f32::INFINITY };
        let mut high = Point { x: f32::NEG_INFINITY, y: f32::NEG_INFINITY };
        for point in points {
            low = Point { x: low.x.min(point.x), y: low.y.min(point.y) };
            high = Point { x: high.x.max(point.x), y: high.y.max(point.y) };
        }
        let largest = (high.x - low.x).max(high.y - low.y).max(DIGIT_SIZE);
        let mut near_middle = || SIZE as f32 / 2.0 + SHIFT * bell(random);
        Self {
            scale: DIGIT_SIZE / largest,
            from: Point { x: 0.5 * (low.x + high.x), y: 0.5 * (low.y + high.y) },
            to: Point { x: near_middle(), y: near_middle() },
        }
    }

    fn apply(&self, point: Point) -> Point {
        Point {
            x: self.to.x + self.scale * (point.x - self.from.x),
            y: self.to.y + self.scale * (point.y - self.from.y),
        }
    }
}

/// The Catmull-Rom spline through `path`, in straight lines, broken at corners.
fn smooth_curve(knots: &[Knot], path: &[Point], line: &mut impl FnMut(Point, Point)) {
    for start in 0..path.len().saturating_sub(1) {
        let end = start + 1;
        let before = if start == 0 || knots[start].corner { start } else { start - 1 };
        let after = if end + 1 == path.len() || knots[end].corner { end } else { end + 1 };
        let mut from = path[start];
        for step in 1..=LINES_PER_CURVE {
            let t = step as f32 / LINES_PER_CURVE as f32;
            let to = catmull_rom([path[before], path[start], path[end], path[after]], t);
            line(from, to);
            from = to;
        }
    }
}

/// The point at `t` in [0, 1] between the middle two of four knots of a uniform Catmull-Rom spline.
fn catmull_rom([a, b, c, d]: [Point; 4], t: f32) -> Point {
    let between = |a: f32, b: f32, c: f32, d: f32| {
        let cubic = 3.0 * (b - c) + d - a;
        let square = 2.0 * a - 5.0 * b + 4.0 * c - d;
        b + 0.5 * t * (c - a + t * (square + t * cubic))
    };
    Point { x: between(a.x, b.x, c.x, d.x), y: between(a.y, b.y, c.y, d.y) }
}

/// A bell-shaped random number of mean 0 and standard deviation 1, within ±3: a sum of three uniforms.
fn bell(random: &mut Sequence) -> f32 {
    let sum = random.uniform(0.0, 1.0) + random.uniform(0.0, 1.0) + random.uniform(0.0, 1.0);
    2.0 * (sum - 1.5)
}
