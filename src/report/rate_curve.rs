//! What an image takes, and how near it stays to what it was: rates and distortions as PNG.

use std::path::Path;

use image::RgbImage;
use plotters::prelude::*;

use super::{
    ReportError,
    axis::{Axis, Scale},
    canvas::{Canvas, DrawingError, PALETTE, line, lines, picture, px},
    chart::{chart, draw_curves},
    files::save_png,
    plot::Series,
};

/// Draws peak signal-to-noise ratios in decibels over the bytes of an image, on a logarithmic axis, and writes them as PNG to `path`. What
/// loses nothing has no such ratio: `lossless` names it, and a dashed line stands where its bytes are.
///
/// # Errors
/// [`ReportError::Plot`] if it cannot be drawn, [`ReportError::Write`] if it cannot be written.
pub fn rate_curve(
    path: &Path,
    title: &str,
    series: &[Series],
    lossless: Option<(&str, f64)>,
) -> Result<(), ReportError> {
    save_png(path, &draw(title, series, lossless)?)
}

fn draw(title: &str, series: &[Series], lossless: Option<(&str, f64)>) -> Result<RgbImage, ReportError> {
    let label = lossless.map(|(name, _)| format!("{name} (nothing lost)"));
    let names = series.iter().map(|series| series.label.as_str()).chain(label.as_deref());
    picture(title, &lines(names), |area| draw_chart(series, lossless.map(|(_, bytes)| bytes), area))
}

fn draw_chart(series: &[Series], lossless: Option<f64>, area: &Canvas<'_>) -> Result<(), DrawingError> {
    let points = || series.iter().flat_map(|series| series.points.iter().copied()).filter(is_drawable);
    let bytes = || points().map(|(bytes, _)| bytes).chain(lossless);
    let least = bytes().fold(f64::INFINITY, f64::min).min(1e6);
    let most = bytes().fold(least, f64::max);
    let ratios = Axis::covering(points().map(|(_, ratio)| ratio), Scale::Real, 10);
    let (low, high) = points().fold((0.0f64, 1.0f64), |(low, high), (_, ratio)| (low.min(ratio), high.max(ratio)));
    let axes = ((least / 1.4..most * 1.4).log_scale(), ratios);
    let descriptions = ["bytes an image", "peak signal-to-noise ratio in decibels"];
    let mut chart = chart(area, axes, descriptions, Some(&|bytes| format!("{bytes:.0}")))?;
    draw_curves(&mut chart, series, is_drawable)?;
    if let (Some(bytes), Some(color)) = (lossless, PALETTE.into_iter().cycle().nth(series.len())) {
        let upright = [(bytes, low), (bytes, high)];
        chart.draw_series(DashedLineSeries::new(upright, px(6), px(5), line(color, 2)))?;
    }
    Ok(())
}

fn is_drawable(&(bytes, ratio): &(f64, f64)) -> bool {
    (1e-3..1e12).contains(&bytes) && ratio.is_finite()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::canvas::testing::pixels_of;

    #[test]
    fn every_curve_and_what_loses_nothing_have_their_own_color() {
        let series = |label: &str, bytes: f64| Series {
            label: label.into(),
            points: vec![(bytes, 15.0), (2.0 * bytes, 20.0), (3.0 * bytes, f64::INFINITY)],
            dashed: Vec::new(),
        };
        let both = [series("codes", 10.0), series("JPEG", 300.0)];
        let picture = draw("Rates", &both, Some(("PNG", 310.0))).unwrap();
        assert!((0..3).all(|place| pixels_of(&picture, place) > 100));
        assert_eq!(pixels_of(&draw("Rates", &both, None).unwrap(), 2), 0);
        assert!(draw("Nothing", &[], None).is_ok());
    }
}
