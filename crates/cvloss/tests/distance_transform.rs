//! Distance transforms equal scipy's, to the bit: `golden/distance_transform.py`.

use anyhow::{Context, Result, ensure};
use candle_core::Device;

#[test]
fn equals_scipy_to_the_bit() -> Result<()> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/distance_transform.safetensors"
    );
    let tensors = candle_core::safetensors::load(path, &Device::Cpu)?;
    let get = |case: usize, part: &str| {
        let name = format!("{case:03}.{part}");
        tensors.get(&name).context(name)
    };
    let cases = tensors.len() / 3;
    ensure!(cases >= 45, "only {cases} cases");
    for case in 0..cases {
        let mask = get(case, "mask")?;
        let spacing = get(case, "spacing")?.to_vec1::<f64>()?;
        let expected = get(case, "distances")?;
        let got = cvloss::distance_transform(mask, Some(&spacing))?;
        ensure!(got.dims() == expected.dims());
        let numbers = got.flatten_all()?.to_vec1::<f64>()?;
        let expected = expected.flatten_all()?.to_vec1::<f64>()?;
        for (i, (got, expected)) in numbers.iter().zip(&expected).enumerate() {
            ensure!(
                got.to_bits() == expected.to_bits(),
                "case {case}, {:?}, spacing {spacing:?}, point {i}: {got}, scipy {expected}",
                mask.dims()
            );
        }
    }
    Ok(())
}
