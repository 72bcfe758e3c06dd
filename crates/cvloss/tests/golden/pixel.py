"""Golden values of the losses of differences: torch, kornia, piq, and formulas that no peer has."""

from __future__ import annotations

import torch
from kornia.losses import (
    cauchy_loss,
    charbonnier_loss,
    geman_mcclure_loss,
    psnr_loss,
    welsch_loss,
)
from piq import psnr
from torch import Tensor
from torch.nn.functional import huber_loss, l1_loss, mse_loss, smooth_l1_loss

from _golden import PLANE, ROWS, VOLUME, Golden, Peer, function, own

NAMES = {"none": "None", "sum": "Sum", "mean": "Mean"}


def pair(g: Golden, *shape: int) -> tuple[Tensor, Tensor]:
    """Even and odd multiples of 1/64 in [0, 1]: no difference is 0."""
    return g.soft(*shape), g.probabilities(*shape)


def reductions(g: Golden, call, loss: dict | None = None, **options) -> None:
    """Every reduction, shapes, weights, and the mean over a mask."""
    loss = loss or {}
    for reduction, name in NAMES.items():
        peer = function(call, **options, reduction=reduction)
        g.add(loss | {"reduction": name}, peer, *pair(g, *PLANE))
    for shape in (ROWS, VOLUME):
        g.add(loss, function(call, **options, reduction="mean"), *pair(g, *shape))
    none = function(call, **options, reduction="none")
    for shape in (PLANE, (2, 1, 5, 7), (1, 3, 1, 1)):
        peer = Peer(
            none.package,
            f"({none.call} * weight).mean()",
            lambda x, t, w: (none.run(x, t) * w).mean(),
        )
        g.add(loss, peer, *pair(g, *PLANE), g.weights(*shape))
    masked = loss | {"normalizer": "Weights"}
    peer = Peer(
        none.package,
        f"{none.call} over points of the mask",
        lambda x, t, w: none.run(x[w > 0], t[w > 0]).mean(),
    )
    g.add(masked, peer, *pair(g, *PLANE), g.mask(*PLANE))


def formulas(g: Golden, loss: dict, words: str, value, far: float = 1.0) -> None:
    """The same from a formula of the difference."""
    for name, reduce in (("None", lambda v: v), ("Sum", Tensor.sum), ("Mean", Tensor.mean)):
        peer = own(f"{words}, {name}", lambda x, t, r=reduce: r(value(x - t)))
        g.add(loss | {"reduction": name}, peer, g.logits(*PLANE) * far, g.logits(*PLANE) * far)
    peer = own(f"weighted mean of {words}", lambda x, t, w: (value(x - t) * w).sum() / w.sum())
    masked = loss | {"normalizer": "Weights"}
    g.add(masked, peer, *pair(g, *PLANE), g.weights(*PLANE))


for name, call in (("l1", l1_loss), ("mse", mse_loss)):
    g = Golden(name)
    reductions(g, call)
    g.write()

g = Golden("huber")
reductions(g, huber_loss)
reductions(g, huber_loss, {"delta": 0.25}, delta=0.25)
g.write()

g = Golden("smooth_l1")
reductions(g, smooth_l1_loss)
for beta in (0.25, 0.0):
    reductions(g, smooth_l1_loss, {"beta": beta}, beta=beta)
g.write()

g = Golden("charbonnier")
for eps in (1e-3, 0.5):
    squared = lambda d: (d * d + eps * eps).sqrt()  # noqa: E731
    formulas(g, {"eps": eps}, f"sqrt(d^2 + {eps}^2)", squared)
for eps in (1e-12, 0.25):
    plain = lambda d: (d * d + eps).sqrt()  # noqa: E731
    formulas(g, {"eps": eps, "form": "Plain"}, f"sqrt(d^2 + {eps})", plain)
g.write()

g = Golden("robust")
reductions(g, charbonnier_loss)
reductions(g, cauchy_loss, {"shape": "Cauchy"})
reductions(g, geman_mcclure_loss, {"shape": "GemanMcClure"})
reductions(g, welsch_loss, {"shape": "Welsch"})
for alpha in (-3.0, 0.5, 1.5, 2.5):
    b = abs(alpha - 2)

    def general(d: Tensor) -> Tensor:
        return b / alpha * (((d / 0.5) ** 2 / b + 1) ** (alpha / 2) - 1)

    words = f"Barron's loss, alpha={alpha}, c=0.5"
    formulas(g, {"shape": {"Alpha": alpha}, "scale": 0.5}, words, general)
formulas(g, {"shape": {"Alpha": 2.0}, "scale": 0.5}, "(d/c)^2/2, c=0.5", lambda d: (d / 0.5) ** 2 / 2)
g.write()

g = Golden("log_cosh")
formulas(g, {}, "ln(cosh(d))", lambda d: d.cosh().log())
formulas(g, {}, "ln(cosh(d)), far", lambda d: d.cosh().log(), far=5.0)
g.write()

g = Golden("wing")
for width, curvature in ((5.0, 0.5), (1.0, 0.25)):

    def wing(d: Tensor) -> Tensor:
        a = d.abs()
        offset = width - width * torch.log(torch.tensor(1 + width / curvature).double())
        near = width * (1 + a / curvature).log()
        return torch.where(a < width, near, a - offset)

    words = f"wing loss, width={width}, curvature={curvature}"
    formulas(g, {"width": width, "curvature": curvature}, words, wing, far=2.0)
g.write()

g = Golden("psnr")
for reduction, name in NAMES.items():
    peer = function(psnr, reduction=reduction).then("negated", lambda v: -v)
    for shape in (PLANE, (1, 2, 9, 4)):
        g.add({"reduction": name}, peer, *pair(g, *shape))
peer = function(psnr, data_range=2.0).then("negated", lambda v: -v)
x, t = pair(g, *PLANE)
g.add({"data_range": 2.0}, peer, x * 2, t * 2)
for shape in (PLANE, VOLUME):
    peer = function(psnr_loss, max_val=1.0)
    g.add({"pooling": "Batch", "eps": 0.0}, peer, *pair(g, *shape))
peer = own(
    "10 log10 of the weighted mean squared error of each image",
    lambda x, t, w: 10 * (((x - t) ** 2 * w).sum((1, 2, 3)) / w.sum((1, 2, 3)) + 1e-8).log10().mean(),
)
g.add({"normalizer": "Weights"}, peer, *pair(g, *PLANE), g.weights(*PLANE))
g.write()
