"""Golden values of losses of elements for unequal classes: timm, smp, and own formulas of the papers.

Writes `asymmetric`, `balanced_bce`, `gaussian_focal`, `ghm`, `ghm_regression`, `poly_focal`, `quality_focal`,
`reduced_focal`, `varifocal`.
"""

from __future__ import annotations

import torch
from segmentation_models_pytorch.losses import FocalLoss as SmpFocal
from timm.loss import AsymmetricLossMultiLabel, PolyBinaryCrossEntropy
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from _golden import BINARY, F32_PEER, PLANE, ROWS, VOLUME, Golden, f64, module, own

NAMES = {"none": "None", "sum": "Sum", "mean": "Mean"}
SATURATED = f64(-300, -100, -50, -20, -5, 5, 20, 50, 100, 300).view(1, 1, 10).repeat(2, 1, 1)
HARD = torch.stack([torch.zeros(1, 10), torch.ones(1, 10)]).double()


def bce(x: Tensor, t: Tensor) -> Tensor:
    return binary_cross_entropy_with_logits(x, t, reduction="none")


def miss(x: Tensor, t: Tensor) -> Tensor:
    """1 - p_t, accurate where it is small."""
    return x.sigmoid() * (1 - t) + (-x).sigmoid() * t


# timm computes in f32.
g = Golden("poly_focal")
for gamma in (0.0, 0.5, 1.0, 2.0):
    for alpha in (None, 0.25):
        peer = module(PolyBinaryCrossEntropy, epsilon=1.5, gamma=gamma, alpha=alpha)
        loss = {"epsilon": 1.5, "gamma": gamma, "alpha": alpha}
        g.add(loss, peer, g.logits(*PLANE), g.soft(*PLANE), rtol=F32_PEER)
for reduction, name in NAMES.items():
    peer = module(PolyBinaryCrossEntropy, reduction=reduction)
    g.add({"reduction": name}, peer, g.logits(*ROWS), g.hard(*ROWS), rtol=F32_PEER)


def poly(epsilon: float, gamma: float, alpha: float | None):
    def run(x: Tensor, t: Tensor) -> Tensor:
        m = miss(x, t)
        loss = m**gamma * (bce(x, t) + epsilon * m)
        return loss if alpha is None else loss * (alpha * t + (1 - alpha) * (1 - t))

    return own(f"m^{gamma} (BCE + {epsilon} m), m = 1 - p_t, alpha {alpha}", run)


for epsilon, gamma, alpha in ((2.0, 0.0, None), (-1.0, 2.0, 0.25), (1.0, 1.5, 0.75)):
    loss = {"epsilon": epsilon, "gamma": gamma, "alpha": alpha, "reduction": "None"}
    g.add(loss, poly(epsilon, gamma, alpha), g.logits(*VOLUME), g.soft(*VOLUME))
    g.add(loss, poly(epsilon, gamma, alpha), SATURATED, HARD)
g.write()

g = Golden("reduced_focal")
for threshold in (0.3, 0.5, 0.8):
    for gamma in (1.5, 2.0):
        peer = module(SmpFocal, mode="binary", gamma=gamma, reduced_threshold=threshold)
        loss = {"alpha": None, "gamma": gamma, "threshold": threshold}
        g.add(loss, peer, g.logits(*BINARY), g.hard(*BINARY))
# The mode "multilabel" averages over classes whatever the reduction is.
peer = module(SmpFocal, mode="binary", alpha=0.7, reduced_threshold=0.5, reduction="sum")
g.add({"alpha": 0.7, "reduction": "Sum"}, peer, g.logits(*PLANE), g.hard(*PLANE))
peer = module(SmpFocal, mode="binary", alpha=0.25, reduced_threshold=0.5, ignore_index=255)
g.add({"ignore_index": 255}, peer, g.logits(*BINARY), g.ignoring(g.hard(*BINARY), 255))


