"""What the golden scripts of image losses share: images, windows, and adapters of peers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from _golden import Golden, Peer, f64

UNIT = {"data_range": 1.0}


def images(g: Golden, *shape: int) -> tuple[Tensor, Tensor]:
    """Multiples of 1/64: smooth and noisy by halves, the second a disturbed copy of the first."""
    coarse = torch.randint(0, 49, shape, generator=g.rng).double()
    smooth = coarse
    for axis in range(2, len(shape)):
        smooth = (smooth + smooth.roll(1, axis)) / 2
    x = torch.floor(smooth) + torch.randint(0, 8, shape, generator=g.rng)
    y = torch.floor(smooth) + torch.randint(0, 16, shape, generator=g.rng)
    return x / 64, y / 64


def gaussian(size: int, sigma: float) -> Tensor:
    """A window along one axis, in f64: some peers make theirs in f32."""
    offsets = torch.arange(size, dtype=torch.float64) - size // 2
    weights = torch.exp(-(offsets**2) / (2 * sigma**2))
    return weights / weights.sum()


def window(size: int, sigma: float) -> dict[str, Any]:
    """The configuration of that window."""
    return {"size": [size], "taps": {"Gaussian": [sigma]}}


def loss_of(peer: Peer) -> Peer:
    """One minus a similarity."""
    return peer.then("1 - s", lambda s: 1 - s)


def with_window(
    call: Callable[..., Tensor], size: int, sigma: float, words: str, **options: Any
) -> Peer:
    """pytorch_msssim with a window in f64."""

    def run(x: Tensor, y: Tensor) -> Tensor:
        win = gaussian(size, sigma).expand(x.shape[1], 1, *[1] * (x.ndim - 3), size)
        return call(x, y, win=win, **options)

    listed = "".join(f", {key}={value!r}" for key, value in options.items())
    package = "pytorch_msssim 1.0.0"
    return Peer(package, f"{words}(input, target, win=gaussian({size}, {sigma}){listed})", run)


__all__ = ["UNIT", "f64", "gaussian", "images", "loss_of", "window", "with_window"]
