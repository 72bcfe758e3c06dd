"""Golden values of losses over a softmax for unequal classes: timm, MONAI, smp, torch, and own formulas of the papers.

Writes `asymmetric_softmax`, `exp_log`, `mcc`, `ohem_cross_entropy`, `poly_cross_entropy`, `soft_f1`,
`top_k_cross_entropy`, `unified_focal`.
"""

from __future__ import annotations

import torch
from monai.losses import AsymmetricUnifiedFocalLoss, MCCLoss as MonaiMcc
from segmentation_models_pytorch.losses import MCCLoss as SmpMcc
from timm.loss import AsymmetricLossSingleLabel, PolyCrossEntropy
from torch import Tensor
from torch.nn.functional import cross_entropy

from _golden import (
    BINARY,
    F32_PEER,
    PLANE,
    ROWS,
    VOLUME,
    Golden,
    f64,
    module,
    one_hot,
    own,
    smooth,
)

NAMES = {"none": "None", "sum": "Sum", "mean": "Mean"}
WEIGHTS = [0.5, 1.0, 3.0]
POINTS = (2, 5, 7)
TWO = (2, 2, 5, 7)
CLASSES = [[0, 1, 2], [0, 2]]


def ce(x: Tensor, t: Tensor) -> Tensor:
    return cross_entropy(x, t, reduction="none", ignore_index=-100)


def miss(x: Tensor, t: Tensor) -> Tensor:
    """1 - p of the true class."""
    return 1 - x.softmax(1).gather(1, t.clamp(min=0)[:, None])[:, 0]


# timm computes in f32.
g = Golden("poly_cross_entropy")
for reduction, name in NAMES.items():
    peer = module(PolyCrossEntropy, epsilon=1.5, reduction=reduction)
    g.add({"epsilon": 1.5, "reduction": name}, peer, g.logits(*ROWS), g.indices(5, 7), rtol=F32_PEER)
for epsilon in (-0.5, 2.0):
    peer = own(
        f"mean CE + {epsilon} (1 - p)",
        lambda x, t, e=epsilon: (ce(x, t) + e * miss(x, t)).mean(),
    )
    g.add({"epsilon": epsilon}, peer, g.logits(*PLANE), g.indices(3, *POINTS))


def weighted_poly(x: Tensor, t: Tensor, w: Tensor) -> Tensor:
    keep = t != -100
    weight = f64(*WEIGHTS)[t.clamp(min=0)] * w * keep
    return ((ce(x, t) + 2 * miss(x, t)) * weight).sum() / weight.sum()


peer = own("(CE + 2 (1 - p)) weighted, / weights", weighted_poly)
g.add(
    {"class_weights": WEIGHTS},
    peer,
    g.logits(*PLANE),
    g.ignoring(g.indices(3, *POINTS), -100),
    g.weights(*POINTS),
)
g.write()


g = Golden("asymmetric_softmax")
for positive, negative, smoothing in (
    (1.0, 4.0, 0.1),
    (2.0, 1.0, 0.3),
    (0.0, 0.0, 0.2),
    (1.5, 0.7, 0.0),
    (1.0, 2.5, 1.0),
):
    options = {"gamma_pos": positive, "gamma_neg": negative, "eps": smoothing}
    loss = {"gamma_positive": positive, "gamma_negative": negative, "label_smoothing": smoothing}
    g.add(loss, module(AsymmetricLossSingleLabel, **options), g.logits(*ROWS), g.indices(5, 7))
peer = module(AsymmetricLossSingleLabel, reduction="none")
g.add({"reduction": "None"}, peer, g.logits(*ROWS), g.indices(5, 7))


def points_as_rows(loss: AsymmetricLossSingleLabel, keep: str = "all"):
    """timm knows rows alone: each point is one."""

    def run(x: Tensor, t: Tensor, w: Tensor | None = None) -> Tensor:
        rows, labels = x.movedim(1, -1).flatten(0, -2), t.flatten()
        valid = labels != -100
        values = loss(rows[valid], labels[valid])
        if keep == "weights":
            scale = f64(*WEIGHTS)[labels[valid]] * w.flatten()[valid]
            return (values * scale).sum() / scale.sum()
        return values.mean()

    return run


single = AsymmetricLossSingleLabel(reduction="none")
for shape in (PLANE, VOLUME):
    peer = own("mean of timm's AsymmetricLossSingleLabel of points as rows", points_as_rows(single))
    labels = g.indices(shape[1], shape[0], *shape[2:])
    g.add({}, peer, g.logits(*shape), g.ignoring(labels, -100))
peer = own("the same, weighted, / weights", points_as_rows(single, "weights"))
loss = {"class_weights": WEIGHTS}
g.add(loss, peer, g.logits(*PLANE), g.ignoring(g.indices(3, *POINTS), -100), g.weights(*POINTS))
g.write()