def reduced(threshold: float, gamma: float):
    def run(x: Tensor, t: Tensor) -> Tensor:
        m = miss(x, t)
        weight = torch.where(1 - m < threshold, 1.0, (m / (1 - threshold)) ** gamma)
        return weight * bce(x, t)

    return own(f"BCE, times (m / {1 - threshold})^{gamma} from p_t = {threshold} (toolbelt)", run)


for threshold, gamma in ((0.3, 2.0), (0.7, 1.5)):
    loss = {"alpha": None, "gamma": gamma, "threshold": threshold, "scale": "Continuous"}
    loss |= {"reduction": "None"}
    g.add(loss, reduced(threshold, gamma), g.logits(*PLANE), g.soft(*PLANE))
g.write()

g = Golden("asymmetric")
for options, loss in (
    ({}, {}),
    ({"gamma_neg": 2, "gamma_pos": 0}, {"gamma_negative": 2.0, "gamma_positive": 0.0}),
    ({"clip": 0.0}, {"clip": 0.0}),
    ({"clip": 0.2, "gamma_neg": 1.5}, {"clip": 0.2, "gamma_negative": 1.5}),
    ({"disable_torch_grad_focal_loss": True}, {"focus": "Ignored"}),
):
    for soft in (False, True):
        peer = module(AsymmetricLossMultiLabel, reduction="mean", **options)
        target = g.soft(*PLANE) if soft else g.hard(*PLANE)
        g.add(loss, peer, g.logits(*PLANE), target, rtol=F32_PEER)
peer = module(AsymmetricLossMultiLabel, reduction="none")
g.add({"reduction": "None"}, peer, g.logits(*ROWS), g.hard(*ROWS), rtol=F32_PEER)
weight = f64(0.5, 1.0, 2.0).view(1, 3, 1, 1)
peer = module(AsymmetricLossMultiLabel, reduction="sum", weight=weight)
peer = peer.given("input, target", lambda x, t, w: (x, t))
g.add({"reduction": "Sum"}, peer, g.logits(*PLANE), g.hard(*PLANE), weight, rtol=F32_PEER)


def asymmetric(positive: float, negative: float, clip: float):
    def run(x: Tensor, t: Tensor) -> Tensor:
        r = (x.sigmoid() - clip).clamp(min=0)
        shifted = -torch.log1p(-r) if clip else -logsigmoid(-x)
        m = t * (-x).sigmoid() + (1 - t) * r
        weight = m ** (positive * t + negative * (1 - t))
        return weight * (-t * logsigmoid(x) + (1 - t) * shifted)

    return own(f"ASL with powers {positive}, {negative} and margin {clip}", run)


for positive, negative, clip in ((1.0, 4.0, 0.05), (2.0, 3.0, 0.0), (1.5, 2.5, 0.3)):
    loss = {"gamma_positive": positive, "gamma_negative": negative, "clip": clip}
    loss |= {"reduction": "None"}
    g.add(loss, asymmetric(positive, negative, clip), g.logits(*VOLUME), g.soft(*VOLUME))
    g.add(loss, asymmetric(positive, negative, clip), SATURATED, HARD)
g.write()

g = Golden("quality_focal")
for beta in (1.0, 1.5, 2.0, 3.0):
    peer = own(
        f"mean |p - t|^{beta} BCE",
        lambda x, t, b=beta: ((x.sigmoid() - t).abs() ** b * bce(x, t)).mean(),
    )
    g.add({"beta": beta}, peer, g.logits(*PLANE), g.soft(*PLANE))
peer = own("sum |p - t|^2 BCE / positives", lambda x, t: (miss(x, t) ** 2 * bce(x, t)).sum() / t.sum())
g.add({"normalizer": "Positives"}, peer, g.logits(*ROWS), g.hard(*ROWS))
peer = own("|p - t|^2 BCE", lambda x, t: miss(x, t) ** 2 * bce(x, t))
g.add({"reduction": "None"}, peer, SATURATED, HARD)
g.write()

g = Golden("varifocal")


