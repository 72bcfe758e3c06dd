//! A colour map.

use plotters::style::RGBColor;

/// From 0 (black) over red and yellow to 1 (white).
pub(crate) fn heat(value: f32) -> RGBColor {
    let level = |offset: f32| ((3.0 * value - offset).clamp(0.0, 1.0) * 255.0) as u8;
    RGBColor(level(0.0), level(1.0), level(2.0))
}
