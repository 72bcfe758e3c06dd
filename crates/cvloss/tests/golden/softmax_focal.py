"""Golden values of `SoftmaxFocalLoss`: kornia, smp, MONAI."""

from __future__ import annotations

import torch
from kornia.losses import focal_loss
from monai.losses import FocalLoss
from segmentation_models_pytorch.losses._functional import softmax_focal_loss_with_logits
from torch import Tensor
from torch.nn.functional import one_hot

from _golden import F32_PEER, PLANE, ROWS, VOLUME, Golden, Peer, f64, function, module, own

g = Golden("softmax_focal")
POINTS = (2, 5, 7)
WEIGHTS = [0.5, 1.0, 3.0]


def classes() -> Tensor:
    return g.indices(3, *POINTS)


# kornia's mean divides by C as well, and keeps ignored points in the denominator.
for gamma in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0):
    peer = function(focal_loss, alpha=None, gamma=gamma, reduction="mean").then(
        "times C", lambda v: v * 3
    )
    g.add({"gamma": gamma}, peer, g.logits(*PLANE), classes())
peer = function(focal_loss, alpha=0.25, reduction="sum")
g.add(
    {"alpha": {"Background": 0.25}, "reduction": "Sum"},
    peer,
    g.logits(*PLANE),
    g.ignoring(classes(), -100),
)
peer = function(focal_loss, alpha=0.75, gamma=1.5, reduction="none").then(
    "sum over axis 1", lambda v: v.sum(1)
)
loss = {"alpha": {"Background": 0.75}, "gamma": 1.5, "reduction": "None"}
g.add(loss, peer, g.logits(*PLANE), g.ignoring(classes(), -100))
peer = function(focal_loss, alpha=None, ignore_index=255, reduction="none").then(
    "sum over axis 1", lambda v: v.sum(1)
)
g.add(
    {"ignore_index": 255, "reduction": "None"}, peer, g.logits(*PLANE), g.ignoring(classes(), 255)
)
peer = function(focal_loss, alpha=None, weight=f64(*WEIGHTS), reduction="sum")
g.add({"alpha": {"PerClass": WEIGHTS}, "reduction": "Sum"}, peer, g.logits(*PLANE), classes())
peer = function(focal_loss, alpha=0.25, reduction="mean").then("times C", lambda v: v * 5)
g.add({"alpha": {"Background": 0.25}}, peer, g.logits(*ROWS), g.indices(5, 7))
peer = function(focal_loss, alpha=0.25, reduction="mean").then("times C", lambda v: v * 4)
g.add({"alpha": {"Background": 0.25}}, peer, g.logits(*VOLUME), g.indices(4, 1, 3, 4, 5))

for reduction, name in (("none", "None"), ("sum", "Sum"), ("mean", "Mean")):
    peer = function(softmax_focal_loss_with_logits, gamma=1.5, reduction=reduction)
    g.add({"gamma": 1.5, "reduction": name}, peer, g.logits(*PLANE), classes())


def monai(**options: object) -> Peer:
    return module(FocalLoss, to_onehot_y=True, use_softmax=True, **options)


# MONAI's mean divides by C as well, unless there is an ignore_index.
for options, loss in (
    ({}, {}),
    ({"alpha": 0.25, "gamma": 1.5}, {"alpha": {"Background": 0.25}, "gamma": 1.5}),
    ({"alpha": WEIGHTS}, {"alpha": {"PerClass": WEIGHTS}}),
    ({"weight": 0.5}, {"alpha": {"Uniform": 0.5}}),
):
    peer = monai(**options).then("times C", lambda v: v * 3)
    g.add(loss, peer, g.logits(*PLANE), g.indices(3, 2, 1, 5, 7), rtol=F32_PEER)
peer = monai(alpha=WEIGHTS, reduction="none").then("sum over axis 1", lambda v: v.sum(1))
loss = {"alpha": {"PerClass": WEIGHTS}, "reduction": "None"}
g.add(loss, peer, g.logits(*PLANE), g.indices(3, 2, 1, 5, 7), rtol=F32_PEER)
peer = monai(alpha=WEIGHTS, ignore_index=255)
loss = {"alpha": {"PerClass": WEIGHTS}, "ignore_index": 255}
g.add(loss, peer, g.logits(*PLANE), g.ignoring(g.indices(3, 2, 1, 5, 7), 255), rtol=F32_PEER)


def exact(x: Tensor, t: Tensor) -> Tensor:
    """1 - p from the other classes, so that nothing rounds when p is near 1."""
    hit = one_hot(t, x.shape[1]).bool()
    total = x.logsumexp(1)
    log_p, log_rest = x[hit] - total, x.masked_fill(hit, -torch.inf).logsumexp(1) - total
    return -(2.0 * log_rest).exp() * log_p


def terms(x: Tensor, t: Tensor) -> Tensor:
    return focal_loss(x, t, alpha=None, reduction="none").sum(1)


x = f64(300, -300, 0, 0, 50, -50, 20, 0, -5, -20, 20, 0, 100, 99, 98).view(5, 3)
peer = own("(1 - p)^2 * -log p with 1 - p summed over the other classes", exact)
g.add({"reduction": "None"}, peer, x, torch.tensor([1, 0, 0, 1, 2]))
for normalizer in ("Elements", "Weights"):
    peer = own(
        f"kornia none, summed over axis 1, * weight map, summed, / {normalizer.lower()}",
        lambda x, t, w, n=normalizer: (
            (terms(x, t) * w).sum() / (w[t >= 0].sum() if n == "Weights" else (t >= 0).sum())
        ),
    )
    g.add(
        {"normalizer": normalizer},
        peer,
        g.logits(*PLANE),
        g.ignoring(classes(), -100),
        g.weights(*POINTS),
    )
peer = own(
    "kornia none, summed, / number of targets above 0",
    lambda x, t: terms(x, t).sum() / (t > 0).sum(),
)
g.add({"normalizer": "Positives"}, peer, g.logits(*PLANE), g.ignoring(classes(), -100))
peer = own("0: every point is ignored", lambda x, t: (x * 0).sum())
g.add({}, peer, g.logits(*PLANE), torch.full(POINTS, -100))

g.write()
