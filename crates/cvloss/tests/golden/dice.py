"""Golden values of `DiceLoss`: MONAI, kornia, smp, and the options that no peer has."""

from __future__ import annotations

from typing import Any

import torch
from kornia.losses import dice_loss
from monai.losses import DiceLoss as Monai
from monai.losses import GeneralizedDiceLoss, MaskedDiceLoss
from segmentation_models_pytorch.losses import DiceLoss as Smp
from torch import Tensor

from _golden import (
    BINARY,
    F32_PARTS,
    PLANE,
    VOLUME,
    Golden,
    f64,
    function,
    module,
    one_hot,
    own,
    smooth,
)

g = Golden("dice")
ALL = [[0, 1, 2], [0, 1, 2]]
ABSENT = [[0, 1], [2]]
WEIGHTS = [0.5, 1.0, 3.0]
ONE_CHANNEL = (2, 1, 5, 7)
MONAI = {"smooth": smooth(1e-5, 1e-5)}
SOFTMAX = {"softmax": True, "to_onehot_y": True}


def points(present: list[list[int]] = ALL) -> Tensor:
    return g.labels((2, 5, 7), present)


def channel(present: list[list[int]] = ALL) -> Tensor:
    return g.labels(ONE_CHANNEL, present)


def monai(
    region: dict[str, Any], target: Tensor, loss: dict[str, Any] | None = None, **options: Any
) -> None:
    """A case of MONAI with softmax over the classes of `target`."""
    peer = module(Monai, **SOFTMAX, **options)
    rtol = F32_PARTS if "squared_pred" in options else 1e-9
    g.add(
        {**(loss or {}), "region": {**MONAI, **region}}, peer, g.logits(*PLANE), target, rtol=rtol
    )


monai({}, channel())
monai({}, channel(ABSENT))
monai({"smooth": smooth(0.0, 1e-3)}, channel(ABSENT), smooth_nr=0.0, smooth_dr=1e-3)
monai({"smooth": smooth(1.0, 1.0)}, channel(ABSENT), smooth_nr=1.0, smooth_dr=1.0)
monai({"classes": "Foreground"}, channel(), include_background=False)
monai({}, channel(), {"form": "Squared"}, squared_pred=True)
monai({"pooling": "Batch"}, channel(ABSENT), batch=True)
monai({"pooling": "Batch"}, channel(ABSENT), {"form": "Squared"}, batch=True, squared_pred=True)
monai({"class_weights": WEIGHTS}, channel(), weight=WEIGHTS)
loss = {"class_weights": WEIGHTS, "classes": "Foreground"}
monai(loss, channel(), include_background=False, weight=WEIGHTS[1:])
monai({"ignore_index": 255}, g.ignoring(channel(), 255), ignore_index=255)
monai({"ignore_index": 1}, channel(), ignore_index=1)
monai(
    {"ignore_index": 255, "pooling": "Batch"},
    g.ignoring(channel(), 255),
    batch=True,
    ignore_index=255,
)
loss = {"ignore_index": 255, "classes": "Foreground"}
monai(loss, g.ignoring(channel(), 255), include_background=False, ignore_index=255)
half = channel()
half[1] = 255
monai({"ignore_index": 255}, half, ignore_index=255)
monai({"ignore_index": 255}, torch.full(ONE_CHANNEL, 255), ignore_index=255)

peer = module(Monai, **SOFTMAX)
g.add({"region": MONAI}, peer, g.logits(*VOLUME), g.labels((1, 1, 3, 4, 5), [[0, 1, 3]]))
peer = module(Monai, **SOFTMAX, reduction="none").then(
    "mean over the classes", lambda v: v.mean((1, 2, 3))
)
g.add({"region": {**MONAI, "reduction": "None"}}, peer, g.logits(*PLANE), channel(ABSENT))
peer = module(Monai, **SOFTMAX, reduction="sum").then("/ C", lambda v: v / 3)
g.add({"region": {**MONAI, "reduction": "Sum"}}, peer, g.logits(*PLANE), channel())
g.add({"region": MONAI}, module(Monai, softmax=True), g.logits(*PLANE), one_hot(points(), 3))
g.add({"region": MONAI}, module(Monai, softmax=True), g.logits(*PLANE), g.distributions(*PLANE))
loss = {"region": {**MONAI, "intersection": "Minimum"}}
g.add(loss, module(Monai, softmax=True, soft_label=True), g.logits(*PLANE), g.distributions(*PLANE))

