//! How well methods do with few labels: accuracy over labeled images of a class as PNG.

use std::path::Path;

use image::RgbImage;
use plotters::prelude::*;

use super::{
    ReportError,
    axis::{Axis, Scale},
    canvas::{Canvas, DrawingError, lines, picture},
    chart::{chart, draw_curves},
    files::save_png,
    plot::Series,
};

/// Draws accuracies in percent over the labeled images of a class, which are at least 1, on a logarithmic axis, and writes them as PNG to
/// `path`.
///
/// # Errors
/// [`ReportError::Plot`] if it cannot be drawn, [`ReportError::Write`] if it cannot be written.
pub fn label_curve(path: &Path, title: &str, series: &[Series]) -> Result<(), ReportError> {
    save_png(path, &draw(title, series)?)
}

fn draw(title: &str, series: &[Series]) -> Result<RgbImage, ReportError> {
    picture(title, &lines(series.iter().map(|series| series.label.as_str())), |area| draw_chart(series, area))
}

fn draw_chart(series: &[Series], area: &Canvas<'_>) -> Result<(), DrawingError> {
    let points = || series.iter().flat_map(|series| series.points.iter().copied()).filter(is_drawable);
    let most = points().map(|(labels, _)| labels).fold(10.0, f64::max);
    let accuracies = Axis::covering(points().map(|(_, accuracy)| accuracy), Scale::Real, 10);
    let descriptions = ["labeled images of a class", "accuracy on the test images in percent"];
    let axes = ((0.8..most * 1.25).log_scale(), accuracies);
    let mut chart = chart(area, axes, descriptions, Some(&|labels| format!("{labels:.0}")))?;
    draw_curves(&mut chart, series, is_drawable)
}

fn is_drawable(&(labels, accuracy): &(f64, f64)) -> bool {
    (1.0..1e9).contains(&labels) && accuracy.is_finite()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::canvas::testing::pixels_of;

    #[test]
    fn every_curve_is_drawn_in_its_own_color() {
        let series = |label: &str, end| Series {
            label: label.into(),
            points: vec![(1.0, 40.0), (10.0, 70.0), (100.0, end)],
            dashed: Vec::new(),
        };
        let picture = draw("Few labels", &[series("codes", 90.0), series("pixels", 80.0)]).unwrap();
        assert!(pixels_of(&picture, 0) > 300 && pixels_of(&picture, 1) > 200);
        assert_eq!(pixels_of(&picture, 2), 0);
        assert!(draw("Nothing", &[]).is_ok());
    }
}
