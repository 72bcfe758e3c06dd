//! Pictures of a game: samples over time, the discriminator's landscape, and modes over the steps.

use std::path::Path;

use anyhow::Result;
use plotters::prelude::*;

use super::canvas::{Area, FONT, grey, paint};
use super::heat::heat;
use super::palette::COLOURS;
use super::worlds::{MODES, RADIUS, SIDE, Score};

/// In pixels: a cell, and the space around it.
const CELL: i32 = 200;
const GAP: i32 = 12;
const HEADER: i32 = 30;
/// Half of the part of the plane that is shown.
pub(crate) const EXTENT: f32 = 1.5 * RADIUS;
/// Points along a side of the landscape.
pub(crate) const GRID: usize = 50;

/// What one game left behind.
pub(crate) struct Record {
    pub(crate) name: String,
    /// Step and score.
    pub(crate) scores: Vec<(usize, Score)>,
    /// Step and samples, row by row.
    pub(crate) samples: Vec<(usize, Vec<Vec<f32>>)>,
    /// The discriminator's logits on a grid, row by row, and what to mark there.
    pub(crate) landscape: Vec<f32>,
    pub(crate) marks: Vec<(f32, f32)>,
}

/// One row for each game, one column for each time.
pub(crate) fn draw_samples(path: &Path, records: &[Record], is_plane: bool) -> Result<()> {
    let columns = records
        .iter()
        .map(|record| record.samples.len())
        .max()
        .unwrap_or(0);
    let size = grid_size(columns, records.len());
    paint(path, size, |area| {
        for (row, record) in records.iter().enumerate() {
            for (column, (step, samples)) in record.samples.iter().enumerate() {
                let corner = cell(column, row);
                let title = format!("{}, step {step}", record.name);
                label(area, corner, &title)?;
                if is_plane {
                    frame(area, corner, WHITE)?;
                    let points = samples.iter().map(|s| (s[0], s[1]));
                    scatter(area, corner, points, COLOURS[1])?;
                } else {
                    patches(area, corner, samples)?;
                }
            }
        }
        Ok(())
    })
}

/// Dark where the discriminator sees fakes, bright where it sees real items.
pub(crate) fn draw_landscapes(path: &Path, records: &[Record]) -> Result<()> {
    paint(path, grid_size(records.len(), 1), |area| {
        for (column, record) in records.iter().enumerate() {
            let corner = cell(column, 0);
            let low = record
                .landscape
                .iter()
                .copied()
                .fold(f32::INFINITY, f32::min);
            let high = record
                .landscape
                .iter()
                .copied()
                .fold(f32::NEG_INFINITY, f32::max);
            label(
                area,
                corner,
                &format!("{}: {low:.1} to {high:.1}", record.name),
            )?;
            let step = CELL / GRID as i32;
            for (i, logit) in record.landscape.iter().enumerate() {
                let x = corner.0 + (i % GRID) as i32 * step;
                let y = corner.1 + (i / GRID) as i32 * step;
                let colour = heat((logit - low) / (high - low).max(f32::EPSILON));
                area.draw(&Rectangle::new(
                    [(x, y), (x + step, y + step)],
                    colour.filled(),
                ))?;
            }
            scatter(
                area,
                corner,
                record.marks.iter().copied(),
                RGBColor(80, 200, 255),
            )?;
        }
        Ok(())
    })
}

/// Modes above and quality below, one curve for each game.
pub(crate) fn draw_scores(path: &Path, records: &[Record]) -> Result<()> {
    paint(path, (960, 720), |area| {
        let (upper, lower) = area.split_vertically(360);
        let modes = |score: Score| score.modes as f64;
        chart(&upper, records, "modes found", MODES as f64 + 0.5, modes)?;
        chart(&lower, records, "quality", 1.05, |score| score.quality)
    })
}

fn chart(
    area: &Area<'_>,
    records: &[Record],
    title: &str,
    top: f64,
    of: impl Fn(Score) -> f64,
) -> Result<()> {
    let last = records
        .iter()
        .flat_map(|r| r.scores.last())
        .map(|(step, _)| *step)
        .max();
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 22))
        .margin(14)
        .x_label_area_size(40)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..last.unwrap_or(1) as f64, 0.0..top)?;
    chart
        .configure_mesh()
        .x_desc("step")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .label_style((FONT, 15))
        .light_line_style(WHITE)
        .draw()?;
    for (record, &colour) in records.iter().zip(COLOURS[1..].iter().cycle()) {
        let points = record
            .scores
            .iter()
            .map(|(step, score)| (*step as f64, of(*score)));
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(record.name.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], colour.stroke_width(3)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .margin(12)
        .legend_area_size(34)
        .label_font((FONT, 16))
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(())
}

fn grid_size(columns: usize, rows: usize) -> (u32, u32) {
    let (columns, rows) = (columns as i32, rows as i32);
    let width = GAP + columns * (CELL + GAP);
    let height = GAP + rows * (CELL + HEADER + GAP);
    (width.max(1) as u32, height.max(1) as u32)
}

/// The upper left corner of a cell, below its label.
fn cell(column: usize, row: usize) -> (i32, i32) {
    let x = GAP + column as i32 * (CELL + GAP);
    let y = GAP + HEADER + row as i32 * (CELL + HEADER + GAP);
    (x, y)
}

fn label(area: &Area<'_>, corner: (i32, i32), text: &str) -> Result<()> {
    let size = if text.len() > 26 { 12 } else { 14 };
    area.draw(&Text::new(
        text.to_owned(),
        (corner.0, corner.1 - 20),
        (FONT, size),
    ))?;
    Ok(())
}

fn frame(area: &Area<'_>, (x, y): (i32, i32), colour: RGBColor) -> Result<()> {
    let corners = [(x, y), (x + CELL, y + CELL)];
    area.draw(&Rectangle::new(corners, colour.filled()))?;
    area.draw(&Rectangle::new(corners, BLACK.mix(0.4)))?;
    Ok(())
}

fn scatter(
    area: &Area<'_>,
    corner: (i32, i32),
    points: impl Iterator<Item = (f32, f32)>,
    colour: RGBColor,
) -> Result<()> {
    let place = |v: f32| (CELL as f32 * (v + EXTENT) / (2.0 * EXTENT)) as i32;
    for (x, y) in points.filter(|(x, y)| x.abs() < EXTENT && y.abs() < EXTENT) {
        let centre = (corner.0 + place(x), corner.1 + place(-y));
        area.draw(&Circle::new(centre, 1, colour.mix(0.6).filled()))?;
    }
    Ok(())
}

/// Nine patches, three by three.
fn patches(area: &Area<'_>, corner: (i32, i32), samples: &[Vec<f32>]) -> Result<()> {
    const ZOOM: i32 = 2;
    let side = SIDE as i32 * ZOOM;
    for (i, patch) in samples.iter().take(9).enumerate() {
        let left = corner.0 + (i % 3) as i32 * (side + 4);
        let top = corner.1 + (i / 3) as i32 * (side + 4);
        for (pixel, value) in patch.iter().enumerate() {
            let x = left + (pixel % SIDE) as i32 * ZOOM;
            let y = top + (pixel / SIDE) as i32 * ZOOM;
            let colour = grey((value + 1.0) / 2.0);
            area.draw(&Rectangle::new(
                [(x, y), (x + ZOOM, y + ZOOM)],
                colour.filled(),
            ))?;
        }
    }
    Ok(())
}