SIGMOID = {**MONAI, "activation": "Sigmoid"}
g.add({"region": SIGMOID}, module(Monai, sigmoid=True), g.logits(*PLANE), g.hard(*PLANE))
g.add({"region": SIGMOID}, module(Monai, sigmoid=True), g.logits(*BINARY), g.hard(*BINARY))
g.add({"region": SIGMOID}, module(Monai, sigmoid=True), g.logits(*BINARY), g.indices(2, *BINARY))
loss = {"region": {**SIGMOID, "intersection": "Minimum"}}
g.add(loss, module(Monai, sigmoid=True, soft_label=True), g.logits(*PLANE), g.soft(*PLANE))
loss = {"form": "Squared", "region": {**SIGMOID, "pooling": "Batch"}}
g.add(
    loss,
    module(Monai, sigmoid=True, squared_pred=True, batch=True),
    g.logits(*PLANE),
    g.soft(*PLANE),
)
loss = {"region": {**MONAI, "activation": "Identity"}}
g.add(loss, module(Monai), g.probabilities(*PLANE), g.hard(*PLANE))

# MONAI masks the target before its one-hot encoding, so only one-hot targets agree.
peer = module(MaskedDiceLoss, softmax=True).weighted()
g.add({"region": MONAI}, peer, g.logits(*PLANE), one_hot(points(), 3), g.mask(*ONE_CHANNEL))
peer = module(MaskedDiceLoss, softmax=True, squared_pred=True, batch=True).weighted()
loss = {"form": "Squared", "region": {**MONAI, "pooling": "Batch"}}
g.add(loss, peer, g.logits(*PLANE), one_hot(points(), 3), g.mask(*ONE_CHANNEL))
peer = module(MaskedDiceLoss, sigmoid=True).weighted()
g.add({"region": SIGMOID}, peer, g.logits(*BINARY), g.hard(*BINARY), g.mask(*BINARY))
peer = module(MaskedDiceLoss, softmax=True)
peer = peer.given(
    "input, one_hot(target), weight[:, None]", lambda x, t, w: (x, one_hot(t, 3), w[:, None])
)
g.add({"region": MONAI}, peer, g.logits(*PLANE), points(), g.mask(2, 5, 7))

for w_type in ("Square", "Simple", "Uniform"):
    for batch, pooling in ((False, "Image"), (True, "Batch")):
        loss = {"form": {"Generalized": w_type}, "region": {**MONAI, "pooling": pooling}}
        peer = module(GeneralizedDiceLoss, **SOFTMAX, w_type=w_type.lower(), batch=batch)
        g.add(loss, peer, g.logits(*PLANE), channel(ABSENT), rtol=F32_PARTS)
GENERALIZED = {"form": {"Generalized": "Square"}}
peer = module(GeneralizedDiceLoss, **SOFTMAX, include_background=False)
loss = {**GENERALIZED, "region": {**MONAI, "classes": "Foreground"}}
g.add(loss, peer, g.logits(*PLANE), channel(), rtol=F32_PARTS)
peer = module(GeneralizedDiceLoss, **SOFTMAX, reduction="none", smooth_nr=1.0, smooth_dr=1.0)
peer = peer.then("flatten", lambda v: v.flatten())
loss = {**GENERALIZED, "region": {"smooth": smooth(1.0, 1.0), "reduction": "None"}}
g.add(loss, peer, g.logits(*PLANE), channel(), rtol=F32_PARTS)
peer = module(GeneralizedDiceLoss, **SOFTMAX, reduction="sum")
loss = {**GENERALIZED, "region": {**MONAI, "reduction": "Sum"}}
g.add(loss, peer, g.logits(*PLANE), channel(), rtol=F32_PARTS)
peer = module(GeneralizedDiceLoss, sigmoid=True)
g.add({**GENERALIZED, "region": SIGMOID}, peer, g.logits(*PLANE), g.hard(*PLANE), rtol=F32_PARTS)
peer = module(GeneralizedDiceLoss, sigmoid=True, soft_label=True, w_type="simple")
loss = {"form": {"Generalized": "Simple"}, "region": {**SIGMOID, "intersection": "Minimum"}}
g.add(loss, peer, g.logits(*PLANE), g.soft(*PLANE), rtol=F32_PARTS)
empty = g.hard(*PLANE) * torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)
peer = module(GeneralizedDiceLoss, sigmoid=True)
g.add({**GENERALIZED, "region": SIGMOID}, peer, g.logits(*PLANE), empty, rtol=F32_PARTS)

