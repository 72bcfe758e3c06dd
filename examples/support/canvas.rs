//! What all pictures share: a canvas with a font, and colours.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Result, anyhow};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
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
    // Large areas of one colour, as these pictures have them, are smallest without a filter.
    let file = BufWriter::new(File::create(path)?);
    PngEncoder::new_with_quality(file, CompressionType::Best, FilterType::NoFilter).write_image(
        &pixels,
        size.0,
        size.1,
        ExtendedColorType::Rgb8,
    )?;
    Ok(())
}
