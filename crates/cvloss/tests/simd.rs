//! All instruction sets of this machine agree. A binary of its own: the limit holds for the whole process.

use anyhow::{Context, Result};
use candle_core::{DType, Tensor};
use cvloss_kernels::simd::{Level, level, limit};
use cvloss_testkit::cases::{Case, Family, cases, each, large_cases};
use cvloss_testkit::compare::assert_close;
use cvloss_testkit::sample::Kind;

type Outcome = Vec<(Tensor, Tensor)>;

fn evaluate(cases: &[Case], dtype: DType) -> Result<Outcome> {
    let one = |case: &Case| Ok(case.value_and_grad(&case.sample(dtype)?)?);
    cases.iter().map(one).collect()
}

#[test]
fn levels_agree() -> Result<()> {
    let best = level();
    let mut cases = cases();
    cases.extend(large_cases().into_iter().map(|case| Case {
        name: format!("large {}", case.name),
        ..case
    }));
    for (dtype, rtol) in [(DType::F32, 1e-6), (DType::F64, 1e-13), (DType::BF16, 1e-6)] {
        let expected = evaluate(&cases, dtype)?;
        for lower in [Level::Portable, Level::Fma]
            .into_iter()
            .filter(|lower| *lower < best)
        {
            limit(lower);
            anyhow::ensure!(level() == lower, "{lower:?} is not in use");
            let got = evaluate(&cases, dtype);
            limit(Level::Avx512);
            let pairs: Vec<_> = got?.into_iter().zip(&expected).collect();
            let at = |case: &Case| {
                cases
                    .iter()
                    .position(|other| other.name == case.name)
                    .context("unknown case")
            };
            each(&cases, |case| {
                if case.is_mined(dtype) {
                    return Ok(());
                }
                let ((value, gradient), (expected, slopes)) = &pairs[at(case)?];
                // Variances, and the distances of Gaussians, are differences of larger numbers.
                let rtol = match (case.family, case.spec.kind) {
                    // Errors that round differently change places, and their slopes with them.
                    _ if case.spec.is_ordered => 50.0 * rtol,
                    (Family::Windows, _) => 5.0 * rtol,
                    (_, Kind::Rotated) => 10.0 * rtol,
                    _ => rtol,
                };
                assert_close(value, expected, rtol).context("value")?;
                assert_close(gradient, slopes, rtol).context("gradient")
            })
            .with_context(|| format!("{lower:?} against {best:?} in {dtype:?}"))?;
        }
    }
    Ok(())
}
