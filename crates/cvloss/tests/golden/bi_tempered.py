"""Golden values of the bi-tempered logistic loss: pytorch-toolbelt, with as many iterations as it takes, and torch.

pytorch-toolbelt is not pinned by its dependencies here: install it with `--no-deps`.
"""

from __future__ import annotations

import torch
from pytorch_toolbelt.losses.bitempered_loss import bi_tempered_logistic_loss
from scipy.optimize import brentq
from torch import Tensor
from torch.nn.functional import cross_entropy

from _golden import PLANE, ROWS, VOLUME, Golden, f64, function, one_hot, own

NAMES = {"none": "None", "sum": "Sum", "mean": "Mean"}
WEIGHTS = [0.5, 1.0, 3.0]
POINTS = (2, 5, 7)

# The temperatures may be on either side of 1; the iterations of the peer converge slowly.
PAIRS = ((0.8, 1.2), (0.2, 4.0), (0.0, 1.5), (0.3, 0.7), (0.5, 0.9), (1.0, 1.3), (0.5, 1.0), (0.999, 1.001))


def last(x: Tensor) -> Tensor:
    return x.movedim(1, -1)


def exp(u: Tensor, t: float) -> Tensor:
    """exp_t, 0 where it is cut off."""
    if t == 1:
        return u.exp()
    base = 1 + (1 - t) * u
    return torch.where(base > 0, base.clamp(min=1e-300) ** (1 / (1 - t)), 0.0)


def log(u: Tensor, t: float) -> Tensor:
    return u.log() if t == 1 else (u ** (1 - t) - 1) / (1 - t)


def softmax(x: Tensor, t: float) -> Tensor:
    """Over axis 1, the normalisation by a root finder; its gradient by the implicit function theorem."""
    rows = last(x).detach()
    flat = rows.reshape(-1, rows.shape[-1])
    roots = []
    for row in flat:
        low, high = row.max().item(), row.max().item() + 1.0
        while exp(row - high, t).sum() > 1:
            high += high - low
        roots.append(brentq(lambda z, r=row: exp(r - z, t).sum().item() - 1, low - 1e-9, high, xtol=1e-15, rtol=1e-15))
    root = f64(*roots).reshape(rows.shape[:-1]).unsqueeze(1)
    p = exp(x.detach() - root, t)
    escort = p**t
    # One step from the root: no change of the value, and the right derivative.
    root = root + (escort * (x - x.detach())).sum(1, True) / escort.sum(1, True)
    return exp(x - root, t)


def divergence(x: Tensor, t: Tensor, t1: float, t2: float) -> Tensor:
    p = softmax(x, t2)
    floor = t.clamp(min=1e-300)
    cost = torch.where(t > 0, t * (log(floor, t1) - log(p.clamp(min=1e-300), t1)), 0.0)
    return (cost - (t ** (2 - t1) - p ** (2 - t1)) / (2 - t1)).sum(1)


g = Golden("bi_tempered")
for t1, t2 in PAIRS:
    for reduction, name in NAMES.items():
        peer = function(bi_tempered_logistic_loss, t1=t1, t2=t2, num_iters=400, reduction=reduction)
        loss = {"t1": t1, "t2": t2, "reduction": name}
        g.add(loss, peer, g.logits(*ROWS), g.indices(5, 7))
    peer = function(bi_tempered_logistic_loss, t1=t1, t2=t2, num_iters=400)
    # It spreads class indices along the wrong axis where there is more than one: it gets distributions.
    peer = peer.given("(input, one_hot(target)).movedim(1, -1)", lambda x, t: (last(x), last(one_hot(t, 3))))
    g.add({"t1": t1, "t2": t2}, peer, g.logits(*PLANE), g.indices(3, *POINTS))
    # The peer's smoothing s is s C / (C - 1) here.
    peer = function(bi_tempered_logistic_loss, t1=t1, t2=t2, label_smoothing=0.2, num_iters=400)
    loss = {"t1": t1, "t2": t2, "label_smoothing": 0.2 * 5 / 4}
    g.add(loss, peer, g.logits(*ROWS), g.indices(5, 7))
for t1, t2 in (*PAIRS, (0.6, 0.6)):
    words = f"divergence of softmax_{t2} by log_{t1}, normalised by brentq"
    peer = own(f"{words}, mean", lambda x, t, a=t1, b=t2: divergence(x, one_hot(t, x.shape[1]), a, b).mean())
    g.add({"t1": t1, "t2": t2}, peer, g.logits(*VOLUME), g.indices(4, 1, 3, 4, 5))
    peer = own(f"{words}, soft targets", lambda x, t, a=t1, b=t2: divergence(x, t, a, b).mean())
    g.add({"t1": t1, "t2": t2}, peer, g.logits(*PLANE), g.distributions(*PLANE))

    def weighted(x: Tensor, t: Tensor, w: Tensor, a: float = t1, b: float = t2) -> Tensor:
        keep = t != -100
        weight = f64(*WEIGHTS)[t.clamp(min=0)] * w * keep
        return (divergence(x, one_hot(t.clamp(min=0), 3), a, b) * weight).sum() / weight.sum()

    loss = {"t1": t1, "t2": t2, "class_weights": WEIGHTS}
    target = g.ignoring(g.indices(3, *POINTS), -100)
    g.add(loss, own(f"{words}, weighted, / weights", weighted), g.logits(*PLANE), target, g.weights(*POINTS))
g.add({"t1": 1.0, "t2": 1.0}, function(cross_entropy), g.logits(*PLANE), g.ignoring(g.indices(3, *POINTS), -100))
g.write()
