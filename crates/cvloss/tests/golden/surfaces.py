"""Losses of distances and of skeletons: MONAI, and scipy's distance transform."""

from __future__ import annotations

import torch
from monai.losses import (
    BoundaryLoss,
    HausdorffDTLoss,
    LogHausdorffDTLoss,
    SoftclDiceLoss,
    SoftDiceclDiceLoss,
)
from monai.networks import one_hot
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from _golden import F32_PEER, F32_PARTS, Golden, Peer, module, own

PLANE = (2, 3, 6, 7)
VOLUME = (1, 3, 4, 5, 6)
BINARY = (2, 1, 6, 7)
PRESENT = [[0, 1, 2], [0, 2]]


def hot(peer: Peer, classes: int) -> Peer:
    """The same call with one-hot targets in the input's dtype; MONAI's own encoding is f32."""
    words = "input, one_hot(target)"
    return peer.given(words, lambda x, t: (x, one_hot(t[:, None], classes).double()))


def points(g: Golden, shape: tuple[int, ...]) -> Tensor:
    return g.labels((shape[0], *shape[2:]), PRESENT[: shape[0]])


def spaced(x: Tensor, t: Tensor) -> Tensor:
    maps = []
    for mask in t:
        inside = distance_transform_edt(mask.numpy(), sampling=(0.5, 3.0))
        outside = distance_transform_edt(1 - mask.numpy(), sampling=(0.5, 3.0))
        maps.append(torch.from_numpy(outside - (inside - 1) * mask.numpy()))
    return (x.sigmoid()[:, 0] * torch.stack(maps)).mean()


def per_image(v: Tensor) -> Tensor:
    return v.flatten(1).mean(1)


g = Golden("boundary")
for shape in (PLANE, VOLUME):
    peer = hot(module(BoundaryLoss, softmax=True), shape[1])
    g.add({}, peer, g.logits(*shape), points(g, shape), rtol=F32_PARTS)
    peer = hot(module(BoundaryLoss, softmax=True, include_background=False), shape[1])
    g.add({"classes": "Foreground"}, peer, g.logits(*shape), points(g, shape), rtol=F32_PARTS)
peer = hot(module(BoundaryLoss, softmax=True, reduction="none"), 3)
peer = peer.then("mean over classes", per_image)
g.add({"reduction": "None"}, peer, g.logits(*PLANE), points(g, PLANE), rtol=F32_PARTS)
for target in (g.hard(*BINARY), torch.zeros(BINARY).double(), torch.ones(BINARY).double()):
    loss = {"activation": "Sigmoid"}
    g.add(loss, module(BoundaryLoss, sigmoid=True), g.logits(*BINARY), target, rtol=F32_PARTS)
peer = own("mean of p phi, phi by scipy with spacing (0.5, 3)", spaced)
loss = {"activation": "Sigmoid", "spacing": [0.5, 3.0]}
g.add(loss, peer, g.logits(*BINARY), g.indices(2, 2, 6, 7))
peer = own("mean of p phi, phi given", lambda x, phi: (x.softmax(1) * phi).mean())
g.add({"target": "Distances"}, peer, g.logits(*PLANE), g.logits(*PLANE))
g.write()

g = Golden("hausdorff")
for shape in (PLANE, VOLUME):
    for name, transform in ((HausdorffDTLoss, "Linear"), (LogHausdorffDTLoss, "Log")):
        peer = hot(module(name, softmax=True), shape[1])
        loss = {"transform": transform}
        g.add(loss, peer, g.logits(*shape), points(g, shape), rtol=F32_PEER)
    peer = hot(module(HausdorffDTLoss, softmax=True, include_background=True, alpha=1.0), shape[1])
    loss = {"alpha": 1.0, "classes": "All"}
    g.add(loss, peer, g.logits(*shape), points(g, shape), rtol=F32_PEER)
peer = hot(module(HausdorffDTLoss, softmax=True, reduction="none"), 3)
peer = peer.then("mean over classes", per_image)
g.add({"reduction": "None"}, peer, g.logits(*PLANE), points(g, PLANE), rtol=F32_PEER)
for target in (g.hard(*BINARY), torch.zeros(BINARY).double(), torch.ones(BINARY).double()):
    loss = {"activation": "Sigmoid"}
    g.add(loss, module(HausdorffDTLoss, sigmoid=True), g.logits(*BINARY), target, rtol=F32_PEER)
peer = hot(module(HausdorffDTLoss, softmax=True, reduction="none"), 3)
peer = peer.then("ln(1 + mean over classes)", lambda v: per_image(v).log1p())
g.add({"transform": "Log", "reduction": "None"}, peer, g.logits(*PLANE), points(g, PLANE), rtol=F32_PEER)
g.write()

for name, peer, wrap in (
    ("cl_dice", SoftclDiceLoss, lambda loss: loss),
    ("dice_cl_dice", SoftDiceclDiceLoss, lambda loss: {"cl_dice": loss}),
):
    g = Golden(name)
    for shape in (PLANE, VOLUME):
        g.add(wrap({}), hot(module(peer, softmax=True), shape[1]), g.logits(*shape), points(g, shape))
        loss = {"classes": "Foreground", "iterations": 1}
        call = hot(module(peer, softmax=True, include_background=False, iter_=1), shape[1])
        g.add(wrap(loss), call, g.logits(*shape), points(g, shape))
    for target in (g.hard(*BINARY), torch.zeros(BINARY).double(), torch.ones(BINARY).double()):
        loss = {"activation": "Sigmoid"}
        g.add(wrap(loss), module(peer, sigmoid=True), g.distinct(*BINARY), target)
    loss = {"activation": "Sigmoid", "smooth_nr": 0.5, "smooth_dr": 2.0, "smooth": 0.1}
    call = module(peer, sigmoid=True, smooth_nr=0.5, smooth_dr=2.0, smooth=0.1)
    g.add(wrap(loss), call, g.distinct(*BINARY), g.hard(*BINARY))
    g.write()
