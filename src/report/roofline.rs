//! What an adapter computes beside what it could: the roofline (Williams, Waterman & Patterson, CACM 52(4), 2009) as PNG.

use std::ops::Range;
use std::path::Path;

use image::RgbImage;
use plotters::prelude::*;

use super::{
    ReportError,
    canvas::{Canvas, DrawingError, PALETTE, line, lines, picture, px},
    chart::chart,
    files::save_png,
};

/// An adapter's limits and what ran on it.
#[derive(Debug, Clone)]
pub struct Roofline {
    /// The adapter.
    pub title: String,
    /// Floating-point operations a second that it reaches at most.
    pub operations_per_second: f64,
    /// Bytes a second that it moves at most.
    pub bytes_per_second: f64,
    /// Kinds of work, each in a color of its own.
    pub works: Vec<Work>,
}

/// A kind of work: its name, and for each piece of it (operations for each byte, operations a second).
#[derive(Debug, Clone)]
pub struct Work {
    /// What the legend calls it.
    pub name: String,
    /// (operations for each byte, operations a second) of each piece.
    pub points: Vec<(f64, f64)>,
}

/// Draws the roof, and the works below it, over logarithmic axes, and writes them as PNG to `path`.
///
/// # Errors
/// [`ReportError::Plot`] if it cannot be drawn, [`ReportError::Write`] if it cannot be written.
pub fn roofline_plot(path: &Path, roofline: &Roofline) -> Result<(), ReportError> {
    save_png(path, &draw(roofline)?)
}

fn draw(roofline: &Roofline) -> Result<RgbImage, ReportError> {
    let names = ["limit of the adapter"].into_iter().chain(roofline.works.iter().map(|work| work.name.as_str()));
    picture(&roofline.title, &lines(names), |area| draw_chart(roofline, area))
}

fn draw_chart(roofline: &Roofline, area: &Canvas<'_>) -> Result<(), DrawingError> {
    let Roofline { operations_per_second: peak, bytes_per_second: bandwidth, works, .. } = roofline;
    let points = || works.iter().flat_map(|work| &work.points).copied().filter(is_drawable);
    // Where memory no longer limits.
    let ridge = peak / bandwidth;
    let intensities = decades(points().map(|(intensity, _)| intensity).chain([ridge]));
    let rates = decades(points().map(|(_, rate)| rate / GIGA).chain([peak / GIGA]));
    let roof = [intensities.start, ridge, intensities.end]
        .map(|intensity| (intensity, (intensity * bandwidth).min(*peak).max(rates.start * GIGA) / GIGA));
    let axes = (intensities.log_scale(), rates.log_scale());
    let mut chart = chart(area, axes, ["operations for each byte", "GFLOP/s"], None)?;
    chart.draw_series(LineSeries::new(roof, line(PALETTE[0], 2)))?;
    for (work, color) in works.iter().zip(PALETTE.into_iter().cycle().skip(1)) {
        let points = work.points.iter().copied().filter(is_drawable);
        chart.draw_series(points.map(|(x, rate)| Circle::new((x, rate / GIGA), px(5), color.filled())))?;
    }
    Ok(())
}

const GIGA: f64 = 1e9;

/// The powers of ten between which all values lie.
fn decades(values: impl Iterator<Item = f64>) -> Range<f64> {
    let logarithms: Vec<f64> = values.filter(|value| *value > 0.0 && value.is_finite()).map(f64::log10).collect();
    let least = logarithms.iter().copied().fold(f64::INFINITY, f64::min).floor();
    let most = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max).ceil();
    if least.is_finite() { 10f64.powf(least)..10f64.powf(most.max(least + 1.0)) } else { 1.0..10.0 }
}

fn is_drawable(&(intensity, rate): &(f64, f64)) -> bool {
    // A logarithm takes positive numbers only; a NaN fails both comparisons.
    (1e-9..1e99).contains(&intensity) && (1e-9..1e99).contains(&rate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::canvas::testing::pixels_of;

    fn roofline(points: &[(f64, f64)]) -> Roofline {
        let work = Work { name: "products".into(), points: points.to_vec() };
        Roofline { title: "An adapter".into(), operations_per_second: 5e10, bytes_per_second: 1e10, works: vec![work] }
    }

    #[test]
    fn the_roof_and_every_point_are_drawn() {
        let none = draw(&roofline(&[])).unwrap();
        assert!(pixels_of(&none, 0) > 500);
        let two = draw(&roofline(&[(2.0, 1e9), (100.0, 3e10)])).unwrap();
        assert!(pixels_of(&two, 1) >= pixels_of(&none, 1) + 100);
    }

    #[test]
    fn what_has_no_logarithm_is_left_out() {
        let odd = [(0.0, 1e9), (1.0, f64::NAN), (f64::INFINITY, 1e9), (-1.0, -1.0)];
        assert_eq!(draw(&roofline(&odd)).unwrap(), draw(&roofline(&[])).unwrap());
    }

    #[test]
    fn axes_run_between_powers_of_ten() {
        assert_eq!(decades([0.3, 70.0].into_iter()), 0.1..100.0);
        assert_eq!(decades([f64::NAN].into_iter()), 1.0..10.0);
        assert_eq!(decades([10.0].into_iter()), 10.0..100.0);
    }
}
