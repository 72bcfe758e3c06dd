//! Golden cases: inputs, values and gradients that a peer computed, with the configuration that must equal it.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use cvloss::{Inputs, Loss};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::compare::assert_close;

/// What a golden file says of a case.
#[derive(Debug, Deserialize)]
struct Case {
    call: String,
    peer: String,
    rtol: f64,
    /// The tolerance in `f32`, where it is not the usual one.
    f32: Option<f64>,
    loss: serde_json::Value,
}

/// Checks value and gradients of every case in a file, in `f64` to the case's tolerance and in `f32` to 1e-5 or the
/// case's own.
///
/// Returns how many cases there were.
pub fn check<L: Loss + DeserializeOwned>(path: impl AsRef<Path>) -> Result<usize> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes)?;
    let cases = metadata.metadata().clone().context("no metadata")?;
    let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)?;
    for (key, text) in &cases {
        let case: Case = serde_json::from_str(text)?;
        check_case::<L>(key, &case, &tensors).with_context(|| {
            format!(
                "{} case {key}: {} ({})\n{}",
                path.display(),
                case.call,
                case.peer,
                case.loss
            )
        })?;
    }
    ensure!(!cases.is_empty(), "{} has no cases", path.display());
    Ok(cases.len())
}

fn check_case<L: Loss + DeserializeOwned>(
    key: &str,
    case: &Case,
    tensors: &HashMap<String, Tensor>,
) -> Result<()> {
    let loss: L = serde_json::from_value(case.loss.clone())?;
    let get = |name: &str| tensors.get(&format!("{key}.{name}"));
    let need = |name: &str| get(name).with_context(|| format!("{key}.{name} is missing"));
    let (input, target) = (need("input")?, need("target")?);
    let (value, gradient) = (need("value")?, need("grad")?);
    let single = case.f32.unwrap_or(case.rtol.max(1e-5));
    for (dtype, rtol) in [(DType::F64, case.rtol), (DType::F32, single)] {
        let cast = |tensor: &Tensor| match tensor.dtype().is_float() {
            true => tensor.to_dtype(dtype),
            false => Ok(tensor.clone()),
        };
        let (input, target) = (cast(input)?, cast(target)?);
        let weight = get("weight").map(cast).transpose()?;
        let (got, got_gradient) = match &weight {
            Some(weight) => loss.value_and_grad_weighted(&input, &target, weight)?,
            None => loss.value_and_grad(&input, &target)?,
        };
        let value = value.reshape(got.shape()).context("shape of the value")?;
        assert_close(&got, &value, rtol).with_context(|| format!("value in {dtype:?}"))?;
        assert_close(&got_gradient, gradient, rtol)
            .with_context(|| format!("gradient in {dtype:?}"))?;
        if let Some(expected) = get("target_grad") {
            let (_, _, slopes) = loss.value_and_grads(&Inputs {
                input: &input,
                target: &target,
                weight: weight.as_ref(),
            })?;
            assert_close(&slopes, expected, rtol)
                .with_context(|| format!("gradient of the target in {dtype:?}"))?;
        }
    }
    Ok(())
}
