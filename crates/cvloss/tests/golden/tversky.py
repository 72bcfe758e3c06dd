"""Golden values of `TverskyLoss`: kornia, smp, MONAI. All weight false positives by alpha."""

from __future__ import annotations

from typing import Any

from kornia.losses import tversky_loss
from monai.losses import MaskedLoss
from monai.losses import TverskyLoss as Monai
from segmentation_models_pytorch.losses import TverskyLoss as Smp
from torch import Tensor

from _golden import BINARY, PLANE, VOLUME, Golden, function, module, one_hot, own, smooth

g = Golden("tversky")
ALL = [[0, 1, 2], [0, 1, 2]]
ABSENT = [[0, 1], [1]]
WEIGHTS = [0.5, 1.0, 3.0]
ONE_CHANNEL = (2, 1, 5, 7)
RATIO = {"alpha": 0.3, "beta": 0.7}
KORNIA = {"smooth": smooth(0.0, 1e-8), "absent": "Skip"}
SMP = {
    "smooth": smooth(0.0, 0.0, 1e-7),
    "pooling": "Batch",
    "absent": "Zero",
    "class_average": "Weights",
}
MONAI = {"smooth": smooth(1e-5, 1e-5)}


def points(present: list[list[int]] = ALL) -> Tensor:
    return g.labels((2, 5, 7), present)


def smp(region: dict[str, Any], target: Tensor, loss: dict[str, Any], **options: Any) -> None:
    """A case of smp's multiclass mode."""
    peer = module(Smp, mode="multiclass", **options)
    g.add({**loss, "region": {**SMP, **region}}, peer, g.logits(*PLANE), target)


def monai(region: dict[str, Any], target: Tensor, loss: dict[str, Any], **options: Any) -> None:
    """A case of MONAI with softmax over the classes of `target`."""
    peer = module(Monai, softmax=True, to_onehot_y=True, **options)
    g.add({**loss, "region": {**MONAI, **region}}, peer, g.logits(*PLANE), target)


for ratio in (RATIO, {"alpha": 0.5, "beta": 0.5}, {"alpha": 1.0, "beta": 0.25}):
    peer = function(tversky_loss, **ratio)
    g.add({**ratio, "region": KORNIA}, peer, g.logits(*PLANE), points())
    g.add({**ratio, "region": KORNIA}, peer, g.logits(*PLANE), g.ignoring(points(ABSENT), -100))
peer = function(tversky_loss, **RATIO, eps=0.5, ignore_index=1)
loss = {**RATIO, "region": {**KORNIA, "smooth": smooth(0.0, 0.5), "ignore_index": 1}}
g.add(loss, peer, g.logits(*PLANE), points())

smp({}, points(ABSENT), {})
smp({}, points(), RATIO, **RATIO)
smp({"smooth": smooth(1.0, 1.0, 1e-7)}, points(ABSENT), RATIO, **RATIO, smooth=1.0)
smp({"smooth": smooth(0.0, 0.0, 100.0)}, points(), RATIO, **RATIO, eps=100.0)
smp({"classes": {"Listed": [0, 1]}}, points(), RATIO, **RATIO, classes=[0, 1])
smp({"class_weights": WEIGHTS}, points(ABSENT), RATIO, **RATIO, class_weights=WEIGHTS)
loss = {**RATIO, "transform": "Log"}
smp(
    {"ignore_index": 255}, g.ignoring(points(), 255), loss, **RATIO, log_loss=True, ignore_index=255
)
SMP_SIGMOID = {**SMP, "activation": "Sigmoid"}
peer = module(Smp, mode="binary", **RATIO, ignore_index=255)
loss = {**RATIO, "region": {**SMP_SIGMOID, "ignore_index": 255}}
g.add(loss, peer, g.logits(*BINARY), g.ignoring(g.indices(2, *BINARY), 255))
g.add(
    {**RATIO, "region": SMP_SIGMOID},
    module(Smp, mode="binary", **RATIO),
    g.logits(*BINARY),
    g.hard(*BINARY),
)
g.add(
    {**RATIO, "region": SMP_SIGMOID},
    module(Smp, mode="multilabel", **RATIO),
    g.logits(*PLANE),
    g.hard(*PLANE),
)
loss = {**RATIO, "region": {**SMP_SIGMOID, "intersection": "Minimum"}}
g.add(loss, module(Smp, mode="multilabel", **RATIO), g.logits(*PLANE), g.soft(*PLANE))

