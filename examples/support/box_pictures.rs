//! The two pictures: boxes on the photograph, and how losses fit random boxes.

use std::path::Path;

use anyhow::Result;
use plotters::prelude::*;

use crate::canvas::{Area, FONT, grey, paint};
use crate::coin_boxes::{Corners, Scene};

const ZOOM: i32 = 3;
const CAPTION: i32 = 34;
const TRUE: RGBColor = RGBColor(0, 158, 115);
const PREDICTED: RGBColor = RGBColor(255, 140, 0);
const COLOURS: [RGBColor; 5] = [
    RGBColor(40, 40, 40),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
];

/// The photograph, true and predicted boxes, and the line that parts what was trained on from what was not.
pub(crate) fn draw_boxes(
    path: &Path,
    scene: &Scene,
    predicted: &[Corners],
    split: usize,
    note: &str,
) -> Result<()> {
    let size = (
        (scene.width as i32 * ZOOM) as u32,
        (scene.height as i32 * ZOOM + CAPTION) as u32,
    );
    paint(path, size, |area| {
        for (pixel, value) in scene.grey.iter().enumerate() {
            let x = (pixel % scene.width) as i32 * ZOOM;
            let y = (pixel / scene.width) as i32 * ZOOM + CAPTION;
            let corners = [(x, y), (x + ZOOM, y + ZOOM)];
            area.draw(&Rectangle::new(corners, grey(*value).filled()))?;
        }
        for (boxes, colour) in [(scene.boxes.as_slice(), TRUE), (predicted, PREDICTED)] {
            for corners in boxes {
                draw_box(area, corners, colour)?;
            }
        }
        let x = split as i32 * ZOOM;
        let line = [(x, CAPTION), (x, size.1 as i32)];
        area.draw(&PathElement::new(line, WHITE.mix(0.8).stroke_width(2)))?;
        let caption =
            format!("green: true, orange: predicted; right of the line: held out. {note}");
        area.draw(&Text::new(caption, (10, 8), (FONT, 18)))?;
        Ok(())
    })
}

fn draw_box(area: &Area<'_>, corners: &Corners, colour: RGBColor) -> Result<()> {
    let [x1, y1, x2, y2] = corners.map(|v| (v * ZOOM as f32).round() as i32);
    let corners = [(x1, y1 + CAPTION), (x2, y2 + CAPTION)];
    area.draw(&Rectangle::new(corners, colour.stroke_width(3)))?;
    Ok(())
}

/// The mean IoU over steps, a curve for each loss.
pub(crate) fn draw_fits(path: &Path, curves: &[(&str, Vec<f32>)]) -> Result<()> {
    let steps = curves
        .first()
        .map_or(1, |(_, curve)| curve.len().max(2) - 1);
    paint(path, (960, 560), |area| {
        let mut chart = ChartBuilder::on(area)
            .caption("the same random boxes, fitted by each loss", (FONT, 24))
            .margin(14)
            .margin_right(30)
            .x_label_area_size(44)
            .y_label_area_size(72)
            .build_cartesian_2d(0.0..steps as f64, 0f32..1.0)?;
        chart
            .configure_mesh()
            .x_desc("step")
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_desc("mean IoU")
            .y_label_formatter(&|y| format!("{y:.1}"))
            .label_style((FONT, 16))
            .light_line_style(WHITE)
            .draw()?;
        for ((name, curve), colour) in curves.iter().zip(COLOURS) {
            let points = (0..).map(f64::from).zip(curve.iter().copied());
            chart
                .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
                .label(*name)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 24, y)], colour.stroke_width(3))
                });
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .margin(12)
            .legend_area_size(34)
            .label_font((FONT, 18))
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .draw()?;
        Ok(())
    })
}
