//! Line plots as PNG.

use std::path::Path;

use image::RgbImage;
use plotters::prelude::*;

use super::{
    ReportError,
    axis::{self, Axis, Scale},
    canvas::{Canvas, DrawingError, PALETTE, line, lines, picture, px},
    chart::chart,
    files::save_png,
};

/// Points are marked on lines of at most this many.
const MOST_MARKED_POINTS: usize = 40;

/// A named line, and a dashed one of the same color that goes with it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub label: String,
    /// Its points (x, y) from left to right. The line is interrupted where one is not finite.
    pub points: Vec<(f64, f64)>,
    /// Those of the dashed line; empty if there is none.
    pub dashed: Vec<(f64, f64)>,
}

/// What a plot shows.
#[derive(Debug, Clone, Copy)]
struct LinePlot<'a> {
    /// Stands above the plot.
    title: &'a str,
    /// What x, a whole number, is.
    x_description: &'a str,
    /// What y is, with its unit.
    y_description: &'a str,
    /// The lines, in the order of the legend.
    series: &'a [Series],
}

/// Draws losses over epochs and writes them as PNG to `path`. `y_description` names the loss and its unit.
///
/// # Errors
/// [`ReportError::Plot`] if it cannot be drawn, [`ReportError::Write`] if it cannot be written.
pub fn loss_plot(path: &Path, series: &[Series], y_description: &str) -> Result<(), ReportError> {
    let plot = LinePlot { title: "Loss by epoch", x_description: "epoch", y_description, series };
    save_png(path, &line_plot(&plot)?)
}

/// Draws lines over linear axes, 960×600 pixels.
///
/// # Errors
/// [`ReportError::Plot`] if the drawing library fails.
fn line_plot(plot: &LinePlot<'_>) -> Result<RgbImage, ReportError> {
    let names = plot.series.iter().map(|series| series.label.as_str());
    picture(plot.title, &lines(names), |area| draw_chart(plot, area))
}

fn draw_chart(plot: &LinePlot<'_>, area: &Canvas<'_>) -> Result<(), DrawingError> {
    let all = |series: &'_ Series| series.points.iter().chain(&series.dashed).copied().collect::<Vec<_>>();
    let points = || plot.series.iter().flat_map(all).filter(is_drawable);
    let x_axis = Axis::covering(points().map(|(x, _)| x), Scale::Integer, 12);
    let y_axis = Axis::covering(points().map(|(_, y)| y), Scale::Real, 10);
    let mut chart = chart(area, (x_axis, y_axis), [plot.x_description, plot.y_description], None)?;
    for (series, color) in plot.series.iter().zip(PALETTE.into_iter().cycle()) {
        for run in series.dashed.split(|point| !is_drawable(point)) {
            chart.draw_series(DashedLineSeries::new(run.iter().copied(), px(6), px(5), line(color, 2)))?;
        }
        for run in series.points.split(|point| !is_drawable(point)) {
            chart.draw_series(LineSeries::new(run.iter().copied(), line(color, 2)))?;
            // A point between two gaps has no line and would be invisible.
            if series.points.len() <= MOST_MARKED_POINTS || run.len() == 1 {
                chart.draw_series(run.iter().map(|&point| Circle::new(point, px(4), color.filled())))?;
            }
        }
    }
    Ok(())
}

fn is_drawable(&(x, y): &(f64, f64)) -> bool {
    axis::is_drawable(x) && axis::is_drawable(y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::canvas::testing::pixels_of;
    use crate::report::canvas::{HEIGHT, WIDTH};

    fn series(label: &str, points: &[(f64, f64)]) -> Series {
        Series { label: label.into(), points: points.to_vec(), dashed: Vec::new() }
    }

    fn plot(series: &[Series]) -> RgbImage {
        let (x_description, y_description) = ("epoch", "loss (nats per pixel)");
        line_plot(&LinePlot { title: "Loss", x_description, y_description, series }).unwrap()
    }

    #[test]
    fn every_series_is_drawn_in_its_own_color() {
        let falling = series("train", &[(1.0, 0.3), (2.0, 0.2), (3.0, 0.1)]);
        let constant = series("test", &[(1.0, 0.25), (2.0, 0.25), (3.0, 0.25)]);
        let picture = plot(&[falling, constant]);
        assert_eq!(picture.dimensions(), (WIDTH, HEIGHT));
        assert!(pixels_of(&picture, 0) > 500 && pixels_of(&picture, 1) > 500);
        assert_eq!(pixels_of(&picture, 2), 0);
    }

    #[test]
    fn a_single_point_is_visible() {
        let with_label_only = pixels_of(&plot(&[series("train", &[])]), 0);
        let with_point = pixels_of(&plot(&[series("train", &[(1.0, 0.3)])]), 0);
        assert!(with_point >= with_label_only + 20, "{with_point} against {with_label_only}");
    }

    #[test]
    fn points_that_are_not_finite_are_left_out() {
        let finite = [(1.0, 0.3), (2.0, 0.2)];
        let diverged =
            [(1.0, 0.3), (2.0, 0.2), (3.0, f64::NAN), (f64::INFINITY, 0.1), (4.0, f64::NEG_INFINITY), (5.0, 1e300)];
        assert_eq!(plot(&[series("train", &finite)]), plot(&[series("train", &diverged)]));
    }

    #[test]
    fn a_gap_interrupts_the_line() {
        let whole = plot(&[series("train", &[(1.0, 0.3), (2.0, 0.3), (3.0, 0.3), (4.0, 0.3)])]);
        let gap = plot(&[series("train", &[(1.0, 0.3), (2.0, f64::NAN), (3.0, 0.3), (4.0, 0.3)])]);
        assert!(pixels_of(&gap, 0) + 200 < pixels_of(&whole, 0));
    }

    #[test]
    fn a_dashed_line_has_the_color_of_its_own_and_counts_for_the_axes() {
        let flat = [(1.0, 0.3), (2.0, 0.3), (3.0, 0.3)];
        let alone = plot(&[series("train", &flat)]);
        let both = plot(&[Series {
            dashed: vec![(1.0, 0.9), (2.0, f64::NAN), (2.0, 0.9), (3.0, 0.9)],
            ..series("train", &flat)
        }]);
        assert!(pixels_of(&both, 0) > pixels_of(&alone, 0) && pixels_of(&both, 1) == 0);
    }

    #[test]
    fn nothing_to_draw_and_many_long_names_still_make_a_plot() {
        let empty = plot(&[]);
        let names = (0..200).map(|index| format!("{index} {}", "long ".repeat(index)));
        let long_names: Vec<_> = names.map(|name| series(&name, &[(1.0, 0.1)])).collect();
        assert_ne!(plot(&long_names), empty);
    }

    #[test]
    fn a_loss_plot_is_a_png_of_its_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loss.png");
        loss_plot(&path, &[series("train", &[(1.0, 0.3), (2.0, 0.2)])], "BCE (nats per pixel)").unwrap();
        assert_eq!(image::image_dimensions(&path).unwrap(), (WIDTH, HEIGHT));
    }
}
