"""Golden values of cross-entropy weighted by distances: torch's cross-entropy, scipy's regions and distances."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt, label
from torch import Tensor
from torch.nn.functional import cross_entropy

from _golden import Golden, f64, own

PLANE = (2, 3, 9, 11)
VOLUME = (1, 3, 5, 6, 7)
LINE = (2, 2, 24)
WEIGHTS = [0.5, 1.0, 3.0]


def border(t: np.ndarray, w0: float, sigma: float, spacing: list[float]) -> np.ndarray:
    """Of one image: what U-Net adds in the background."""
    fields = []
    for value in np.unique(t[t > 0]):
        regions, count = label(t == value)
        for region in range(1, count + 1):
            fields.append(distance_transform_edt(regions != region, sampling=spacing))
    if len(fields) < 2:
        return np.zeros(t.shape)
    nearest = np.sort(np.stack(fields), 0)[:2].sum(0)
    return np.where(t == 0, w0 * np.exp(-(nearest**2) / (2 * sigma**2)), 0.0)


def penalty(t: np.ndarray, spacing: list[float]) -> np.ndarray:
    """Of one image: closeness to another class, as SegLossOdyssey has it for two."""
    total = np.zeros(t.shape)
    for value in np.unique(t[t >= 0]):
        mask = t == value
        if mask.all():
            continue
        field = distance_transform_edt(mask, sampling=spacing)
        field = (field.max() - field) * mask
        if field.max() > 0:
            total += field / field.max()
    return total


def points(g: Golden, shape: tuple[int, ...]) -> Tensor:
    """Blobs: classes of blocks of two and more, with a few odd points."""
    classes, space = shape[1], shape[2:]
    coarse = g.indices(classes, shape[0], *[-(-n // 3) for n in space])
    for axis, n in enumerate(space, 1):
        coarse = coarse.repeat_interleave(3, axis).narrow(axis, 0, n)
    return coarse


def weighted(kind: str, spacing: list[float] | None, weights: list[float] | None, by: str, w0: float, sigma: float):
    def run(x: Tensor, t: Tensor, w: Tensor | None = None) -> Tensor:
        keep = t != -100
        step = spacing or [1.0] * (x.ndim - 2)
        scale = (f64(*weights) if weights else torch.ones(x.shape[1]).double())[t.clamp(min=0)]
        if kind == "border":
            maps = [border(image.numpy(), w0, sigma, step) for image in t]
            scale = scale + torch.from_numpy(np.stack(maps))
        else:
            maps = [penalty(image.numpy(), step) for image in t]
            scale = scale * (1 + torch.from_numpy(np.stack(maps)))
        scale = scale * keep * (1.0 if w is None else w)
        terms = cross_entropy(x, t, reduction="none") * scale
        return {"None": terms, "Sum": terms.sum(), "Elements": terms.sum() / keep.sum()}.get(
            by, terms.sum() / scale.sum()
        )

    return own(f"cross-entropy by {kind}, {w0}, {sigma}, {spacing}, {weights}, {by}", run)


g = Golden("distance_cross_entropy")
for kind, w0, sigma in (("border", 10.0, 5.0), ("border", 3.0, 1.5), ("penalty", 0.0, 0.0)):
    how = "Penalty" if kind == "penalty" else {"Border": {"w0": w0, "sigma": sigma}}
    for shape, spacing in ((PLANE, None), (VOLUME, None), (LINE, None), (PLANE, [0.5, 3.0]), (VOLUME, [2.5, 0.7, 1.0])):
        peer = weighted(kind, spacing, None, "Elements", w0, sigma)
        g.add({"weighting": how, "spacing": spacing}, peer, g.logits(*shape), points(g, shape))
    for by in ("None", "Sum", "Weights"):
        peer = weighted(kind, None, WEIGHTS, by, w0, sigma)
        loss = {"weighting": how, "class_weights": WEIGHTS}
        loss |= {"normalizer": "Weights"} if by == "Weights" else {"reduction": by}
        target = g.ignoring(points(g, PLANE), -100)
        g.add(loss, peer, g.logits(*PLANE), target, g.weights(PLANE[0], *PLANE[2:]))
g.write()
