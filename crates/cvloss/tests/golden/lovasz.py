"""Lovasz losses: segmentation_models_pytorch (present classes), kornia (all classes), and own formulas."""

from __future__ import annotations

import torch
from kornia.losses import lovasz_hinge_loss, lovasz_softmax_loss
from segmentation_models_pytorch.losses import LovaszLoss
from torch import Tensor

from _golden import F32_PEER, PLANE, VOLUME, Golden, Peer, function, module, own

PRESENT = [[0, 1, 2], [0, 2]]
ABSENT = [[0, 1], [1]]


def extension(errors: Tensor, own: Tensor, mass: Tensor) -> Tensor:
    """The Lovasz extension of the weighted Jaccard loss, of one region."""
    order = errors.detach().argsort(descending=True, stable=True)
    errors, own, mass = errors[order], own[order], mass[order]
    total = (own * mass).sum()
    jaccard = 1 - (total - (own * mass).cumsum(0)) / (total + ((1 - own) * mass).cumsum(0))
    return (errors * torch.cat([jaccard[:1], jaccard.diff()])).sum()


def smp(**options: object) -> Peer:
    """smp's loss, which computes in f32 alone."""
    return module(LovaszLoss, **options).given("input.float(), target", lambda x, t: (x.float(), t))


g = Golden("lovasz_softmax")
BATCH = {"pooling": "Batch"}
SMP = {"mode": "multiclass"}
for classes in (PRESENT, ABSENT):
    for loss, per_image in ((BATCH, False), ({}, True)):
        peer = smp(**SMP, per_image=per_image)
        g.add(loss, peer, g.logits(*PLANE), g.labels((2, 5, 7), classes), rtol=F32_PEER)
        peer = smp(**SMP, per_image=per_image, ignore_index=255)
        target = g.ignoring(g.labels((2, 5, 7), classes), 255)
        g.add({**loss, "ignore_index": 255}, peer, g.logits(*PLANE), target, rtol=F32_PEER)
    peer = function(lovasz_softmax_loss)
    g.add({"classes": "All"}, peer, g.logits(*PLANE), g.labels((2, 5, 7), classes))
peer = smp(**SMP)
target = g.labels((1, 3, 4, 5), [[0, 1, 3]])
g.add(BATCH, peer, g.logits(*VOLUME), target, rtol=F32_PEER)
g.add({"classes": "All"}, function(lovasz_softmax_loss), g.logits(1, 4, 1, 1), g.indices(4, 1, 1, 1))


def listed(x: Tensor, t: Tensor, mass: Tensor) -> Tensor:
    p, losses = x.softmax(1), []
    for image in range(len(x)):
        for c in (0, 2):
            hot = (t[image] == c).double().flatten()
            errors = (hot - p[image, c].flatten()).abs()
            losses.append(extension(errors, hot, mass[image].flatten()) / 2)
    return torch.stack(losses).sum()


peer = own("sum over images of the mean over classes 0 and 2, of weighted IoU", listed)
loss = {"classes": {"Listed": [2, 0]}, "reduction": "Sum"}
weight = g.probabilities(2, 5, 7)
g.add(loss, peer, g.logits(*PLANE), g.labels((2, 5, 7), PRESENT), weight)


def separate(x: Tensor, t: Tensor) -> Tensor:
    ones = torch.ones(16).double()
    p = x.sigmoid().flatten(2)
    losses = [
        extension((t.flatten(2)[n, c] - p[n, c]).abs(), t.flatten(2)[n, c], ones)
        for n in range(2)
        for c in range(2)
    ]
    return torch.stack(losses).reshape(2, 2).mean(1)


peer = own("the mean over channels, of sigmoids", separate)
loss = {"activation": "Sigmoid", "classes": "All", "reduction": "None"}
g.add(loss, peer, g.distinct(2, 2, 4, 4), g.hard(2, 2, 4, 4))
g.write()

g = Golden("lovasz_hinge")
BINARY = (2, 1, 6, 5)
for loss, per_image in ((BATCH, False), ({}, True)):
    peer = smp(mode="binary", per_image=per_image)
    g.add(loss, peer, g.distinct(*BINARY), g.indices(2, 2, 6, 5), rtol=F32_PEER)
    peer = smp(mode="binary", per_image=per_image, ignore_index=255)
    target = g.ignoring(g.indices(2, *BINARY), 255)
    g.add({**loss, "ignore_index": 255}, peer, g.distinct(*BINARY), target, rtol=F32_PEER)
    peer = smp(mode="binary", per_image=per_image)
    g.add(loss, peer, g.distinct(*BINARY), torch.zeros(2, 6, 5).long(), rtol=F32_PEER)
    g.add(loss, peer, g.distinct(*BINARY), torch.ones(2, 6, 5).long(), rtol=F32_PEER)
g.add({}, function(lovasz_hinge_loss), g.distinct(*BINARY), g.indices(2, 2, 6, 5))
g.add({}, function(lovasz_hinge_loss), g.distinct(1, 1, 1, 1), g.indices(2, 1, 1, 1))
peer = module(LovaszLoss, mode="multilabel").given(
    "input.float().reshape(1, 1, -1), target.reshape(1, 1, -1)",
    lambda x, t: (x.float().reshape(1, 1, -1), t.reshape(1, 1, -1)),
)
# All channels sorted together: (1, 3, 5, 7) as (1, 1, 105).
g.add(BATCH, peer, g.distinct(1, 1, 105), g.hard(1, 1, 105), rtol=F32_PEER)


def channels(x: Tensor, t: Tensor, mass: Tensor) -> Tensor:
    errors = (1 - x * (2 * t - 1)).relu()
    losses = [
        extension(errors[n, c].flatten(), t[n, c].flatten(), mass[n].flatten())
        for n in range(2)
        for c in range(2)
    ]
    return torch.stack(losses).reshape(2, 2).mean(1)


peer = own("the mean over channels, of weighted IoU", channels)
shape = (2, 2, 4, 4)
weight = g.probabilities(2, 1, 4, 4)
g.add({"reduction": "None"}, peer, g.distinct(*shape), g.hard(*shape), weight)
g.write()
