"""Golden values of generalised Wasserstein Dice: MONAI."""

from __future__ import annotations

import torch
from monai.losses import GeneralizedWassersteinDiceLoss
from torch import Tensor

from _golden import F32_PARTS, PLANE, ROWS, VOLUME, Golden, module

NAMES = {"none": "None", "sum": "Sum", "mean": "Mean"}
MODES = {"default": "Foreground", "GDL": "Volume"}
THREE = [[0.0, 1.0, 1.0], [1.0, 0.0, 0.5], [1.0, 0.5, 0.0]]
# Not symmetric, and not normalised.
SKEW = [[0.0, 3.0, 1.5], [1.0, 0.0, 0.5], [2.0, 0.25, 0.0]]


def apart(classes: int) -> list[list[float]]:
    """1 between any two classes: the default."""
    return (1 - torch.eye(classes)).tolist()


def peer(mode: str, matrix: list[list[float]], **options):
    matrix = torch.tensor(matrix, dtype=torch.float64)
    return module(GeneralizedWassersteinDiceLoss, dist_matrix=matrix, weighting_mode=mode, **options)


def repeated(times: Tensor):
    """Each point as often as its weight says: MONAI has no weights."""

    def adapt(x: Tensor, t: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
        counts = times.flatten()
        return x.flatten(2).repeat_interleave(counts, 2), t.flatten(1).repeat_interleave(counts, 1)

    return adapt


g = Golden("generalized_wasserstein_dice")
for mode, weighting in MODES.items():
    # MONAI has weights by volume in f32.
    rtol = 1e-9 if mode == "default" else F32_PARTS
    for matrix in (THREE, SKEW):
        for reduction, name in NAMES.items():
            loss = {"distances": matrix, "weighting": weighting, "reduction": name}
            g.add(loss, peer(mode, matrix, reduction=reduction), g.logits(*PLANE), g.indices(3, 2, 5, 7), rtol=rtol)
    for shape in (PLANE, VOLUME, ROWS):
        labels = g.indices(shape[1], shape[0], *shape[2:])
        g.add({"weighting": weighting}, peer(mode, apart(shape[1])), g.logits(*shape), labels, rtol=rtol)
    labels = g.labels((2, 5, 7), [[0, 2], [1, 2]])
    g.add({"weighting": weighting}, peer(mode, apart(3)), g.logits(*PLANE), labels, rtol=rtol)
    loss = {"distances": SKEW, "weighting": weighting, "smooth_nr": 1.0, "smooth_dr": 0.5}
    smooth = peer(mode, SKEW, smooth_nr=1.0, smooth_dr=0.5)
    g.add(loss, smooth, g.logits(*PLANE), g.indices(3, 2, 5, 7), rtol=rtol)
    loss = {"distances": THREE, "weighting": weighting}
    weights = torch.randint(0, 4, (1, 5, 7), generator=g.rng)
    words = "every point as often as its weight says"
    weighted = peer(mode, THREE).given(words, repeated(weights))
    g.add(loss, weighted, g.logits(1, 3, 5, 7), g.indices(3, 1, 5, 7), weights.double(), rtol=rtol)
    labels = g.ignoring(g.indices(3, 1, 5, 7), -100)
    kept = peer(mode, THREE).given("points that are not ignored", repeated((labels != -100).long()))
    g.add(loss, kept, g.logits(1, 3, 5, 7), labels, rtol=rtol)
g.write()
