"""Golden values of Hausdorff loss by erosion: kornia in two and three dimensions, and the same steps in torch f64.

kornia rounds the weights of its cross to f32. Inputs are wrong in blobs: what is wrong at single points is eroded at
once.
"""

from __future__ import annotations

import torch
from kornia.losses import HausdorffERLoss, HausdorffERLoss3D
from torch import Tensor
from torch.nn.functional import conv1d, conv2d, conv3d

from _golden import F32_PEER, Golden, module, one_hot, own

PLANE = (2, 3, 13, 17)
VOLUME = (1, 3, 9, 10, 11)
BINARY = (2, 1, 14, 15)
LINE = (2, 2, 40)
F32 = 1e-3
"""What erosions leave is divided by its range, and so are the errors of f32."""

CONV = {3: conv1d, 4: conv2d, 5: conv3d}


def blobs(g: Golden, shape: tuple[int, ...], classes: int, size: int) -> Tensor:
    """Class indices in blocks."""
    space = shape[2:]
    coarse = g.indices(classes, shape[0], *[-(-n // size) for n in space])
    for axis, n in enumerate(space, 1):
        coarse = coarse.repeat_interleave(size, axis).narrow(axis, 0, n)
    return coarse


def logits(g: Golden, shape: tuple[int, ...]) -> Tensor:
    """Sure of blobs that are not the target's, with noise."""
    guess = blobs(g, shape, max(shape[1], 2), 7)
    sure = one_hot(guess, max(shape[1], 2))[:, -shape[1] :] if shape[1] > 1 else guess[:, None].double()
    return g.logits(*shape, scale=0.25) + (sure * 2 - 1) * 3


def erosion(p: Tensor, t: Tensor, k: int, alpha: float) -> Tensor:
    """Per point, image and class."""
    axes = p.ndim - 2
    cross = torch.zeros([3] * axes).double()
    for axis in range(axes):
        for at in range(3):
            cross[tuple(at if a == axis else 1 for a in range(axes))] = 1 / (2 * axes + 1)
    n, c = p.shape[:2]
    bound = ((p - t) ** 2).reshape(n * c, 1, *p.shape[2:])
    space = tuple(range(2, bound.ndim))
    total = torch.zeros_like(bound)
    for step in range(1, k + 1):
        left = (CONV[p.ndim](bound, cross[None, None], padding=1) - 0.5).relu()
        least, largest = left.amin(space, True), left.amax(space, True)
        extent = largest - least
        bound = torch.where(extent == 0, left, (left - least) / torch.where(extent == 0, 1.0, extent))
        total = total + bound * step**alpha
    return total.reshape(p.shape)


g = Golden("hausdorff_erosion")
for shape, peer in ((PLANE, HausdorffERLoss), (VOLUME, HausdorffERLoss3D)):
    for alpha, k in ((2.0, 10), (1.0, 3), (0.5, 20)):
        call = module(peer, alpha=alpha, k=k)
        call = call.given("input.softmax(1), target[:, None]", lambda x, t: (x.softmax(1), t[:, None]))
        loss = {"alpha": alpha, "erosions": k}
        g.add(loss, call, logits(g, shape), blobs(g, shape, shape[1], 6), rtol=F32_PEER, f32=F32)
for shape in (PLANE, VOLUME, LINE):
    for alpha, k in ((2.0, 10), (0.5, 25)):
        words = f"{k} erosions in f64, alpha={alpha}"
        call = own(
            f"{words}, softmax",
            lambda x, t, k=k, a=alpha: erosion(x.softmax(1), one_hot(t, x.shape[1]), k, a).mean(),
        )
        loss = {"alpha": alpha, "erosions": k}
        g.add(loss, call, logits(g, shape), blobs(g, shape, shape[1], 6), f32=F32)
    call = own(
        "10 erosions in f64, foreground, per image",
        lambda x, t: erosion(x.softmax(1), one_hot(t, x.shape[1]), 10, 2.0)[:, 1:].flatten(1).mean(1),
    )
    g.add({"classes": "Foreground", "reduction": "None"}, call, logits(g, shape), blobs(g, shape, shape[1], 6), f32=F32)
for full in (0.0, 1.0):
    call = own("10 erosions in f64, sigmoid", lambda x, t: erosion(x.sigmoid(), t, 10, 2.0).mean())
    g.add({"activation": "Sigmoid"}, call, logits(g, BINARY), torch.full(BINARY, full).double(), f32=F32)


def masked(x: Tensor, t: Tensor, w: Tensor) -> Tensor:
    keep = (t != -100)[:, None].double()
    hot = one_hot(t.clamp(min=0), x.shape[1]) * keep
    terms = erosion(x.softmax(1) * keep, hot, 10, 2.0) * keep * w[:, None]
    return (terms.flatten(1).sum(1) / keep.flatten(1).sum(1) / x.shape[1]).mean()


target = blobs(g, PLANE, 3, 6)
target[:, :2] = -100
peer = own("10 erosions in f64, weighted, rows ignored", masked)
g.add({}, peer, logits(g, PLANE), target, g.weights(2, 13, 17), f32=F32)
# Wrong everywhere: the least of what is left after an erosion is not 0.
everywhere = 4 * one_hot(torch.ones(2, 13, 17).long(), 3)
peer = own("10 erosions in f64, softmax", lambda x, t: erosion(x.softmax(1), one_hot(t, 3), 10, 2.0).mean())
g.add({}, peer, g.logits(*PLANE, scale=0.25) + everywhere, torch.zeros(2, 13, 17).long(), f32=F32)
# And what is left at a point that is ignored itself, of errors around it, does not count.
peer = own("10 erosions in f64, weighted, points ignored", masked)
target = g.ignoring(torch.zeros(2, 13, 17).long(), -100)
g.add({}, peer, g.logits(*PLANE, scale=0.25) + everywhere, target, g.weights(2, 13, 17), f32=F32)
g.write()