KORNIA = {"smooth": smooth(0.0, 1e-8), "absent": "Skip", "class_average": "Weights"}
MICRO = {**KORNIA, "average": "Micro"}
for average, region in (("macro", KORNIA), ("micro", MICRO)):
    peer = function(dice_loss, average=average)
    g.add({"region": region}, peer, g.logits(*PLANE), points())
    g.add({"region": region}, peer, g.logits(*PLANE), points(ABSENT))
    g.add({"region": region}, peer, g.logits(*PLANE), g.ignoring(points(ABSENT), -100))
    peer = function(dice_loss, average=average, weight=f64(*WEIGHTS), ignore_index=255)
    loss = {"region": {**region, "class_weights": WEIGHTS, "ignore_index": 255}}
    g.add(loss, peer, g.logits(*PLANE), g.ignoring(points(ABSENT), 255))
    peer = function(dice_loss, average=average, eps=0.5)
    g.add({"region": {**region, "smooth": smooth(0.0, 0.5)}}, peer, g.logits(*PLANE), points())

SMP = {
    "smooth": smooth(0.0, 0.0, 2e-7),
    "pooling": "Batch",
    "absent": "Zero",
    "class_average": "Weights",
}
MULTICLASS = {"mode": "multiclass"}
for target in (points(), g.labels((2, 5, 7), [[0, 1], [1]])):
    g.add({"region": SMP}, module(Smp, **MULTICLASS), g.logits(*PLANE), target)
for options, region in (
    ({"smooth": 1.0}, {"smooth": smooth(2.0, 2.0, 2e-7)}),
    ({"eps": 100.0}, {"smooth": smooth(0.0, 0.0, 200.0)}),
    ({"smooth": 0.5, "eps": 12.0}, {"smooth": smooth(1.0, 1.0, 24.0)}),
    ({"classes": [2, 0]}, {"classes": {"Listed": [2, 0]}}),
    ({"class_weights": WEIGHTS}, {"class_weights": WEIGHTS}),
    (
        {"classes": [1, 2], "class_weights": WEIGHTS},
        {"classes": {"Listed": [1, 2]}, "class_weights": WEIGHTS},
    ),
):
    peer = module(Smp, **MULTICLASS, **options)
    g.add({"region": {**SMP, **region}}, peer, g.logits(*PLANE), g.labels((2, 5, 7), [[0, 2], [0]]))
