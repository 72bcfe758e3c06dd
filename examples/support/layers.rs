//! Layers without weights.

use candle_core::{Result, Tensor};

/// Sub-pixel upsampling `(n, 4c, h, w)` to `(n, c, 2h, 2w)`, because the gradient of candle's
/// `upsample_nearest2d` overwrites what other users of its input have contributed.
pub(crate) fn double(x: &Tensor) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    x.reshape((n, c / 4, 2, 2, h, w))?
        .permute((0, 1, 4, 2, 5, 3))?
        .reshape((n, c / 4, 2 * h, 2 * w))
}
