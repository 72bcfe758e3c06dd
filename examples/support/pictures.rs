//! Curves of the training.

use std::{ops::Range, path::Path};

use anyhow::Result;
use cvloss::Terms;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;

use super::canvas::{Area, FONT, paint};
use super::palette::COLOURS;

/// What was measured while training.
#[derive(Default)]
pub(crate) struct History {
    /// The total and then each term times its weight, a value for each step.
    losses: Vec<(String, Vec<f32>)>,
    /// Step and Dice of the held-out part.
    dice: Vec<(usize, f64)>,
}

impl History {
    pub(crate) fn record(&mut self, terms: &Terms) -> Result<()> {
        let mut values = vec![("total".to_owned(), terms.total.to_scalar::<f32>()?)];
        for term in &terms.terms {
            let label = match term.weight {
                1.0 => term.name.clone(),
                weight => format!("{weight} × {}", term.name),
            };
            values.push((label, term.value.to_scalar::<f32>()? * term.weight as f32));
        }
        if self.losses.is_empty() {
            self.losses = values
                .iter()
                .map(|(label, _)| (label.clone(), Vec::new()))
                .collect();
        }
        for ((_, curve), (_, value)) in self.losses.iter_mut().zip(values) {
            curve.push(value);
        }
        Ok(())
    }

    pub(crate) fn record_dice(&mut self, step: usize, dice: f64) {
        self.dice.push((step, dice));
    }

    /// The newest values in one line.
    pub(crate) fn status(&self) -> String {
        let losses = self
            .losses
            .iter()
            .filter_map(|(label, curve)| Some((label, curve.last()?)));
        let mut parts: Vec<_> = losses
            .map(|(label, value)| format!("{label} {value:.3}"))
            .collect();
        if let Some((_, dice)) = self.dice.last() {
            parts.push(format!("held-out Dice {dice:.3}"));
        }
        parts.join("  ")
    }

    /// Draws the losses above and the held-out Dice below.
    pub(crate) fn draw(&self, path: &Path) -> Result<()> {
        paint(path, (960, 760), |area| {
            let (upper, lower) = area.split_vertically(460);
            self.draw_losses(&upper)?;
            self.draw_dice(&lower)
        })
    }

    fn steps(&self) -> Range<f64> {
        0.0..self.losses.first().map_or(1, |(_, total)| total.len()) as f64
    }

    fn draw_losses(&self, area: &Area<'_>) -> Result<()> {
        let values = || self.losses.iter().flat_map(|(_, curve)| curve);
        let low = values().copied().fold(f32::INFINITY, f32::min);
        let high = values().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut chart = ChartBuilder::on(area)
            .caption("training loss", (FONT, 24))
            .margin(14)
            .margin_right(30)
            .x_label_area_size(44)
            .y_label_area_size(72)
            .build_cartesian_2d(self.steps(), LossAxis { low, high })?;
        chart
            .configure_mesh()
            .x_desc("step")
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_desc("loss")
            .y_label_formatter(&|y| format!("{}", (f64::from(*y) * 1e4).round() / 1e4))
            .label_style((FONT, 16))
            .light_line_style(WHITE)
            .draw()?;
        for ((label, curve), &colour) in self.losses.iter().zip(COLOURS.iter().cycle()) {
            let points = |curve: Vec<f32>| (1..).map(f64::from).zip(curve);
            chart.draw_series(LineSeries::new(points(curve.clone()), colour.mix(0.25)))?;
            chart
                .draw_series(LineSeries::new(
                    points(smooth(curve)),
                    colour.stroke_width(2),
                ))?
                .label(label)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 24, y)], colour.stroke_width(3))
                });
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .margin(12)
            .legend_area_size(34)
            .label_font((FONT, 18))
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .draw()?;
        Ok(())
    }

    fn draw_dice(&self, area: &Area<'_>) -> Result<()> {
        let lowest = self.dice.iter().map(|point| point.1).fold(1.0, f64::min);
        let floor = ((lowest * 10.0).floor() / 10.0).min(0.9);
        let last = self.dice.last().map_or(0.0, |point| point.1);
        let points = || self.dice.iter().map(|&(step, dice)| (step as f64, dice));
        let mut chart = ChartBuilder::on(area)
            .caption(
                format!("Dice of the held-out part, {last:.4} at the end"),
                (FONT, 24),
            )
            .margin(14)
            .margin_right(30)
            .x_label_area_size(44)
            .y_label_area_size(72)
            .build_cartesian_2d(self.steps(), floor..1.0)?;
        chart
            .configure_mesh()
            .x_desc("step")
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_desc("Dice")
            .y_label_formatter(&|y| format!("{y:.2}"))
            .y_labels(6)
            .label_style((FONT, 16))
            .light_line_style(WHITE)
            .draw()?;
        let colour = COLOURS[3];
        chart.draw_series(LineSeries::new(points(), colour.stroke_width(2)))?;
        chart.draw_series(points().map(|point| Circle::new(point, 3, colour.filled())))?;
        Ok(())
    }
}

/// A curve without most of its noise.
fn smooth(curve: &[f32]) -> Vec<f32> {
    let span = 1.0 + curve.len() as f32 / 25.0;
    let mut mean = curve.first().copied().unwrap_or_default();
    let step = |value: &f32| {
        mean += (value - mean) / span;
        mean
    };
    curve.iter().map(step).collect()
}

/// A logarithmic axis, or a linear one for losses that go below zero.
struct LossAxis {
    low: f32,
    high: f32,
}

impl LossAxis {
    fn scale(&self, value: f32) -> f32 {
        if self.low > 0.0 { value.log10() } else { value }
    }
}

impl Ranged for LossAxis {
    type FormatOption = DefaultFormatting;
    type ValueType = f32;

    fn map(&self, value: &f32, limit: (i32, i32)) -> i32 {
        let (low, high) = (self.scale(self.low), self.scale(self.high));
        let share = (self.scale(*value) - low) / (high - low).max(f32::EPSILON);
        limit.0 + (share * (limit.1 - limit.0) as f32).round() as i32
    }

    /// Round numbers: 1, 2 and 5 of each power of ten, or even steps.
    fn key_points<H: KeyPointHint>(&self, _: H) -> Vec<f32> {
        let points: Vec<f32> = if self.low > 0.0 {
            let powers = (-6..6).map(|exponent| 10f32.powi(exponent));
            powers
                .flat_map(|power| [power, 2.0 * power, 5.0 * power])
                .collect()
        } else {
            let step = 10f32
                .powf((self.high - self.low).log10().floor())
                .max(f32::EPSILON);
            let first = (self.low / step).floor();
            (0..12).map(|index| (first + index as f32) * step).collect()
        };
        let range = self.range();
        points
            .into_iter()
            .filter(|point| range.contains(point))
            .collect()
    }

    fn range(&self) -> Range<f32> {
        self.low..self.high
    }
}
