//! What all pictures share: a canvas with a font, and colours.

use std::path::Path;

use anyhow::{Result, anyhow};
use image::ExtendedColorType;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

pub(crate) type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

pub(crate) const FONT: &str = "sans-serif";

/// Grey from 0 (black) to 1 (white).
pub(crate) fn grey(value: f32) -> RGBColor {
    let level = (value.clamp(0.0, 1.0) * 255.0) as u8;
    RGBColor(level, level, level)
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
