//! Points in the plane, colored by class, as PNG.

use std::path::Path;

use image::RgbImage;
use plotters::prelude::*;

use super::{
    ReportError,
    axis::{self, Axis, Scale},
    canvas::{Canvas, DrawingError, Entry, Mark, PALETTE, draw_point, picture},
    chart::chart,
    files::save_png,
};

/// Classes are told apart by color first, and then by mark.
const MARKS: [Mark; 3] = [Mark::Circle, Mark::Triangle, Mark::Cross];

/// Points and what is known of them.
#[derive(Debug, Clone, Copy)]
pub struct Scatter<'a> {
    /// Stands above the plot.
    pub title: &'a str,
    /// What x and y are.
    pub descriptions: [&'a str; 2],
    /// (x, y); those that are not finite are left out.
    pub points: &'a [[f64; 2]],
    /// The class of each point, an index into the names, if there are classes.
    pub labels: Option<&'a [u32]>,
    /// The classes' names, in the order of the legend; empty without classes.
    pub class_names: &'a [String],
}

/// Draws the points over linear axes and writes them as PNG to `path`.
///
/// # Errors
/// [`ReportError::Plot`] if it cannot be drawn, [`ReportError::Write`] if it cannot be written.
pub fn scatter_plot(path: &Path, scatter: &Scatter<'_>) -> Result<(), ReportError> {
    save_png(path, &draw(scatter)?)
}

fn draw(scatter: &Scatter<'_>) -> Result<RgbImage, ReportError> {
    let entry = |(class, name)| {
        let (color, mark) = look(class);
        Entry { name, color, mark }
    };
    let legend: Vec<Entry<'_>> = scatter.class_names.iter().map(String::as_str).enumerate().map(entry).collect();
    picture(scatter.title, &legend, |area| draw_chart(scatter, area))
}

/// How the points of a class are drawn.
fn look(class: usize) -> (RGBColor, Mark) {
    (PALETTE[class % PALETTE.len()], MARKS[class / PALETTE.len() % MARKS.len()])
}

fn draw_chart(scatter: &Scatter<'_>, area: &Canvas<'_>) -> Result<(), DrawingError> {
    let [x_axis, y_axis] = [0, 1].map(|axis| {
        let drawable = scatter.points.iter().filter(|point| is_drawable(point));
        Axis::covering(drawable.map(|point| point[axis]), Scale::Real, 10)
    });
    let chart = chart(area, (x_axis, y_axis), scatter.descriptions, None)?;
    // In the order of the points, so that no class lies over all others.
    for (index, &[x, y]) in scatter.points.iter().enumerate().filter(|(_, point)| is_drawable(point)) {
        let class = scatter.labels.and_then(|labels| labels.get(index)).map_or(0, |&label| label as usize);
        let (color, mark) = look(class);
        draw_point(chart.plotting_area(), (x, y), 3, color, mark)?;
    }
    Ok(())
}

fn is_drawable(point: &[f64; 2]) -> bool {
    point.iter().all(|&value| axis::is_drawable(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::canvas::testing::pixels_of;
    use std::collections::HashSet;

    const PLAIN: Scatter<'static> =
        Scatter { title: "Codes", descriptions: ["one", "other"], points: &[], labels: None, class_names: &[] };

    #[test]
    fn each_class_has_a_look_of_its_own_as_far_as_they_go() {
        let looks: HashSet<String> = (0..21).map(|class| format!("{:?}", look(class))).collect();
        assert_eq!(looks.len(), 21);
        assert_eq!(look(21), look(0));
    }

    #[test]
    fn points_have_the_color_of_their_class_and_the_legend_its_name() {
        let names = ["a", "b", "c"].map(str::to_owned);
        let points = [[0.0, 0.0], [1.0, 1.0], [2.0, 0.5], [0.3, 0.2]];
        let scatter = Scatter { points: &points, labels: Some(&[0, 1, 1, 0]), class_names: &names, ..PLAIN };
        let picture = draw(&scatter).unwrap();
        let legend = draw(&Scatter { points: &[], labels: Some(&[]), ..scatter }).unwrap();
        for class in [0, 1] {
            assert!(pixels_of(&picture, class) >= pixels_of(&legend, class) + 20, "{class}");
        }
        assert!(pixels_of(&legend, 2) >= 20 && pixels_of(&picture, 2) == pixels_of(&legend, 2));
    }

    #[test]
    fn points_without_classes_and_those_that_are_not_finite_still_make_a_plot() {
        let finite = draw(&Scatter { points: &[[1.0, 2.0], [3.0, 4.0]], ..PLAIN }).unwrap();
        let odd = [[1.0, 2.0], [f64::NAN, 1.0], [3.0, 4.0], [2.0, f64::INFINITY], [1e300, 0.0]];
        assert_eq!(draw(&Scatter { points: &odd, ..PLAIN }).unwrap(), finite);
        assert!(pixels_of(&finite, 0) >= 40);
        assert_eq!(pixels_of(&draw(&PLAIN).unwrap(), 0), 0);
    }
}
