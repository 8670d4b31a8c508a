//! What all charts share: two axes with their descriptions, ticks and a grid; and curves over them.

use plotters::{
    coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter},
    prelude::*,
};

use super::{
    canvas::{AXIS_COLOR, Canvas, DrawingError, GRID_COLOR, PALETTE, line, px, text},
    plot::Series,
};

/// A chart over two axes.
pub(super) type Chart<'a, 'b, X, Y> = ChartContext<'a, BitMapBackend<'b>, Cartesian2d<X, Y>>;

/// What a number on an axis is written as.
pub(super) type Label<'a> = &'a dyn Fn(&f64) -> String;

/// Draws axes and grid on all of `area`. The axes are described in this order: x, y. `x_label` takes the place of what the x axis itself
/// would write.
pub(super) fn chart<'a, 'b, X, Y>(
    area: &'a Canvas<'b>,
    (x_axis, y_axis): (X, Y),
    [x_description, y_description]: [&str; 2],
    x_label: Option<Label<'_>>,
) -> Result<Chart<'a, 'b, X::CoordDescType, Y::CoordDescType>, DrawingError>
where
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    let mut chart = ChartBuilder::on(area)
        .x_label_area_size(px(52))
        .y_label_area_size(px(88))
        .build_cartesian_2d(x_axis, y_axis)?;
    let mut mesh = chart.configure_mesh();
    mesh.set_all_tick_mark_size(px(5))
        .bold_line_style(line(GRID_COLOR, 1))
        .light_line_style(WHITE)
        .axis_style(line(AXIS_COLOR, 1))
        .label_style(text(17))
        .axis_desc_style(text(19))
        .x_desc(x_description)
        .y_desc(y_description);
    if let Some(x_label) = &x_label {
        mesh.x_label_formatter(x_label);
    }
    mesh.draw()?;
    drop(mesh);
    Ok(chart)
}

/// Draws a line through the points of each series that are drawable, and marks them, in the palette's colors.
pub(super) fn draw_curves<X, Y>(
    chart: &mut Chart<'_, '_, X, Y>,
    series: &[Series],
    is_drawable: impl Fn(&(f64, f64)) -> bool,
) -> Result<(), DrawingError>
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    for (series, color) in series.iter().zip(PALETTE.into_iter().cycle()) {
        let points: Vec<_> = series.points.iter().copied().filter(&is_drawable).collect();
        chart.draw_series(LineSeries::new(points.iter().copied(), line(color, 2)))?;
        chart.draw_series(points.into_iter().map(|point| Circle::new(point, px(4), color.filled())))?;
    }
    Ok(())
}
