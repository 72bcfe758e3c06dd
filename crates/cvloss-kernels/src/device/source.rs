//! The kernels' sources as texts: what a Metal library is compiled of, and what the tests' emulator runs.

use super::Module;

macro_rules! sources {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../", $name)))),*]
    };
}

/// All sources by name, in an order in which each finds what it needs.
pub const SOURCES: &[(&str, &str)] = sources! {
    "loops/portable.h"
    "math.h"
    "loops/numbers.h"
    "loops/reduce.h"
    "loops/labels.h"
    "loops/pointwise.h"
    "loops/convert.h"
    "loops/site.h"
    "loops/overlap.h"
    "loops/window.h"
    "loops/boxes.h"
    "loops/items.h"
    "bce/math.h"
    "focal/math.h"
    "pixel/math.h"
    "pixel/psnr.h"
    "adversarial/math.h"
    "boxes/math.h"
    "cross_entropy/math.h"
    "region/math.h"
    "region/extra.h"
    "ssim/math.h"
    "total_variation/math.h"
    "loops/numbers.inl"
    "loops/reduce.inl"
    "loops/convert.inl"
    "loops/pointwise.inl"
    "loops/site.inl"
    "loops/overlap.inl"
    "loops/items.inl"
    "bce/kernel.inl"
    "focal/kernel.inl"
    "pixel/kernel.inl"
    "pixel/psnr.inl"
    "adversarial/kernel.inl"
    "boxes/kernel.inl"
    "cross_entropy/kernel.inl"
    "region/kernel.inl"
    "region/extra.inl"
    "ssim/kernel.inl"
    "total_variation/kernel.inl"
};

impl Module {
    /// The name of its source.
    pub fn source(self) -> &'static str {
        match self {
            Self::Numbers => "loops/numbers.inl",
            Self::Reduce => "loops/reduce.inl",
            Self::Convert => "loops/convert.inl",
            Self::Pointwise => "loops/pointwise.inl",
            Self::Site => "loops/site.inl",
            Self::Overlap => "loops/overlap.inl",
            Self::Items => "loops/items.inl",
            Self::Bce => "bce/kernel.inl",
            Self::Focal => "focal/kernel.inl",
            Self::Pixel => "pixel/kernel.inl",
            Self::Psnr => "pixel/psnr.inl",
            Self::Adversarial => "adversarial/kernel.inl",
            Self::Boxes => "boxes/kernel.inl",
            Self::CrossEntropy => "cross_entropy/kernel.inl",
            Self::Region => "region/kernel.inl",
            Self::RegionExtra => "region/extra.inl",
            Self::Ssim => "ssim/kernel.inl",
            Self::Variation => "total_variation/kernel.inl",
        }
    }
}

/// One text of all headers and of the entry points that `wants` names.
pub fn text(wants: impl Fn(&str) -> bool) -> String {
    let is_wanted = |(name, _): &&(&str, &str)| name.ends_with(".h") || wants(name);
    concatenate(SOURCES.iter().copied().filter(|source| is_wanted(&source)))
}

/// Sources in order, without their includes of each other.
pub fn concatenate<'a>(sources: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut all = String::new();
    for (name, source) in sources {
        all.push_str(&format!("#line 1 \"{name}\"\n"));
        for line in source.lines() {
            let is_dropped = line.starts_with("#include \"") || line == "#pragma once";
            all.push_str(if is_dropped { "" } else { line });
            all.push('\n');
        }
    }
    all
}
