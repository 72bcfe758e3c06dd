"""Golden values of `BceLoss`: torch, smp, and the two means that no peer has."""

from __future__ import annotations

import torch
from segmentation_models_pytorch.losses import SoftBCEWithLogitsLoss
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from _golden import BINARY, PLANE, ROWS, VOLUME, Golden, f64, function, module, own, per_channel

g = Golden("bce")
NAMES = {"none": "None", "sum": "Sum", "mean": "Mean"}
POS = [0.5, 2.0, 3.0]

for reduction, name in NAMES.items():
    g.add({"reduction": name}, function(bce, reduction=reduction), g.logits(*PLANE), g.hard(*PLANE))
for shape in (ROWS, VOLUME, BINARY):
    g.add({}, function(bce), g.logits(*shape), g.soft(*shape))

for reduction, name in NAMES.items():
    loss = {"pos_weight": POS, "reduction": name}
    peer = function(bce, pos_weight=per_channel(*POS), reduction=reduction)
    g.add(loss, peer, g.logits(*PLANE), g.soft(*PLANE))
peer = function(bce, pos_weight=f64(2.5))
g.add({"pos_weight": [2.5]}, peer, g.logits(*PLANE), g.hard(*PLANE))
peer = function(bce, pos_weight=f64(1.0, 2.0, 0.5, 4.0, 0.25))
g.add({"pos_weight": [1.0, 2.0, 0.5, 4.0, 0.25]}, peer, g.logits(*ROWS), g.hard(*ROWS))

for reduction, name in NAMES.items():
    peer = function(bce, reduction=reduction).weighted()
    g.add({"reduction": name}, peer, g.logits(*PLANE), g.soft(*PLANE), g.weights(*PLANE))
g.add({}, function(bce).weighted(), g.logits(*PLANE), g.soft(*PLANE), g.weights(1, 3, 1, 1))
g.add({}, function(bce).weighted(), g.logits(*PLANE), g.soft(*PLANE), g.weights(2, 1, 5, 7))
peer = function(bce, pos_weight=per_channel(*POS)).weighted()
g.add({"pos_weight": POS}, peer, g.logits(*PLANE), g.soft(*PLANE), g.weights(*PLANE))

# Saturated logits: the value stays finite and exact.
x = f64(-300, -100, -50, -20, -5, 5, 20, 50, 100, 300).view(1, 1, 10).repeat(2, 1, 1)
t = torch.stack([torch.zeros(1, 10), torch.ones(1, 10)]).double()
g.add({"reduction": "None"}, function(bce, reduction="none"), x, t)

peer = module(SoftBCEWithLogitsLoss, smooth_factor=0.1)
g.add({"label_smoothing": 0.1}, peer, g.logits(*PLANE), g.hard(*PLANE))
peer = module(SoftBCEWithLogitsLoss, smooth_factor=0.2, pos_weight=per_channel(*POS))
g.add({"label_smoothing": 0.2, "pos_weight": POS}, peer, g.logits(*PLANE), g.soft(*PLANE))
# smp keeps ignored points in the mean's denominator, so only its sum and none agree.
for reduction in ("none", "sum"):
    loss = {"ignore_index": 255, "label_smoothing": 0.1, "reduction": NAMES[reduction]}
    peer = module(SoftBCEWithLogitsLoss, ignore_index=255, smooth_factor=0.1, reduction=reduction)
    g.add(loss, peer, g.logits(*PLANE), g.ignoring(g.hard(*PLANE), 255))


def valid_mean(x: Tensor, t: Tensor) -> Tensor:
    return bce(x[t != 255], t[t != 255])


def weighted_mean(x: Tensor, t: Tensor, w: Tensor) -> Tensor:
    keep = t != 255
    return bce(x[keep], t[keep], w[keep], reduction="sum") / w[keep].sum()


def per_positive(x: Tensor, t: Tensor) -> Tensor:
    keep = t != 255
    return bce(x[keep], t[keep], reduction="sum") / (t[keep] > 0).sum().clamp(min=1)


peer = own("mean over the points that are not ignored", valid_mean)
g.add({"ignore_index": 255}, peer, g.logits(*PLANE), g.ignoring(g.soft(*PLANE), 255))
loss = {"ignore_index": 255, "normalizer": "Weights"}
peer = own("weighted sum / sum of the weights, without ignored points", weighted_mean)
g.add(loss, peer, g.logits(*PLANE), g.ignoring(g.hard(*PLANE), 255), g.weights(*PLANE))
loss = {"ignore_index": 255, "normalizer": "Positives"}
peer = own("sum / number of targets above 0, without ignored points", per_positive)
g.add(loss, peer, g.logits(*PLANE), g.ignoring(g.hard(*PLANE), 255))
peer = own("sum / 1: there is no positive target", per_positive)
g.add({"normalizer": "Positives"}, peer, g.logits(*BINARY), torch.zeros(BINARY).double())
peer = own("0: every point is ignored", lambda x, t: (x * 0).sum())
g.add({"ignore_index": 255}, peer, g.logits(*BINARY), torch.full(BINARY, 255.0).double())

g.write()
