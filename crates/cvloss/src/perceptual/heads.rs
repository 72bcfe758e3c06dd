//! The learned weights of LPIPS v0.1 and DISTS, which ship with this crate.
//!
//! `heads/convert.py` makes the files from the packages of their authors; `heads/NOTICE.md` says whose they are.

use candle_core::Device;

use crate::error::{Error, Result};

pub(super) const ALEX: &[u8] = include_bytes!("heads/lpips_alex.safetensors");
pub(super) const VGG: &[u8] = include_bytes!("heads/lpips_vgg.safetensors");
pub(super) const SQUEEZE: &[u8] = include_bytes!("heads/lpips_squeeze.safetensors");
pub(super) const DISTS: &[u8] = include_bytes!("heads/dists.safetensors");

/// The lists `name0`, `name1` … of a file; of each the first `1/divisor` numbers, but for the image's own.
pub(super) fn lists(
    file: &[u8],
    name: &str,
    suffix: &str,
    divisor: usize,
) -> Result<Vec<Vec<f64>>> {
    let tensors = candle_core::safetensors::load_buffer(file, &Device::Cpu)?;
    let mut lists = Vec::new();
    while let Some(tensor) = tensors.get(&format!("{name}{}{suffix}", lists.len())) {
        let mut numbers = tensor.to_vec1::<f32>()?;
        if numbers.len() > 3 {
            numbers.truncate(numbers.len() / divisor.max(1));
        }
        lists.push(numbers.into_iter().map(f64::from).collect());
    }
    match lists.is_empty() {
        true => Err(Error::Tensors {
            file: "heads".into(),
            message: format!("there is no tensor {name}0{suffix}"),
        }),
        false => Ok(lists),
    }
}
