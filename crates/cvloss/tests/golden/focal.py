"""Golden values of `FocalLoss`: torchvision, kornia, smp, MONAI."""

from __future__ import annotations

import torch
from kornia.losses import binary_focal_loss_with_logits
from monai.losses import FocalLoss as MonaiFocal
from segmentation_models_pytorch.losses import FocalLoss as SmpFocal
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

from _golden import (
    BINARY,
    F32_PEER,
    PLANE,
    ROWS,
    VOLUME,
    Golden,
    Peer,
    f64,
    function,
    module,
    one_hot,
    own,
)

g = Golden("focal")
NAMES = {"none": "None", "sum": "Sum", "mean": "Mean"}
POS = [0.5, 2.0, 3.0]

for gamma in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0):
    peer = function(sigmoid_focal_loss, gamma=gamma, reduction="mean")
    g.add({"gamma": gamma}, peer, g.logits(*PLANE), g.hard(*PLANE))
    peer = function(sigmoid_focal_loss, alpha=-1, gamma=gamma, reduction="sum")
    g.add(
        {"alpha": None, "gamma": gamma, "reduction": "Sum"},
        peer,
        g.logits(*BINARY),
        g.soft(*BINARY),
    )
peer = function(sigmoid_focal_loss, alpha=0.75, gamma=1.5, reduction="none")
g.add({"alpha": 0.75, "gamma": 1.5, "reduction": "None"}, peer, g.logits(*PLANE), g.soft(*PLANE))
for shape in (ROWS, VOLUME):
    g.add({}, function(sigmoid_focal_loss, reduction="mean"), g.logits(*shape), g.soft(*shape))


def kornia(**options: object) -> Peer:
    return function(binary_focal_loss_with_logits, **options)


for gamma in (0.0, 0.5, 1.5, 2.0, 3.0):
    loss = {"gamma": gamma, "soft_targets": "Linear"}
    g.add(loss, kornia(gamma=gamma, reduction="mean"), g.logits(*BINARY), g.soft(*BINARY))
for reduction, name in NAMES.items():
    loss = {"alpha": 0.6, "soft_targets": "Linear", "pos_weight": POS, "reduction": name}
    peer = kornia(alpha=0.6, pos_weight=f64(*POS), reduction=reduction)
    g.add(loss, peer, g.logits(*PLANE), g.soft(*PLANE))
loss = {"alpha": None, "soft_targets": "Linear", "pos_weight": POS}
g.add(
    loss,
    kornia(alpha=None, pos_weight=f64(*POS), reduction="mean"),
    g.logits(*PLANE),
    g.soft(*PLANE),
)
g.add(
    {"pos_weight": POS},
    kornia(pos_weight=f64(*POS), reduction="mean"),
    g.logits(*PLANE),
    g.hard(*PLANE),
)
# kornia's weight of a channel is a weight map here, as smp's is below.
weight = g.weights(1, 3, 1, 1)
peer = kornia(weight=weight.flatten(), reduction="mean").given(
    "input, target", lambda x, t, w: (x, t)
)
g.add({}, peer, g.logits(*PLANE), g.hard(*PLANE), weight)
# kornia keeps ignored points in the mean's denominator, so only its sum and none agree.
for reduction in ("none", "sum"):
    loss = {"soft_targets": "Linear", "ignore_index": -100, "reduction": NAMES[reduction]}
    g.add(loss, kornia(reduction=reduction), g.logits(*PLANE), g.ignoring(g.soft(*PLANE), -100))
# Saturated logits: kornia takes the power in logarithms, torchvision's 1 - p_t would round.
x = f64(-300, -100, -50, -20, -5, 5, 20, 50, 100, 300).view(1, 1, 10).repeat(2, 1, 1)
t = torch.stack([torch.zeros(1, 10), torch.ones(1, 10)]).double()
for gamma in (0.5, 2.0):
    g.add({"gamma": gamma, "reduction": "None"}, kornia(gamma=gamma, reduction="none"), x, t)

peer = module(SmpFocal, mode="binary", alpha=0.25, ignore_index=255)
g.add({"ignore_index": 255}, peer, g.logits(*BINARY), g.ignoring(g.hard(*BINARY), 255))
loss = {"alpha": None, "gamma": 1.5, "normalizer": "Weights"}
weight = f64(0.5, 1.0, 2.0).view(1, 3, 1, 1)
peer = module(SmpFocal, mode="multilabel", gamma=1.5, class_weights=[0.5, 1.0, 2.0])
peer = peer.given("input, target", lambda x, t, w: (x, t))
g.add(loss, peer, g.logits(*PLANE), g.hard(*PLANE), weight)
# smp's multiclass mode is the sigmoid focal loss of the one-hot target.
labels = g.labels((2, 5, 7), [[0, 1, 2], [0, 2]])
target = one_hot(labels, 3)
peer = module(SmpFocal, mode="multiclass", alpha=0.25)
peer = peer.given("input, target.argmax(1)", lambda x, t: (x, t.argmax(1)))
g.add({}, peer, g.logits(*PLANE), target)

for options, loss in (
    ({}, {"alpha": None}),
    ({"alpha": 0.7, "gamma": 3.0}, {"alpha": 0.7, "gamma": 3.0}),
    ({"alpha": 0.7, "reduction": "none"}, {"alpha": 0.7, "reduction": "None"}),
):
    g.add(loss, module(MonaiFocal, **options), g.logits(*PLANE), g.hard(*PLANE), rtol=F32_PEER)
peer = module(MonaiFocal, ignore_index=255)
g.add(
    {"alpha": None, "ignore_index": 255},
    peer,
    g.logits(*BINARY),
    g.ignoring(g.hard(*BINARY), 255),
    rtol=F32_PEER,
)


def valid(x: Tensor, t: Tensor, divide: str) -> Tensor:
    keep = t != -1
    count = {"points": keep.sum(), "positives": (t[keep] > 0).sum().clamp(min=1)}[divide]
    return sigmoid_focal_loss(x[keep], t[keep], reduction="sum") / count


peer = own("torchvision sum / number of points not ignored", lambda x, t: valid(x, t, "points"))
g.add({"ignore_index": -1}, peer, g.logits(*PLANE), g.ignoring(g.soft(*PLANE), -1))
peer = own(
    "torchvision sum / number of positives (RetinaNet)", lambda x, t: valid(x, t, "positives")
)
g.add(
    {"ignore_index": -1, "normalizer": "Positives"},
    peer,
    g.logits(*ROWS),
    g.ignoring(g.hard(*ROWS), -1),
)
peer = own(
    "torchvision sum / 1: there is no positive target", lambda x, t: valid(x, t, "positives")
)
g.add({"normalizer": "Positives"}, peer, g.logits(*ROWS), torch.zeros(ROWS).double())
for normalizer in ("Elements", "Weights"):
    peer = own(
        f"torchvision none * weight, summed, / {normalizer.lower()}",
        lambda x, t, w, n=normalizer: (
            (sigmoid_focal_loss(x, t) * w).sum() / (w.sum() if n == "Weights" else w.numel())
        ),
    )
    g.add({"normalizer": normalizer}, peer, g.logits(*PLANE), g.soft(*PLANE), g.weights(*PLANE))
peer = own("0: every point is ignored", lambda x, t: (x * 0).sum())
g.add({"ignore_index": -1}, peer, g.logits(*BINARY), torch.full(BINARY, -1.0).double())

g.write()
