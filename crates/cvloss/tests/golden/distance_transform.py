"""Distances of masks by scipy, for `tests/distance_transform.rs`, which wants the same bits.

`000.mask` (N, C, *) has zeros and ones as u8, `000.spacing` a number per axis of space, `000.distances` is f64.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from scipy.ndimage import distance_transform_edt, gaussian_filter

SPACINGS = (1.0, 1.0, 1.0), (0.5, 3.0, 1.25), (0.7, 2.5, 1.3)


def masks(rng: np.random.Generator) -> list[np.ndarray]:
    """Single holes, holes all over, smooth blobs, and one hole in a corner; a hole everywhere that scipy can answer."""
    found = []
    for shape in ((67,), (15, 17), (1, 40), (5, 6, 7)):
        found += [rng.random(shape) > share for share in (0.02, 0.2, 0.6)]
    for shape in ((24, 19), (8, 9, 7)):
        found.append(gaussian_filter(rng.standard_normal(shape), 3) > 0)
        corner = np.ones(shape, bool)
        corner[(-1,) * len(shape)] = False
        found.append(corner)
    for mask in found:
        mask.flat[mask.size // 3] = False
    return found


def main() -> None:
    tensors: dict[str, np.ndarray] = {}
    for mask in masks(np.random.default_rng(0)):
        for spacing in SPACINGS:
            spacing = spacing[: mask.ndim]
            name = f"{len(tensors) // 3:03}"
            tensors[f"{name}.mask"] = mask[None, None].astype(np.uint8)
            tensors[f"{name}.spacing"] = np.array(spacing)
            distances = distance_transform_edt(mask, sampling=spacing)
            tensors[f"{name}.distances"] = distances[None, None]
    save_file(tensors, Path(__file__).with_suffix(".safetensors"))


main()