monai({}, g.labels(ONE_CHANNEL, ALL), {})
monai({}, g.labels(ONE_CHANNEL, ABSENT), RATIO, **RATIO)
monai(
    {"smooth": smooth(0.0, 1.0)},
    g.labels(ONE_CHANNEL, ABSENT),
    RATIO,
    **RATIO,
    smooth_nr=0.0,
    smooth_dr=1.0,
)
monai(
    {"classes": "Foreground"}, g.labels(ONE_CHANNEL, ALL), RATIO, **RATIO, include_background=False
)
monai({"pooling": "Batch"}, g.labels(ONE_CHANNEL, ABSENT), RATIO, **RATIO, batch=True)
monai(
    {"ignore_index": 255},
    g.ignoring(g.labels(ONE_CHANNEL, ALL), 255),
    RATIO,
    **RATIO,
    ignore_index=255,
)
peer = module(Monai, **RATIO, softmax=True, to_onehot_y=True)
g.add({**RATIO, "region": MONAI}, peer, g.logits(*VOLUME), g.labels((1, 1, 3, 4, 5), [[0, 1, 3]]))
peer = module(Monai, **RATIO, softmax=True, to_onehot_y=True, reduction="none")
peer = peer.then("mean over the classes", lambda v: v.mean(1))
loss = {**RATIO, "region": {**MONAI, "reduction": "None"}}
g.add(loss, peer, g.logits(*PLANE), g.labels(ONE_CHANNEL, ALL))
peer = module(Monai, **RATIO, softmax=True, to_onehot_y=True, reduction="sum").then(
    "/ C", lambda v: v / 3
)
loss = {**RATIO, "region": {**MONAI, "reduction": "Sum"}}
g.add(loss, peer, g.logits(*PLANE), g.labels(ONE_CHANNEL, ALL))
SIGMOID = {**MONAI, "activation": "Sigmoid"}
g.add(
    {**RATIO, "region": SIGMOID},
    module(Monai, **RATIO, sigmoid=True),
    g.logits(*BINARY),
    g.hard(*BINARY),
)
g.add(
    {**RATIO, "region": SIGMOID},
    module(Monai, **RATIO, sigmoid=True),
    g.logits(*PLANE),
    g.soft(*PLANE),
)
loss = {**RATIO, "region": {**SIGMOID, "intersection": "Minimum"}}
g.add(loss, module(Monai, **RATIO, sigmoid=True, soft_label=True), g.logits(*PLANE), g.soft(*PLANE))
# MONAI's wrapper masks the input before the activation, so only probabilities agree.
peer = module(MaskedLoss, loss=Monai, **RATIO).weighted()
loss = {**RATIO, "region": {**MONAI, "activation": "Identity"}}
g.add(loss, peer, g.probabilities(*PLANE), one_hot(points(), 3), g.mask(*ONE_CHANNEL))


def log_cosh(x: Tensor, t: Tensor) -> Tensor:
    p, t = x.softmax(1), one_hot(t, 3)
    i, fp, fn = ((a * b).sum((2, 3)) for a, b in ((p, t), (p, 1 - t), (1 - p, t)))
    return (1 - (i + 1e-5) / (i + 0.3 * fp + 0.7 * fn + 1e-5)).cosh().log().mean()


peer = own("mean of ln cosh(1 - tversky) over images and classes", log_cosh)
g.add({**RATIO, "transform": "LogCosh", "region": MONAI}, peer, g.logits(*PLANE), points(ABSENT))

g.write()