def hardest(selected, denominator: str, weights: list[float] | None = None):
    """Mean of the cross-entropy of points that `selected(losses, images)` names, by sorting."""

    def run(x: Tensor, t: Tensor) -> Tensor:
        keep = t != -100
        losses = ce(x, t)[keep]
        chosen = selected(losses, x.shape[0])
        scale = f64(*weights)[t[keep]] if weights else torch.ones_like(losses)
        count = {"Selected": chosen.sum(), "All": keep.sum()}[denominator].clamp(min=1)
        return (losses * scale)[chosen].sum() / count

    return run


def below(threshold: float, least: int):
    """As mmsegmentation's sampler: the threshold rises until `least` points per image are below."""

    def selected(losses: Tensor, images: int) -> Tensor:
        p = (-losses).exp()
        count = min(least * images, len(p))
        hard = p < threshold
        if int(hard.sum()) < count:
            hard = torch.zeros_like(hard).index_fill(0, p.argsort()[:count], True)
        return hard

    return selected


def top(share: float):
    def selected(losses: Tensor, images: int) -> Tensor:
        count = max(1, int(share * len(losses)))
        return torch.zeros_like(losses).bool().index_fill(0, losses.topk(count)[1], True)

    return selected


g = Golden("ohem_cross_entropy")
for threshold, least in ((0.7, 0), (0.3, 3), (0.2, 20), (0.5, 100000)):
    for mean in ("Selected", "All"):
        loss = {"threshold": threshold, "min_kept": least, "mean": mean}
        peer = own(f"CE where p < {threshold}, {least} kept, / {mean.lower()}", hardest(below(threshold, least), mean))
        g.add(loss, peer, g.logits(*PLANE), g.indices(3, *POINTS))
loss = {"threshold": 0.4, "min_kept": 2, "class_weights": WEIGHTS}
peer = own("the same with class weights", hardest(below(0.4, 2), "Selected", WEIGHTS))
g.add(loss, peer, g.logits(*PLANE), g.ignoring(g.indices(3, *POINTS), -100))
peer = own("0: every point is ignored", lambda x, t: (x * 0).sum())
g.add({}, peer, g.logits(*PLANE), torch.full(POINTS, -100))
g.write()

g = Golden("top_k_cross_entropy")
for share in (0.1, 0.33, 1.0, 0.0):
    for mean in ("Selected", "All"):
        loss = {"share": share, "mean": mean}
        peer = own(f"the {share} largest CE by topk, / {mean.lower()}", hardest(top(share), mean))
        g.add(loss, peer, g.logits(*PLANE), g.ignoring(g.indices(3, *POINTS), -100))
peer = own("the same with class weights", hardest(top(0.25), "Selected", WEIGHTS))
g.add({"share": 0.25, "class_weights": WEIGHTS}, peer, g.logits(*PLANE), g.indices(3, *POINTS))
g.write()

g = Golden("mcc")
# MONAI's batch mean is over images and classes.
for options, region in (
    ({}, {}),
    ({"batch": True}, {"pooling": "Batch"}),
    ({"include_background": False}, {"classes": "Foreground"}),
    ({"smooth_nr": 0.5, "smooth_dr": 2.0}, {"smooth": smooth(0.5, 2.0)}),
):
    for shape in (PLANE, VOLUME):
        peer = module(MonaiMcc, softmax=True, to_onehot_y=True, **options)
        peer = peer.given("input, target[:, None]", lambda x, t: (x, t[:, None]))
        region = {"smooth": smooth(0.0, 1e-5), **region}
        labels = g.indices(shape[1], shape[0], *shape[2:])
        g.add({"region": region}, peer, g.logits(*shape), labels, rtol=F32_PEER)
region = {"smooth": smooth(0.0, 1e-5), "activation": "Sigmoid"}
g.add({"region": region}, module(MonaiMcc, sigmoid=True), g.logits(*PLANE), g.soft(*PLANE))
peer = module(MonaiMcc, sigmoid=True, reduction="none")
peer = peer.then("squeeze(1)", lambda v: v.squeeze(1))
g.add({"region": region | {"reduction": "None"}}, peer, g.logits(*BINARY), g.hard(*BINARY))
for eps in (1e-5, 0.5):
    region = {"smooth": smooth(0.0, 0.0), "activation": "Sigmoid", "pooling": "Batch"}
    peer = module(SmpMcc, eps=eps).given("input.sigmoid(), target", lambda x, t: (x.sigmoid(), t))
    g.add({"counts": eps, "region": region}, peer, g.logits(*BINARY), g.hard(*BINARY))
    g.add({"counts": eps, "region": region}, peer, g.logits(*BINARY), torch.zeros(BINARY).double())
    # A full mask: what differs from it is the difference of two sums, beside counts of eps.
    full = torch.ones(BINARY).double()
    g.add({"counts": eps, "region": region}, peer, g.logits(*BINARY), full, f32=0.03)
g.write()

g = Golden("soft_f1")


