//! Gradients as pictures.

use anyhow::Result;
use candle_core::Tensor;
use plotters::style::RGBColor;

const SHADES: f32 = 20.0;

/// Blue where the gradient is below 0, so that descent raises what it belongs to; orange above 0, white at 0. The colours
/// are full at the size that one in two hundred numbers exceeds.
pub(crate) fn slopes(gradient: &Tensor) -> Result<Vec<RGBColor>> {
    let numbers = gradient.flatten_all()?.to_vec1::<f32>()?;
    let mut sizes: Vec<f32> = numbers.iter().map(|g| g.abs()).collect();
    sizes.sort_by(f32::total_cmp);
    let full = sizes[sizes.len() * 199 / 200].max(f32::MIN_POSITIVE);
    Ok(numbers.iter().map(|g| diverging(g / full)).collect())
}

/// From −1 over 0 (white) to 1.
fn diverging(value: f32) -> RGBColor {
    let end = if value < 0.0 {
        [0.0, 90.0, 181.0]
    } else {
        [214.0, 83.0, 0.0]
    };
    // Few shades make small files.
    let share = (value.abs().min(1.0).sqrt() * SHADES).round() / SHADES;
    let level = |end: f32| (255.0 + (end - 255.0) * share) as u8;
    RGBColor(level(end[0]), level(end[1]), level(end[2]))
}