def varifocal(alpha: float, gamma: float, by_quality: bool):
    def run(x: Tensor, t: Tensor) -> Tensor:
        positive = (t > 0).double()
        weight = (t if by_quality else positive) + alpha * x.sigmoid() ** gamma * (1 - positive)
        return weight * bce(x, t)

    return own(f"VFL alpha {alpha}, gamma {gamma}, iou_weighted {by_quality} (mmdetection)", run)


for alpha, gamma, by_quality in ((0.75, 2.0, True), (0.75, 2.0, False), (1.5, 1.5, True), (0.3, 0.5, False)):
    loss = {"alpha": alpha, "gamma": gamma, "positives": "Quality" if by_quality else "One"}
    target = g.soft(*PLANE) * g.mask(*PLANE)
    g.add(
        loss,
        varifocal(alpha, gamma, by_quality).then("mean", Tensor.mean),
        g.logits(*PLANE),
        target,
    )
    g.add(loss | {"reduction": "None"}, varifocal(alpha, gamma, by_quality), SATURATED, HARD)
g.write()

g = Golden("gaussian_focal")


def gaussian(alpha: float, gamma: float):
    def run(x: Tensor, t: Tensor) -> Tensor:
        peak = (-x).sigmoid() ** alpha * -logsigmoid(x)
        rest = (1 - t) ** gamma * x.sigmoid() ** alpha * -logsigmoid(-x)
        return torch.where(t == 1, peak, rest)

    return own(f"CornerNet's focal loss with powers {alpha}, {gamma}", run)


for alpha, gamma in ((2.0, 4.0), (1.5, 3.0), (2.0, 0.0)):
    loss = {"alpha": alpha, "gamma": gamma}
    target = g.soft(*PLANE)
    peaks = (target == 1).sum()
    peer = gaussian(alpha, gamma).then("sum / peaks", lambda v, n=peaks: v.sum() / n)
    g.add(loss, peer, g.logits(*PLANE), target)
    g.add(loss | {"reduction": "None"}, gaussian(alpha, gamma), SATURATED, HARD)
peer = gaussian(2.0, 4.0).then("sum / 1: no peak", Tensor.sum)
g.add({}, peer, g.logits(*ROWS), g.soft(*ROWS) / 2)
g.write()

g = Golden("balanced_bce")


def balanced(x: Tensor, t: Tensor, w: Tensor, axes: tuple[int, ...]) -> Tensor:
    beta = 1 - (t * w).sum(axes, keepdim=True) / w.sum(axes, keepdim=True)
    return w * (-beta * t * logsigmoid(x) - (1 - beta) * (1 - t) * logsigmoid(-x))


for axes, name in (((0, 1, 2, 3), "Batch"), ((1, 2, 3), "Image")):
    words = f"-b t ln p - (1 - b)(1 - t) ln q, b the share of negatives per {name.lower()}"
    peer = own(words, lambda x, t, a=axes: balanced(x, t, torch.ones_like(x), a).mean())
    g.add({"balance": name}, peer, g.logits(*PLANE), g.hard(*PLANE))
    peer = own(words + ", times weights", lambda x, t, w, a=axes: balanced(x, t, w, a))
    loss = {"balance": name, "reduction": "None"}
    g.add(loss, peer, g.logits(*PLANE), g.soft(*PLANE), g.weights(*PLANE))
    peer = own(words + ", without ignored points", lambda x, t, a=axes: (
        balanced(x, t.where(t != 255, 0), (t != 255).double(), a).sum() / (t != 255).sum()
    ))
    loss = {"balance": name, "ignore_index": 255}
    g.add(loss, peer, g.logits(*PLANE), g.ignoring(g.hard(*PLANE), 255))
peer = own("0: there is no positive", lambda x, t: (x * 0).sum())
g.add({}, peer, g.logits(*ROWS), torch.zeros(ROWS).double())
g.write()

g = Golden("ghm")


