"""Golden values of `JaccardLoss`: smp and MONAI."""

from __future__ import annotations

from typing import Any

import torch
from monai.losses import DiceLoss as Monai
from monai.losses import MaskedDiceLoss
from segmentation_models_pytorch.losses import JaccardLoss as Smp
from torch import Tensor

from _golden import BINARY, PLANE, VOLUME, Golden, module, one_hot, own, smooth

g = Golden("jaccard")
ALL = [[0, 1, 2], [0, 1, 2]]
ABSENT = [[0, 1], [1]]
WEIGHTS = [0.5, 1.0, 3.0]
ONE_CHANNEL = (2, 1, 5, 7)
# MONAI smooths 2I / 2(P + T - I).
MONAI = {"smooth": smooth(5e-6, 5e-6)}
SMP = {
    "smooth": smooth(0.0, 0.0, 1e-7),
    "pooling": "Batch",
    "absent": "Zero",
    "class_average": "Weights",
}


def points(present: list[list[int]] = ALL) -> Tensor:
    return g.labels((2, 5, 7), present)


def smp(
    region: dict[str, Any], target: Tensor, loss: dict[str, Any] | None = None, **options: Any
) -> None:
    """A case of smp's multiclass mode."""
    peer = module(Smp, mode="multiclass", **options)
    g.add({**(loss or {}), "region": {**SMP, **region}}, peer, g.logits(*PLANE), target)


def monai(region: dict[str, Any], target: Tensor, **options: Any) -> None:
    """A case of MONAI with softmax over the classes of `target`."""
    peer = module(Monai, jaccard=True, softmax=True, to_onehot_y=True, **options)
    g.add({"region": {**MONAI, **region}}, peer, g.logits(*PLANE), target)


smp({}, points())
smp({}, points(ABSENT))
smp({"smooth": smooth(1.0, 1.0, 1e-7)}, points(ABSENT), smooth=1.0)
smp({"smooth": smooth(0.0, 0.0, 100.0)}, points(), eps=100.0)
smp({"classes": {"Listed": [1]}}, points(), classes=[1])
smp({"class_weights": WEIGHTS}, points(ABSENT), class_weights=WEIGHTS)
smp(
    {"classes": {"Listed": [0, 2]}, "class_weights": WEIGHTS},
    points(),
    classes=[0, 2],
    class_weights=WEIGHTS,
)
smp(
    {"ignore_index": 255},
    g.ignoring(points(), 255),
    {"transform": "Log"},
    log_loss=True,
    ignore_index=255,
)
SMP_SIGMOID = {**SMP, "activation": "Sigmoid"}
peer = module(Smp, mode="binary", ignore_index=255)
loss = {"region": {**SMP_SIGMOID, "ignore_index": 255}}
g.add(loss, peer, g.logits(*BINARY), g.ignoring(g.indices(2, 2, 6, 5), 255))
g.add({"region": SMP_SIGMOID}, module(Smp, mode="binary"), g.logits(*BINARY), g.hard(*BINARY))
g.add({"region": SMP_SIGMOID}, module(Smp, mode="multilabel"), g.logits(*PLANE), g.hard(*PLANE))
loss = {"region": {**SMP_SIGMOID, "intersection": "Minimum"}}
g.add(loss, module(Smp, mode="multilabel"), g.logits(*PLANE), g.soft(*PLANE))
loss = {"region": {**SMP, "activation": "Identity"}}
g.add(
    loss, module(Smp, mode="multilabel", from_logits=False), g.probabilities(*PLANE), g.hard(*PLANE)
)

monai({}, g.labels(ONE_CHANNEL, ALL))
monai({}, g.labels(ONE_CHANNEL, ABSENT))
monai({"smooth": smooth(0.5, 0.5)}, g.labels(ONE_CHANNEL, ABSENT), smooth_nr=1.0, smooth_dr=1.0)
monai({"classes": "Foreground"}, g.labels(ONE_CHANNEL, ALL), include_background=False)
monai({"pooling": "Batch"}, g.labels(ONE_CHANNEL, ABSENT), batch=True)
monai({"class_weights": WEIGHTS}, g.labels(ONE_CHANNEL, ALL), weight=WEIGHTS)
monai({"ignore_index": 255}, g.ignoring(g.labels(ONE_CHANNEL, ALL), 255), ignore_index=255)
monai({"ignore_index": 255}, torch.full(ONE_CHANNEL, 255), ignore_index=255)
peer = module(Monai, jaccard=True, softmax=True, to_onehot_y=True)
g.add({"region": MONAI}, peer, g.logits(*VOLUME), g.labels((1, 1, 3, 4, 5), [[0, 1, 2, 3]]))
peer = module(Monai, jaccard=True, sigmoid=True, reduction="none").then(
    "flatten", lambda v: v.flatten()
)
loss = {"region": {**MONAI, "activation": "Sigmoid", "reduction": "None"}}
g.add(loss, peer, g.logits(*BINARY), g.hard(*BINARY))
peer = module(Monai, jaccard=True, sigmoid=True, soft_label=True)
loss = {"region": {**MONAI, "activation": "Sigmoid", "intersection": "Minimum"}}
g.add(loss, peer, g.logits(*PLANE), g.soft(*PLANE))
peer = module(Monai, jaccard=True, softmax=True)
g.add({"region": MONAI}, peer, g.logits(*PLANE), g.distributions(*PLANE))
peer = module(MaskedDiceLoss, jaccard=True, softmax=True).weighted()
g.add({"region": MONAI}, peer, g.logits(*PLANE), one_hot(points(), 3), g.mask(*ONE_CHANNEL))


def log_cosh(x: Tensor, t: Tensor) -> Tensor:
    p = x.softmax(1)
    t = one_hot(t, 3)
    i = (p * t).sum((2, 3))
    return (1 - (i + 5e-6) / ((p + t).sum((2, 3)) - i + 5e-6)).cosh().log().mean()


peer = own("mean of ln cosh(1 - jaccard) over images and classes", log_cosh)
g.add({"transform": "LogCosh", "region": MONAI}, peer, g.logits(*PLANE), points(ABSENT))

g.write()
