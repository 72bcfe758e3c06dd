"""Golden values of seesaw loss: torch's cross-entropy of logits that were moved as mmdetection does.

mmdetection's own function needs a GPU; its steps are repeated here in f64.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from _golden import PLANE, ROWS, VOLUME, Golden, f64, own

NAMES = {"none": "None", "sum": "Sum", "mean": "Mean"}
WEIGHTS = [0.5, 1.0, 3.0]
POINTS = (2, 5, 7)


def moved(x: Tensor, t: Tensor, counts: list[float] | None, p: float, q: float, eps: float) -> Tensor:
    """Logits plus the logarithms of both factors, of classes that are not the true one."""
    classes = x.shape[1]
    t = t.clamp(min=0)
    seen = f64(*(counts or [1.0] * classes)).clamp(min=1)
    ratio = seen[None, :] / seen[:, None]
    mitigation = torch.where(ratio < 1, ratio**p, torch.ones_like(ratio))[t].movedim(-1, 1)
    scores = x.detach().softmax(1)
    own_score = scores.gather(1, t[:, None]).clamp(min=eps)
    ratio = scores / own_score
    compensation = torch.where(ratio > 1, ratio**q, torch.ones_like(ratio))
    numbers = torch.arange(classes).view(-1, *[1] * (x.ndim - 2))
    is_other = (numbers != t[:, None]).double()
    return x + (mitigation * compensation).log() * is_other


def seesaw(counts: list[float] | None, p: float, q: float, eps: float, reduction: str = "mean"):
    def run(x: Tensor, t: Tensor) -> Tensor:
        return cross_entropy(moved(x, t, counts, p, q, eps), t, reduction=reduction)

    return own(f"cross_entropy(seesaw(input, {counts}, p={p}, q={q}, eps={eps}), target, {reduction})", run)


g = Golden("seesaw")
FIVE = [1000.0, 12.0, 0.0, 300.0, 3.0]
for reduction, name in NAMES.items():
    loss = {"counts": FIVE, "reduction": name}
    g.add(loss, seesaw(FIVE, 0.8, 2.0, 0.01, reduction), g.logits(*ROWS), g.indices(5, 7))
for p, q, eps in ((0.8, 2.0, 0.01), (0.0, 0.0, 0.5), (0.8, 0.0, 0.01), (0.0, 2.0, 0.2), (1.5, 0.5, 1.0)):
    for counts in ([50.0, 2.0, 9.0], None):
        loss = {"counts": counts, "p": p, "q": q, "eps": eps}
        g.add(loss, seesaw(counts, p, q, eps), g.logits(*PLANE), g.indices(3, *POINTS))
    counts = [7.0, 1.0, 1e6, 20.0]
    loss = {"counts": counts, "p": p, "q": q, "eps": eps}
    g.add(loss, seesaw(counts, p, q, eps), g.logits(*VOLUME, scale=8.0), g.indices(4, 1, 3, 4, 5))


def weighted(x: Tensor, t: Tensor, w: Tensor) -> Tensor:
    keep = t != -100
    z = moved(x, t, [50.0, 2.0, 9.0], 0.8, 2.0, 0.01)
    terms = cross_entropy(z, t, reduction="none", weight=f64(*WEIGHTS))
    return (terms * w).sum() / keep.sum()


loss = {"counts": [50.0, 2.0, 9.0], "class_weights": WEIGHTS}
target = g.ignoring(g.indices(3, *POINTS), -100)
g.add(loss, own("the same, weighted, / points", weighted), g.logits(*PLANE), target, g.weights(*POINTS))
g.write()