peer = module(Smp, **MULTICLASS, log_loss=True, ignore_index=255)
loss = {"transform": "Log", "region": {**SMP, "ignore_index": 255}}
g.add(loss, peer, g.logits(*PLANE), g.ignoring(points(), 255))
peer = module(Smp, **MULTICLASS, ignore_index=0, smooth=1.0)
loss = {"region": {**SMP, "smooth": smooth(2.0, 2.0, 2e-7), "ignore_index": 0}}
g.add(loss, peer, g.logits(*PLANE), points())
SMP_SIGMOID = {**SMP, "activation": "Sigmoid"}
g.add({"region": SMP_SIGMOID}, module(Smp, mode="binary"), g.logits(*BINARY), g.indices(2, 2, 6, 5))
peer = module(Smp, mode="binary", ignore_index=255, log_loss=True)
loss = {"transform": "Log", "region": {**SMP_SIGMOID, "ignore_index": 255}}
g.add(loss, peer, g.logits(*BINARY), g.ignoring(g.indices(2, *BINARY), 255))
g.add({"region": SMP_SIGMOID}, module(Smp, mode="multilabel"), g.logits(*PLANE), g.hard(*PLANE))
loss = {"region": {**SMP_SIGMOID, "intersection": "Minimum"}}
g.add(loss, module(Smp, mode="binary"), g.logits(*BINARY), g.soft(*BINARY))
g.add(loss, module(Smp, mode="multilabel"), g.logits(*PLANE), g.soft(*PLANE))
g.add(loss, module(Smp, mode="binary"), g.logits(*BINARY), torch.zeros(BINARY).double())
loss = {"region": {**SMP, "activation": "Identity"}}
g.add(
    loss, module(Smp, mode="multilabel", from_logits=False), g.probabilities(*PLANE), g.hard(*PLANE)
)


def scores(x: Tensor, t: Tensor, dims: tuple[int, ...] = (2, 3)) -> Tensor:
    """Dice per image and class with 1e-5 on both sides."""
    p, t = x.softmax(1), one_hot(t, 3)
    return (2 * (p * t).sum(dims) + 1e-5) / ((p + t).sum(dims) + 1e-5)


def counted(x: Tensor, t: Tensor, divide: str) -> Tensor:
    """Weighted class mean over the classes that the image has."""
    w = f64(*WEIGHTS) * (one_hot(t, 3).sum((2, 3)) > 0)
    norm = w.sum(1) if divide == "weights" else (w > 0).sum(1)
    return (((1 - scores(x, t)) * w).sum(1) / norm).mean()


def pooled(x: Tensor, t: Tensor) -> Tensor:
    p, t = x.sigmoid(), t * f64(*WEIGHTS).view(1, 3, 1, 1)
    total = (p * f64(*WEIGHTS).view(1, 3, 1, 1)).sum() + t.sum()
    return 1 - (2 * (p * t).sum() + 1e-5) / (total + 1e-5)


peer = own(
    "mean of ln cosh(1 - dice) over images and classes",
    lambda x, t: (1 - scores(x, t)).cosh().log().mean(),
)
g.add({"transform": "LogCosh", "region": MONAI}, peer, g.logits(*PLANE), points(ABSENT))
peer = own("mean of -ln dice over images and classes", lambda x, t: -scores(x, t).log().mean())
g.add({"transform": "Log", "region": MONAI}, peer, g.logits(*PLANE), points())
peer = own(
    "mean of 1 - dice over images and classes, 0 where the image lacks the class",
    lambda x, t: ((1 - scores(x, t)) * (one_hot(t, 3).sum((2, 3)) > 0)).mean(),
)
g.add({"region": {**MONAI, "absent": "Zero"}}, peer, g.logits(*PLANE), points(ABSENT))
peer = own(
    "sum w l / sum w over all classes",
    lambda x, t: ((1 - scores(x, t)) * f64(*WEIGHTS)).sum(1).div(sum(WEIGHTS)).mean(),
)
loss = {"region": {**MONAI, "class_weights": WEIGHTS, "class_average": "Weights"}}
g.add(loss, peer, g.logits(*PLANE), points(ABSENT))
for class_average, divide in (("Count", "count"), ("Weights", "weights")):
    peer = own(
        f"sum w l over the present classes / their {divide}",
        lambda x, t, divide=divide: counted(x, t, divide),
    )
    loss = {
        "region": {
            **MONAI,
            "absent": "Skip",
            "class_weights": WEIGHTS,
            "class_average": class_average,
        }
    }
    g.add(loss, peer, g.logits(*PLANE), points(ABSENT))
peer = own("one dice of the sums over images and classes, weighted by class", pooled)
loss = {"region": {**SIGMOID, "pooling": "Batch", "average": "Micro", "class_weights": WEIGHTS}}
g.add(loss, peer, g.logits(*PLANE), g.hard(*PLANE))

g.write()
