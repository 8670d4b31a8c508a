//! Strokes to gray pixels.

use super::hand::Point;
use crate::reference::philox::Sequence;

/// Pixels a side.
pub const SIZE: usize = 28;

/// The line a pen leaves.
pub struct Pen {
    /// Half the width of the line, to the middle of its edge, in pixels.
    pub radius: f32,
    /// Half the width over which the edge fades, in pixels: its blur.
    pub softness: f32,
    /// The gray of a line's middle, where 1 is white; what is above 1 only widens the white.
    pub ink: f32,
    /// How much of a pixel's ink the grain of the paper may take away, in [0, 1].
    pub grain: f32,
}

impl Pen {
    pub fn draw(random: &mut Sequence) -> Self {
        Self {
            radius: random.uniform(0.65, 1.7),
            softness: random.uniform(0.55, 0.85),
            ink: random.uniform(0.85, 1.3),
            grain: random.uniform(0.0, 0.2),
        }
    }

    /// How far from the middle of a line its ink reaches, in pixels.
    fn reach(&self) -> f32 {
        self.radius + self.softness
    }

    /// The gray at a distance from the middle of a line, before the grain.
    fn gray(&self, distance: f32) -> f32 {
        let depth = ((self.reach() - distance) / (2.0 * self.softness)).clamp(0.0, 1.0);
        self.ink * depth * depth * (3.0 - 2.0 * depth)
    }
}

/// For each pixel, the squared distance from its center to the nearest line, as far as ink can reach.
pub struct Canvas {
    pen: Pen,
    squared_distance: [[f32; SIZE]; SIZE],
}

impl Canvas {
    pub fn new(pen: Pen) -> Self {
        Self { pen, squared_distance: [[f32::INFINITY; SIZE]; SIZE] }
    }

    /// Draws a straight line. Only pixels that it can ink are visited.
    pub fn line(&mut self, from: Point, to: Point) {
        let reach = self.pen.reach();
        let columns = pixels_between(from.x.min(to.x) - reach, from.x.max(to.x) + reach);
        let rows = pixels_between(from.y.min(to.y) - reach, from.y.max(to.y) + reach);
        let along = Point { x: to.x - from.x, y: to.y - from.y };
        let squared_length = along.x * along.x + along.y * along.y;
        let inverse = if squared_length > 0.0 { 1.0 / squared_length } else { 0.0 };
        for row in rows {
            let y = row as f32 + 0.5 - from.y;
            for column in columns.clone() {
                let x = column as f32 + 0.5 - from.x;
                let nearest = ((x * along.x + y * along.y) * inverse).clamp(0.0, 1.0);
                let (dx, dy) = (x - nearest * along.x, y - nearest * along.y);
                let squared = &mut self.squared_distance[row][column];
                *squared = squared.min(dx * dx + dy * dy);
            }
        }
    }

    /// Inks the pixels near the lines; all others become exactly 0.
    pub fn develop(&self, random: &mut Sequence, pixels: &mut [u8]) {
        let squared_reach = self.pen.reach() * self.pen.reach();
        for (pixel, squared) in pixels.iter_mut().zip(self.squared_distance.as_flattened()) {
            *pixel = 0;
            if *squared < squared_reach {
                let gray = self.pen.gray(squared.sqrt()) * (1.0 - random.uniform(0.0, self.pen.grain));
                *pixel = (gray.min(1.0) * 255.0 + 0.5) as u8;
            }
        }
    }
}

/// The pixels of the canvas that have their center between `low` and `high`.
fn pixels_between(low: f32, high: f32) -> std::ops::Range<usize> {
    let clamp = |edge: f32| (edge + 0.5).floor().clamp(0.0, SIZE as f32) as usize;
    clamp(low)..clamp(high)
}
