//! Pictures side by side, with captions.

use std::path::Path;

use anyhow::Result;
use plotters::prelude::*;

use super::canvas::{FONT, paint};

/// Of the panels, in pixels: what a pixel becomes, the space between, the height of a caption.
const ZOOM: usize = 2;
const GAP: usize = 14;
const CAPTION: usize = 52;

/// One picture of several side by side, with a caption.
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    pub(crate) note: String,
    /// Row by row.
    pub(crate) colours: Vec<RGBColor>,
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
