//! Pictures side by side, with captions.

use std::path::Path;

use anyhow::{Result, anyhow};
use image::ExtendedColorType;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

pub(crate) type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

/// Of the panels, in pixels: what a pixel becomes, the space between, the height of a caption.
const ZOOM: usize = 2;
const GAP: usize = 14;
const CAPTION: usize = 52;
pub(crate) const FONT: &str = "sans-serif";

/// One picture of several side by side, with a caption.
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    pub(crate) note: String,
    /// Row by row.
    pub(crate) colours: Vec<RGBColor>,
}

/// Grey from 0 (black) to 1 (white).
pub(crate) fn grey(value: f32) -> RGBColor {
    let level = (value.clamp(0.0, 1.0) * 255.0) as u8;
    RGBColor(level, level, level)
}

/// From 0 (black) over red and yellow to 1 (white).
pub(crate) fn heat(value: f32) -> RGBColor {
    let level = |offset: f32| ((3.0 * value - offset).clamp(0.0, 1.0) * 255.0) as u8;
    RGBColor(level(0.0), level(1.0), level(2.0))
}

/// Draws panels, each `width` pixels wide, at twice their size: so many `columns` of them in a row.
pub(crate) fn draw_panels(
    path: &Path,
    width: usize,
    columns: usize,
    panels: &[Panel],
) -> Result<()> {
    let height = panels
        .first()
        .map_or(0, |panel| panel.colours.len() / width);
    let (right, down) = (width * ZOOM + GAP, height * ZOOM + CAPTION);
    let size = (
        (right * columns + GAP) as u32,
        (down * panels.len().div_ceil(columns) + GAP) as u32,
    );
    paint(path, size, |area| {
        for (index, panel) in panels.iter().enumerate() {
            let left = (GAP + index % columns * right) as i32;
            let top = (index / columns * down) as i32;
            area.draw(&Text::new(panel.title, (left, top + 8), (FONT, 18)))?;
            area.draw(&Text::new(
                panel.note.as_str(),
                (left, top + 30),
                (FONT, 14),
            ))?;
            for (pixel, colour) in panel.colours.iter().enumerate() {
                let x = left + (pixel % width * ZOOM) as i32;
                let y = top + (CAPTION + pixel / width * ZOOM) as i32;
                let corners = [(x, y), (x + ZOOM as i32, y + ZOOM as i32)];
                area.draw(&Rectangle::new(corners, colour.filled()))?;
            }
        }
        Ok(())
    })
}

/// Draws with the font that comes along: the machine may have none.
pub(crate) fn paint(
    path: &Path,
    size: (u32, u32),
    draw: impl FnOnce(&Area<'_>) -> Result<()>,
) -> Result<()> {
    register_font(FONT, FontStyle::Normal, epaint_default_fonts::HACK_REGULAR)
        .map_err(|_| anyhow!("the font is broken"))?;
    let mut pixels = vec![0; (size.0 * size.1 * 3) as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
        area.fill(&WHITE)?;
        draw(&area)?;
        area.present()?;
    }
    image::save_buffer(path, &pixels, size.0, size.1, ExtendedColorType::Rgb8)?;
    Ok(())
}
