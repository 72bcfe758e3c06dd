//! What a softmax says of the true class, by how far it lies above the other or below: exponentials that are shifted or not,
//! or so small that the logit itself is kept.

use cvloss_kernels::loops::site;
use cvloss_kernels::region::{self, Extra, Options, Score};
use cvloss_kernels::simd::{self, Level};
use cvloss_kernels::{
    Gradient, Normalizer, Reduction, Result, Scalar, View, ViewMut, cross_entropy,
};
use ndarray::{ArrayView3, ArrayViewMut3};

/// How far the true class lies above the other, or below.
const LEADS: [f64; 20] = [
    0.0, 1e-3, 1.0, 9.0, 20.0, 43.0, 59.9, 60.1, 68.0, 69.5, 79.9, 80.1, 85.9, 86.1, 88.0, 104.0,
    699.0, 701.0, 746.0, 3e4,
];

/// Of a pixel of the second class: cross-entropy, its slope there, and what rides along with a region loss's sums.
fn evaluate<T: Scalar + Into<f64>>(logits: [T; 2], target: &View<'_>) -> Result<(f64, f64, f64)>
where
    for<'a> View<'a>: From<ArrayView3<'a, T>>,
    for<'a> ViewMut<'a>: From<ArrayViewMut3<'a, T>>,
{
    let shape = [1, 2, 1];
    let mut memory = [T::default(); 2];
    let operands = site::Operands {
        input: View::new(&logits, shape)?,
        target: target.reborrow(),
        weight: None,
        class_weights: None,
        ignore: None,
    };
    let options = cross_entropy::Options {
        label_smoothing: 0.0,
        normalizer: Normalizer::Elements,
        reduction: Reduction::Sum,
    };
    let gradient = Gradient::new(ViewMut::new(&mut memory, shape)?);
    let value = cross_entropy::evaluate(&options, &operands, None, Some(gradient))?;
    let options = Options {
        extra: Extra::CrossEntropy {
            weight: 1.0,
            class_weights: None,
            label_smoothing: 0.0,
        },
        ..Options::new(Score::tversky(0.5, 0.5))
    };
    let operands = region::Operands {
        input: operands.input.reborrow(),
        target: operands.target.reborrow(),
        weight: None,
        ignore: None,
    };
    let sums = region::statistics(&options, &operands)?;
    Ok((value, memory[1].into(), sums[0].extra))
}

/// `−ln p` and `p − 1` of a class that leads by so much.
fn expected(lead: f64) -> (f64, f64) {
    let e = (-lead.abs()).exp();
    let (value, q) = match lead >= 0.0 {
        true => (e.ln_1p(), e / (1.0 + e)),
        false => (e.ln_1p() - lead, 1.0 / (1.0 + e)),
    };
    (value, -q)
}

#[track_caller]
fn check(found: f64, expected: f64, relative: f64, words: &str) {
    // Exponentials of `f32` are at least some 1e-38.
    let allowed = relative * expected.abs() + 1e-37;
    assert!(
        (found - expected).abs() <= allowed,
        "{words}: {found:e} for {expected:e}"
    );
}

#[test]
fn every_lead_has_its_digits() -> Result<()> {
    let label = [1u8];
    let target = View::new(&label, [1, 1, 1])?;
    for level in [Level::Portable, Level::Fma, Level::Avx512] {
        simd::limit(level);
        for lead in LEADS.into_iter().flat_map(|lead| [lead, -lead]) {
            for base in [0.0, 30.0, -1000.0] {
                let words = format!("{level:?}, lead {lead} from {base}");
                // Rounded, so that both precisions see the same.
                let logits = [(base - lead / 2.0) as f32, (base + lead / 2.0) as f32];
                let wide = logits.map(f64::from);
                let (value, slope) = expected(wide[1] - wide[0]);
                let (found, found_slope, sum) = evaluate(logits, &target)?;
                check(found, value, 1e-5, &words);
                check(sum, value, 1e-5, &words);
                check(found_slope, slope, 1e-5, &words);
                let (found, found_slope, sum) = evaluate(wide, &target)?;
                check(found, value, 1e-13, &words);
                check(sum, value, 1e-13, &words);
                check(found_slope, slope, 1e-13, &words);
            }
        }
    }
    simd::limit(Level::Avx512);
    Ok(())
}