def ghm(bins: int, reduction: str, densities: list[float] | None = None):
    """mmdetection's GHMC, bin by bin between edges, in which a density of 0 is unknown."""

    def run(x: Tensor, t: Tensor, weight: Tensor | None = None) -> Tensor:
        valid = (t != 255) if weight is None else (weight > 0)
        t = t.where(t != 255, 0)
        length = (x.detach().sigmoid() - t).abs()
        edges = torch.arange(bins + 1).double() / bins
        edges[-1] += 1e-6
        scale, filled, total = torch.zeros_like(x), 0, valid.sum().double()
        for i in range(bins):
            inside = (length >= edges[i]) & (length < edges[i + 1]) & valid
            if inside.any():
                known = densities is not None and densities[i] > 0
                scale[inside] = total / (densities[i] if known else inside.sum().double())
                filled += 1
        values = bce(x, t) * scale / filled * (1.0 if weight is None else weight)
        return {"None": values, "Sum": values.sum(), "Mean": values.sum() / total}[reduction]

    return own(f"GHMC of mmdetection, {bins} bins, {reduction}, densities {densities}", run)


for bins in (10, 30, 1):
    g.add({"bins": bins}, ghm(bins, "Mean"), g.logits(*PLANE), g.hard(*PLANE))
for reduction in ("None", "Sum"):
    loss = {"reduction": reduction, "ignore_index": 255}
    g.add(loss, ghm(10, reduction), g.logits(*PLANE), g.ignoring(g.hard(*PLANE), 255))
densities = [20.0, 3.5, 0.0, 1.0]
loss = {"bins": 4, "densities": densities}
g.add(loss, ghm(4, "Mean", densities), g.logits(*ROWS), g.soft(*ROWS))
g.add(loss, ghm(4, "Mean", densities), g.logits(*PLANE), g.soft(*PLANE), g.weights(*PLANE) * g.mask(*PLANE))
g.write()

g = Golden("ghm_regression")


def ghm_regression(bins: int, mu: float, reduction: str, densities: list[float] | None = None):
    """mmdetection's GHMR, bin by bin between edges, in which a density of 0 is unknown."""

    def run(x: Tensor, t: Tensor, weight: Tensor | None = None) -> Tensor:
        weight = torch.ones_like(x) if weight is None else weight
        valid = weight > 0
        root = torch.sqrt((x - t) ** 2 + mu**2)
        length = ((x - t) / root).detach().abs()
        edges = [i / bins for i in range(bins)] + [1e3]
        scale, filled, total = torch.zeros_like(x), 0, valid.sum().double()
        for i in range(bins):
            inside = (length >= edges[i]) & (length < edges[i + 1]) & valid
            if inside.any():
                known = densities is not None and densities[i] > 0
                scale[inside] = total / (densities[i] if known else inside.sum().double())
                filled += 1
        values = (root - mu) * scale / filled * weight
        return {"None": values, "Sum": values.sum(), "Mean": values.sum() / total}[reduction]

    return own(f"GHMR of mmdetection, mu {mu}, {bins} bins, {reduction}, densities {densities}", run)


# Differences of dyadic numbers over a mu of 1/4 and 3/4 reach no edge of a bin.
for bins, mu in ((10, 0.02), (30, 0.25), (1, 0.75), (4, 2.0)):
    g.add({"bins": bins, "mu": mu}, ghm_regression(bins, mu, "Mean"), g.logits(*PLANE), g.soft(*PLANE))
for reduction in ("None", "Sum"):
    loss = {"reduction": reduction, "mu": 0.5}
    weights = g.weights(*PLANE) * g.mask(*PLANE)
    g.add(loss, ghm_regression(10, 0.5, reduction), g.logits(*PLANE), g.soft(*PLANE), weights)
loss = {"bins": 4, "mu": 0.75, "densities": densities}
g.add(loss, ghm_regression(4, 0.75, "Mean", densities), g.logits(*ROWS), g.soft(*ROWS))
g.add(loss, ghm_regression(4, 0.75, "Mean", densities), g.logits(*PLANE), g.soft(*PLANE), g.mask(*PLANE))
g.write()
