//! What all plots share: size, colors, letters, title and legend.

use std::sync::OnceLock;

use image::{RgbImage, imageops};
use plotters::{
    coord::{CoordTranslate, Shift},
    prelude::*,
    style::register_font,
};

use super::ReportError;

pub(super) const WIDTH: u32 = 960;
pub(super) const HEIGHT: u32 = 600;
/// Plots are drawn this many times larger and averaged down, which smooths lines and letters alike.
const OVERSAMPLING: i32 = 3;
/// Okabe and Ito's palette, which people with any kind of color vision can tell apart; without its yellow, too light on white.
pub(super) const PALETTE: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];
const TEXT_COLOR: RGBColor = RGBColor(51, 51, 51);
pub(super) const AXIS_COLOR: RGBColor = RGBColor(120, 120, 120);
pub(super) const GRID_COLOR: RGBColor = RGBColor(232, 232, 232);
/// Where the legend begins, in pixels from the upper edge.
const LEGEND_TOP: i32 = 60;
const FONT: &str = "Noto Sans";
/// Names beyond this many rows of the legend are left out, so that the plot keeps its room.
const MOST_LEGEND_ROWS: i32 = 4;

pub(super) type Canvas<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
pub(super) type DrawingError = DrawingAreaErrorKind<<BitMapBackend<'static> as DrawingBackend>::ErrorType>;

/// How something is drawn, in the chart and before its name in the legend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// A line.
    Line,
    /// Points, as filled circles.
    Circle,
    /// Points, as filled triangles.
    Triangle,
    /// Points, as crosses.
    Cross,
}

/// A name in the legend, and how what it names is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub name: &'a str,
    pub color: RGBColor,
    pub mark: Mark,
}

/// Names of lines, in the palette's colors.
pub(super) fn lines<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Entry<'a>> {
    let entry = |(name, color)| Entry { name, color, mark: Mark::Line };
    names.into_iter().zip(PALETTE.into_iter().cycle()).map(entry).collect()
}

/// A picture of 960×600 pixels with a title, a legend, and below them what `draw_chart` draws.
///
/// # Errors
/// [`ReportError::Plot`] if the drawing library fails.
pub(super) fn picture(
    title: &str,
    legend: &[Entry<'_>],
    draw_chart: impl FnOnce(&Canvas<'_>) -> Result<(), DrawingError>,
) -> Result<RgbImage, ReportError> {
    let failed = |reason: String| ReportError::Plot { title: title.to_owned(), reason };
    register_fonts().map_err(failed)?;
    let (width, height) = (WIDTH * OVERSAMPLING as u32, HEIGHT * OVERSAMPLING as u32);
    let mut pixels = RgbImage::new(width, height);
    let draw = || {
        let canvas = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        canvas.fill(&WHITE)?;
        canvas.draw_text(title, &text(27), (px(24), px(20)))?;
        let legend_height = draw_legend(legend, &canvas)?;
        draw_chart(&canvas.margin(px(LEGEND_TOP) + legend_height, px(14), px(12), px(28)))?;
        canvas.present()
    };
    draw().map_err(|cause: DrawingError| failed(cause.to_string()))?;
    Ok(imageops::thumbnail(&pixels, WIDTH, HEIGHT))
}

/// Draws the legend in rows below the title, and returns the rows' height.
fn draw_legend(legend: &[Entry<'_>], canvas: &Canvas<'_>) -> Result<i32, DrawingError> {
    let (left, right, row_height) = (px(24), px(WIDTH as i32 - 24), px(24));
    let (mut x, mut row) = (left, 0);
    for &Entry { name, color, mark } in legend {
        let (name_width, _) = canvas.estimate_text_size(name, &text(18))?;
        let mark_width = if mark == Mark::Line { px(32) } else { px(16) };
        let entry_width = mark_width + px(2) + name_width as i32;
        if x > left && x + entry_width > right {
            (x, row) = (left, row + 1);
        }
        if row == MOST_LEGEND_ROWS {
            return Ok(row * row_height);
        }
        let y = px(LEGEND_TOP) + row * row_height;
        let middle = y + px(5);
        match mark {
            Mark::Line => canvas.draw(&PathElement::new([(x, middle), (x + px(24), middle)], line(color, 2)))?,
            _ => draw_point(canvas, (x + px(5), middle), 5, color, mark)?,
        }
        canvas.draw_text(name, &text(18), (x + mark_width, y))?;
        x += entry_width + px(24);
    }
    Ok((row + 1) * row_height)
}

/// Draws a point of this size at a place in the area's own coordinates. A line has no points and is drawn as if of circles.
pub(super) fn draw_point<Coordinates: CoordTranslate>(
    area: &DrawingArea<BitMapBackend<'_>, Coordinates>,
    place: Coordinates::From,
    size: i32,
    color: RGBColor,
    mark: Mark,
) -> Result<(), DrawingError>
where
    Coordinates::From: Clone,
{
    match mark {
        Mark::Line | Mark::Circle => area.draw(&Circle::new(place, px(size), color.filled())),
        Mark::Triangle => area.draw(&TriangleMarker::new(place, px(size), color.filled())),
        Mark::Cross => area.draw(&Cross::new(place, px(size), line(color, 2))),
    }
}

/// A length in the finished plot's pixels, as one on the canvas.
pub(super) const fn px(length: i32) -> i32 {
    length * OVERSAMPLING
}

pub(super) fn line(color: RGBColor, width: i32) -> ShapeStyle {
    color.stroke_width(px(width) as u32)
}

pub(super) fn text(size: i32) -> TextStyle<'static> {
    (FONT, px(size)).into_font().color(&TEXT_COLOR)
}

/// Makes the embedded font known to the drawing library, once.
fn register_fonts() -> Result<(), String> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let registered = REGISTERED.get_or_init(|| register_font(FONT, FontStyle::Normal, notosans::REGULAR_TTF).is_ok());
    if *registered { Ok(()) } else { Err("the embedded font is damaged".to_owned()) }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// How many pixels have exactly the color of the palette's `index`.
    pub fn pixels_of(picture: &RgbImage, index: usize) -> usize {
        let RGBColor(red, green, blue) = PALETTE[index];
        picture.pixels().filter(|pixel| pixel.0 == [red, green, blue]).count()
    }
}
