"""Distances, regions, erosions and skeletons for `check.py`, by the definition: every pair of points, every neighbour."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad


def positions(space: tuple[int, ...], spacing: list[float] | None) -> Tensor:
    """Of every point, (S, axes)."""
    axes = [torch.arange(n).double() * step for n, step in zip(space, spacing or [1.0] * len(space))]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(space))


def nearest(mask: Tensor, spacing: list[float] | None) -> Tensor:
    """How far each point is from the nearest of the mask."""
    at = positions(tuple(mask.shape), spacing)
    return torch.cdist(at, at[mask.flatten()], compute_mode="donot_use_mm_for_euclid_dist").amin(1).reshape(mask.shape)


def surface(mask: Tensor, spacing: list[float] | None) -> Tensor:
    """How far each point is from the nearest of the other side; 0 without another side."""
    if mask.all() or not mask.any():
        return torch.zeros(mask.shape).double()
    return torch.where(mask, nearest(~mask, spacing), nearest(mask, spacing))


def regions(labels: Tensor) -> list[Tensor]:
    """Masks of the connected parts of every class above 0; neighbours share a face."""
    shape = labels.shape
    at = positions(tuple(shape), None)
    touches = torch.cdist(at, at, p=1) < 1.5
    flat, found = labels.flatten(), []
    left = flat > 0
    while left.any():
        start = left.nonzero()[0].item()
        part = torch.zeros_like(left)
        part[start] = True
        while True:
            grown = (touches[part].any(0) | part) & (flat == flat[start])
            if (grown == part).all():
                break
            part = grown
        found.append(part.reshape(shape))
        left &= ~part
    return found


def border(labels: Tensor, w0: float, sigma: float, spacing: list[float] | None) -> Tensor:
    """What U-Net adds in the background between the nearest two regions."""
    fields = [nearest(part, spacing) for part in regions(labels)]
    if len(fields) < 2:
        return torch.zeros(labels.shape).double()
    both = torch.stack(fields).sort(0).values[:2].sum(0)
    return (labels == 0) * w0 * torch.exp(-(both**2) / (2 * sigma**2))


def closeness(labels: Tensor, spacing: list[float] | None) -> Tensor:
    """1 next to other classes, 0 farthest inside, of each class that has an inside."""
    result = torch.zeros(labels.shape).double()
    for value in labels.unique():
        mask = labels == value
        if value < 0 or mask.all():
            continue
        field = nearest(~mask, spacing)[mask]
        extent = field.max() - field.min()
        if extent > 0:
            result[mask] = (field.max() - field) / extent
    return result


def shifted(x: Tensor, axis: int, step: int, beyond: float) -> Tensor:
    """Each point's neighbour along an axis of space."""
    before = [0, 0] * (x.ndim - 1 - axis)
    wide = pad(x, [*before, 1, 1], value=beyond)
    return wide.narrow(axis, 1 + step, x.shape[axis])


def erosions(error: Tensor, count: int, alpha: float) -> Tensor:
    """What is left of an error (N, C, *) after each of some erosions, times `k^alpha`, added up."""
    space, total, bound = tuple(range(2, error.ndim)), torch.zeros_like(error), error
    for k in range(1, count + 1):
        around = [shifted(bound, axis, step, 0.0) for axis in space for step in (-1, 1)]
        left = (sum(around, bound) / (1 + len(around)) - 0.5).clamp(min=0)
        least, largest = left.amin(space, True), left.amax(space, True)
        flat = largest == least
        bound = torch.where(flat, left, (left - least) / torch.where(flat, 1.0, largest - least))
        total = total + bound * k**alpha
    return total


def skeleton(mask: Tensor, iterations: int) -> Tensor:
    """Of a soft mask (N, C, *)."""
    space, result = range(2, mask.ndim), torch.zeros_like(mask)
    for _ in range(iterations + 1):
        eroded = mask
        for axis in space:
            for step in (-1, 1):
                eroded = torch.minimum(eroded, shifted(mask, axis, step, torch.inf))
        opened = eroded
        for axis in space:
            row = opened
            for step in (-1, 1):
                opened = torch.maximum(opened, shifted(row, axis, step, -torch.inf))
        lost = (mask - opened).relu()
        result = result + (lost - result * lost).relu()
        mask = eroded
    return result
