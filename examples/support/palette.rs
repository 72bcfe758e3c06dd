//! Colours of curves.

use plotters::style::RGBColor;

/// One for each curve; easy to tell apart for everyone.
pub(crate) const COLOURS: [RGBColor; 6] = [
    RGBColor(40, 40, 40),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
];
