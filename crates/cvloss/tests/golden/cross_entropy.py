"""Golden values of `CrossEntropyLoss`: torch, smp, and weight maps on torch's terms."""

from __future__ import annotations

import torch
from segmentation_models_pytorch.losses import SoftCrossEntropyLoss
from torch import Tensor
from torch.nn.functional import cross_entropy

from _golden import PLANE, ROWS, VOLUME, Golden, f64, function, module, own

g = Golden("cross_entropy")
NAMES = {"none": "None", "sum": "Sum", "mean": "Mean"}
WEIGHTS = [0.5, 1.0, 3.0]
POINTS = (2, 5, 7)


def classes() -> Tensor:
    return g.indices(3, *POINTS)


for reduction, name in NAMES.items():
    g.add(
        {"reduction": name},
        function(cross_entropy, reduction=reduction),
        g.logits(*PLANE),
        classes(),
    )
    loss = {"class_weights": WEIGHTS, "ignore_index": 255, "reduction": name}
    peer = function(cross_entropy, weight=f64(*WEIGHTS), ignore_index=255, reduction=reduction)
    g.add(loss, peer, g.logits(*PLANE), g.ignoring(classes(), 255))
    loss = {"class_weights": WEIGHTS, "label_smoothing": 0.1, "reduction": name}
    peer = function(cross_entropy, weight=f64(*WEIGHTS), label_smoothing=0.1, reduction=reduction)
    g.add(loss, peer, g.logits(*PLANE), g.ignoring(classes(), -100))

g.add({}, function(cross_entropy), g.logits(*PLANE), g.ignoring(classes(), -100))
loss = {"label_smoothing": 0.2, "ignore_index": 1}
g.add(
    loss, function(cross_entropy, label_smoothing=0.2, ignore_index=1), g.logits(*PLANE), classes()
)
loss = {"class_weights": WEIGHTS, "ignore_index": 0}
g.add(
    loss, function(cross_entropy, weight=f64(*WEIGHTS), ignore_index=0), g.logits(*PLANE), classes()
)

# Classification, a single channel axis, and volumes.
g.add({}, function(cross_entropy), g.logits(*ROWS), g.indices(5, 7))
loss = {"label_smoothing": 0.1, "reduction": "None"}
g.add(
    loss,
    function(cross_entropy, label_smoothing=0.1, reduction="none"),
    g.logits(*ROWS),
    g.indices(5, 7),
)
loss = {"class_weights": [1.0, 2.0, 0.5, 4.0], "ignore_index": 3}
peer = function(cross_entropy, weight=f64(1.0, 2.0, 0.5, 4.0), ignore_index=3)
g.add(loss, peer, g.logits(*VOLUME), g.indices(4, 1, 3, 4, 5))
peer = function(cross_entropy).given("input, target.squeeze(1)", lambda x, t: (x, t.squeeze(1)))
g.add({}, peer, g.logits(*PLANE), g.indices(3, 2, 1, 5, 7))

# Soft labels. torch's mean divides by the number of points, also under class weights.
for reduction, name in NAMES.items():
    peer = function(cross_entropy, reduction=reduction)
    g.add({"reduction": name}, peer, g.logits(*PLANE), g.distributions(*PLANE))
g.add(
    {"label_smoothing": 0.1},
    function(cross_entropy, label_smoothing=0.1),
    g.logits(*PLANE),
    g.distributions(*PLANE),
)
g.add({}, function(cross_entropy), g.logits(*ROWS), g.distributions(*ROWS))
loss = {"class_weights": WEIGHTS, "normalizer": "Elements"}
g.add(
    loss, function(cross_entropy, weight=f64(*WEIGHTS)), g.logits(*PLANE), g.distributions(*PLANE)
)
loss = {"class_weights": WEIGHTS, "label_smoothing": 0.1, "reduction": "Sum"}
peer = function(cross_entropy, weight=f64(*WEIGHTS), label_smoothing=0.1, reduction="sum")
g.add(loss, peer, g.logits(*PLANE), g.distributions(*PLANE))

# Saturated logits.
x = f64(300, -300, 0, 0, 50, -50, 100, 99, 98, -20, 20, 0).view(4, 3)
g.add(
    {"reduction": "None"}, function(cross_entropy, reduction="none"), x, torch.tensor([1, 0, 2, 0])
)

peer = module(SoftCrossEntropyLoss, smooth_factor=0.1)
g.add({"label_smoothing": 0.1}, peer, g.logits(*PLANE), classes())
# smp keeps ignored points in the mean's denominator, so only its sum agrees.
peer = module(SoftCrossEntropyLoss, smooth_factor=0.1, ignore_index=255, reduction="sum")
loss = {"label_smoothing": 0.1, "ignore_index": 255, "reduction": "Sum"}
g.add(loss, peer, g.logits(*PLANE), g.ignoring(classes(), 255))


def weighted(mean_over: str) -> object:
    def run(x: Tensor, t: Tensor, w: Tensor) -> Tensor:
        w = w.reshape(t.shape)
        terms = cross_entropy(x, t, f64(*WEIGHTS), reduction="none") * w
        if mean_over == "none":
            return terms
        keep = t != -100
        mass = (f64(*WEIGHTS)[t.clamp(min=0)] * w)[keep].sum()
        return (
            terms.sum()
            / {"weights": mass, "points": keep.sum(), "positives": (t > 0).sum()}[mean_over]
        )

    return run


for normalizer, mean_over in (
    ("Weights", "weights"),
    ("Elements", "points"),
    ("Positives", "positives"),
):
    loss = {"class_weights": WEIGHTS, "normalizer": normalizer}
    peer = own(
        f"cross_entropy(reduction='none') * weight map, summed, / {mean_over}", weighted(mean_over)
    )
    g.add(loss, peer, g.logits(*PLANE), g.ignoring(classes(), -100), g.weights(*POINTS))
loss = {"class_weights": WEIGHTS}
g.add(
    loss,
    own("the same with an (N, 1, H, W) map", weighted("weights")),
    g.logits(*PLANE),
    classes(),
    g.weights(2, 1, 5, 7),
)
loss = {"class_weights": WEIGHTS, "reduction": "None"}
peer = own("cross_entropy(reduction='none') * weight map", weighted("none"))
g.add(loss, peer, g.logits(*PLANE), g.ignoring(classes(), -100), g.weights(*POINTS))
# torch returns NaN here.
peer = own("0: every point is ignored", lambda x, t: (x * 0).sum())
g.add({}, peer, g.logits(*PLANE), torch.full(POINTS, -100))

g.write()
