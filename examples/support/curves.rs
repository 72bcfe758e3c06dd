//! A loss of one number: its value and its slope, side by side, for several losses.

use std::path::Path;

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use cvloss::Loss;
use plotters::prelude::*;

use super::canvas::{Area, FONT, paint};
use super::palette::COLOURS;

const SIZE: (u32, u32) = (960, 340);

/// One curve: a number, the value there, and the slope.
pub(crate) struct Curve {
    name: String,
    points: Vec<[f64; 3]>,
}

/// What a picture says beside its curves.
pub(crate) struct Axes<'a> {
    pub(crate) title: &'a str,
    pub(crate) x: &'a str,
    /// Where the names stand in the left half.
    pub(crate) names: SeriesLabelPosition,
}

/// So many numbers from one to another.
pub(crate) fn span(from: f64, to: f64, count: usize) -> Vec<f64> {
    let step = (to - from) / (count - 1) as f64;
    (0..count).map(|index| from + step * index as f64).collect()
}

/// Evaluates `loss` of `inputs(x)` for each `x` by itself; `slope` makes one number of the gradient, which is with respect to
/// the input.
pub(crate) fn trace(
    name: &str,
    numbers: &[f64],
    loss: &dyn Loss,
    inputs: impl Fn(f64) -> Result<(Tensor, Tensor)>,
    slope: impl Fn(&[f64]) -> f64,
) -> Result<Curve> {
    let at = |&x: &f64| -> Result<[f64; 3]> {
        let (input, target) = inputs(x)?;
        let (value, gradient) = loss.value_and_grad(&input, &target)?;
        let gradient = gradient.flatten_all()?.to_vec1::<f64>()?;
        Ok([x, value.to_scalar::<f64>()?, slope(&gradient)])
    };
    Ok(Curve {
        name: name.into(),
        points: numbers.iter().map(at).collect::<Result<_>>()?,
    })
}

/// A row of numbers as a tensor of shape (1, n).
pub(crate) fn row(numbers: &[f64]) -> Result<Tensor> {
    Ok(Tensor::new(numbers, &Device::Cpu)?.unsqueeze(0)?)
}

/// Class 0, the target of one row of logits.
pub(crate) fn first_class() -> Result<Tensor> {
    Ok(Tensor::zeros(1, DType::U32, &Device::Cpu)?)
}

impl Curve {
    /// The same with values as shares of the last.
    pub(crate) fn relative(mut self) -> Self {
        let last = self.points.last().map_or(1.0, |point| point[1]);
        self.points.iter_mut().for_each(|point| point[1] /= last);
        self
    }
}

/// Draws values alone.
pub(crate) fn draw_values(path: &Path, axes: &Axes<'_>, curves: &[Curve]) -> Result<()> {
    paint(path, (SIZE.0 / 2, SIZE.1), |area| {
        half(
            area,
            axes.title,
            axes.x,
            curves,
            1,
            Some(axes.names.clone()),
        )
    })
}

/// Draws values on the left and slopes on the right.
pub(crate) fn draw(path: &Path, axes: &Axes<'_>, curves: &[Curve]) -> Result<()> {
    paint(path, SIZE, |area| {
        let (left, right) = area.split_horizontally(SIZE.0 / 2);
        half(
            &left,
            axes.title,
            axes.x,
            curves,
            1,
            Some(axes.names.clone()),
        )?;
        half(&right, "its slope", axes.x, curves, 2, None)
    })
}

fn half(
    area: &Area<'_>,
    title: &str,
    x: &str,
    curves: &[Curve],
    column: usize,
    names: Option<SeriesLabelPosition>,
) -> Result<()> {
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let ends = |column: usize| {
        let of = || all().map(|point| point[column]).filter(|v| v.is_finite());
        (of().fold(f64::MAX, f64::min), of().fold(f64::MIN, f64::max))
    };
    let ((x1, x2), (low, high)) = (ends(0), ends(column));
    let margin = 0.04 * (high - low);
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 18))
        .margin(10)
        .x_label_area_size(36)
        .y_label_area_size(50)
        .build_cartesian_2d(x1..x2, low - margin..high + margin)?;
    chart
        .configure_mesh()
        .x_desc(x)
        .x_labels(9)
        .y_labels(7)
        .x_label_formatter(&|v| short(*v))
        .y_label_formatter(&|v| short(*v))
        .label_style((FONT, 14))
        .light_line_style(WHITE)
        .draw()?;
    for (curve, &colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        let points = curve.points.iter().map(|point| (point[0], point[column]));
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(&curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(3)));
    }
    if let Some(position) = names {
        chart
            .configure_series_labels()
            .position(position)
            .margin(8)
            .legend_area_size(28)
            .label_font((FONT, 14))
            .background_style(WHITE.mix(0.85))
            .draw()?;
    }
    Ok(())
}

/// Without zeros at the end.
fn short(value: f64) -> String {
    format!("{}", (value * 1e3).round() / 1e3 + 0.0)
}