def soft_f1(p: Tensor, t: Tensor, both: bool) -> Tensor:
    """Over all axes but 1."""
    axes = [axis for axis in range(p.ndim) if axis != 1]
    tp, tn = (p * t).sum(axes), ((1 - p) * (1 - t)).sum(axes)
    fp, fn = (p * (1 - t)).sum(axes), ((1 - p) * t).sum(axes)
    one = 1 - 2 * tp / (2 * tp + fn + fp + 1e-6)
    zero = 1 - 2 * tn / (2 * tn + fn + fp + 1e-6)
    return ((one + zero) / 2 if both else one).mean()


for sides in ("Both", "Positives"):
    both = sides == "Both"
    words = f"toolbelt's soft F1 of {sides.lower()}"
    region = {"pooling": "Batch", "smooth": smooth(0.0, 1e-6)}
    peer = own(words, lambda x, t, b=both: soft_f1(x.softmax(1), one_hot(t, x.shape[1]), b))
    g.add({"sides": sides, "region": region}, peer, g.logits(*PLANE), g.indices(3, *POINTS))
    region = region | {"activation": "Sigmoid"}
    peer = own(words, lambda x, t, b=both: soft_f1(x.sigmoid(), t, b))
    g.add({"sides": sides, "region": region}, peer, g.logits(*BINARY), g.hard(*BINARY))
    g.add({"sides": sides, "region": region}, peer, g.logits(*ROWS), g.soft(*ROWS))
g.write()

g = Golden("unified_focal")
for options in ({}, {"weight": 0.2}, {"gamma": 0.2, "delta": 0.6}, {"weight": 0.9, "gamma": 0.75}):
    peer = module(AsymmetricUnifiedFocalLoss, to_onehot_y=True, **options)
    peer = peer.given(
        "input.softmax(1), target[:, None]", lambda x, t: (x.softmax(1), t[:, None])
    )
    region = {"smooth": smooth(1e-7, 1e-7)}
    g.add({**options, "region": region}, peer, g.logits(*TWO), g.indices(2, *POINTS), rtol=F32_PEER)


def unified(weight: float, delta: float, gamma: float, asymmetric: bool):
    def run(x: Tensor, t: Tensor) -> Tensor:
        p, hot, classes = x.softmax(1), one_hot(t, x.shape[1]), x.shape[1]
        back = t == 0
        balance = delta + (1 - 2 * delta) * back.double()
        damping = torch.where(back, miss(x, t) ** gamma, 1.0) if asymmetric else miss(x, t) ** gamma
        points = (balance * damping * ce(x, t)).mean() / classes
        tp, fn = (p * hot).sum((2, 3)), ((1 - p) * hot).sum((2, 3))
        fp = (p * (1 - hot)).sum((2, 3))
        index = (tp + 1e-7) / (tp + delta * fn + (1 - delta) * fp + 1e-7)
        regions = (1 - index) ** (1 - gamma)
        if asymmetric:
            regions = torch.cat([1 - index[:, :1], regions[:, 1:]], 1)
        return weight * points + (1 - weight) * regions.mean()

    words = f"unified focal loss, {weight}, {delta}, {gamma}, asymmetric {asymmetric}"
    return own(words, run)


for asymmetric in (True, False):
    for weight, delta, gamma in ((0.5, 0.7, 0.5), (0.3, 0.6, 0.2)):
        loss = {"weight": weight, "delta": delta, "gamma": gamma, "region": region}
        loss["form"] = "Asymmetric" if asymmetric else "Symmetric"
        peer = unified(weight, delta, gamma, asymmetric)
        g.add(loss, peer, g.logits(*PLANE), g.indices(3, *POINTS))
g.write()

g = Golden("exp_log")


def exp_log(dice: float, points: float, weights: list[float] | None):
    def run(x: Tensor, t: Tensor) -> Tensor:
        p, hot = x.softmax(1), one_hot(t, x.shape[1])
        overlap = 2 * (p * hot).sum((2, 3)) + 1e-5
        score = overlap / (p.sum((2, 3)) + hot.sum((2, 3)) + 1e-5)
        scale = f64(*weights)[t] if weights else 1.0
        return 0.8 * (-score.log()).pow(dice).mean() + 0.2 * (scale * ce(x, t) ** points).mean()

    return own(f"0.8 (-ln Dice)^{dice} + 0.2 w (-ln p)^{points}, w {weights}", run)


for dice, points, weights in (
    (0.3, 0.3, None),
    (0.3, 0.3, WEIGHTS),
    (1.0, 1.0, None),
    (2.0, 0.5, None),
    (0.5, 2.0, WEIGHTS),
):
    loss = {"gamma_dice": dice, "gamma_ce": points, "class_weights": weights}
    loss["region"] = {"smooth": smooth(1e-5, 1e-5)}
    g.add(loss, exp_log(dice, points, weights), g.logits(*PLANE), g.labels(POINTS, CLASSES))
g.write()
