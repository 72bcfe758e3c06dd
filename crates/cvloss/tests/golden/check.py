"""Evaluates every golden case with a direct torch f64 reading of the documented formulas.

It knows no peer: a case passes when the configuration in its metadata, taken literally, gives the
peer's value and gradient. So a wrong translation of a peer's options shows here, and not in Rust.

    python check.py [NAME ...]
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn.functional import logsigmoid, one_hot, softplus

import _boxes
import _moved
import _surfaces

Config = dict[str, Any]

REGION: Config = {
    "activation": "Softmax",
    "pooling": "Image",
    "average": "Macro",
    "intersection": "Product",
    "absent": "Count",
    "classes": "All",
    "class_weights": None,
    "class_average": "Count",
    "ignore_index": -100,
    "reduction": "Mean",
}


def reduce(terms: Tensor, denominator: Tensor, reduction: str) -> Tensor:
    """None, Sum, or Mean over `denominator`; an empty mean is 0."""
    if reduction == "None":
        return terms
    if reduction == "Sum" or denominator == 0:
        return terms.sum()
    return terms.sum() / denominator


def denominator(config: Config, default: str, keep: Tensor, mass: Tensor, target: Tensor) -> Tensor:
    """What Mean divides by: valid points, their weights, or their positive targets."""
    match config.get("normalizer", default):
        case "Elements":
            return keep.sum()
        case "Weights":
            return (mass * keep).sum()
        case _:
            return (keep & (target > 0)).sum().clamp(min=1)


def along_channels(values: list[float] | None, x: Tensor) -> Tensor:
    """One or C values on axis 1 of `x`; 1 without values."""
    shape = [-1 if axis == 1 else 1 for axis in range(x.ndim)]
    return torch.tensor(values or [1.0], dtype=x.dtype).view(shape)


def pointwise(
    x: Tensor, t: Tensor, weight: Tensor | None, config: Config
) -> tuple[Tensor, Tensor, Tensor]:
    """The points to keep, targets without ignored values, and the full weight map."""
    keep = torch.ones_like(t, dtype=torch.bool)
    if config.get("ignore_index") is not None:
        keep = t != config["ignore_index"]
    mass = torch.ones_like(x) if weight is None else weight.expand_as(x)
    return keep, torch.where(keep, t, 0.0), mass


def bce(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    keep, t, mass = pointwise(x, t, weight, config)
    s = config.get("label_smoothing", 0.0)
    soft = t * (1 - s) + (1 - t) * s
    terms = along_channels(config.get("pos_weight"), x) * soft * softplus(-x) + (
        1 - soft
    ) * softplus(x)
    terms = torch.where(keep, terms * mass, 0.0)
    return reduce(
        terms, denominator(config, "Elements", keep, mass, t), config.get("reduction", "Mean")
    )


def focal_terms(x: Tensor, t: Tensor, config: Config) -> Tensor:
    gamma, alpha = config.get("gamma", 2.0), config.get("alpha", 0.25)
    one, zero = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
    positive = along_channels(config.get("pos_weight"), x) * t
    if config.get("soft_targets", "Mixture") == "Linear" or bool(((t == 0) | (t == 1)).all()):
        on = one * positive * (gamma * logsigmoid(-x)).exp() * softplus(-x)
        return on + zero * (1 - t) * (gamma * logsigmoid(x)).exp() * softplus(x)
    p = x.sigmoid()
    miss = p * (1 - t) + (1 - p) * t
    entropy = positive * softplus(-x) + (1 - t) * softplus(x)
    return (one * t + zero * (1 - t)) * miss**gamma * entropy


def focal(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    keep, t, mass = pointwise(x, t, weight, config)
    terms = torch.where(keep, focal_terms(x, t, config) * mass, 0.0)
    return reduce(
        terms, denominator(config, "Elements", keep, mass, t), config.get("reduction", "Mean")
    )


def elements(
    terms: Callable[[Tensor, Tensor, Config], Tensor],
    default: str = "Elements",
    peak: float = 0.0,
) -> Callable[[Tensor, Tensor, Tensor | None, Config], Tensor]:
    """A loss with one term per element; targets above `peak` count as positive."""

    def loss(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
        keep, t, mass = pointwise(x, t, weight, config)
        values = torch.where(keep, terms(x, t, config) * mass, 0.0)
        below = denominator(config, default, keep, mass, t - peak)
        return reduce(values, below, config.get("reduction", "Mean"))

    return loss


def parts(x: Tensor, t: Tensor, alpha: float | None) -> tuple[Tensor, Tensor, Tensor]:
    """1 - p_t, cross-entropy, alpha_t."""
    on, off = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
    entropy = t * softplus(-x) + (1 - t) * softplus(x)
    return t * (-x).sigmoid() + (1 - t) * x.sigmoid(), entropy, on * t + off * (1 - t)


def poly_focal_terms(x: Tensor, t: Tensor, config: Config) -> Tensor:
    m, entropy, alpha = parts(x, t, config.get("alpha"))
    gamma = config.get("gamma", 0.0)
    return alpha * (m**gamma * entropy + config.get("epsilon", 2.0) * m ** (gamma + 1))


def reduced_focal_terms(x: Tensor, t: Tensor, config: Config) -> Tensor:
    m, entropy, alpha = parts(x, t, config.get("alpha", 0.25))
    threshold = config.get("threshold", 0.5)
    scale = 1 - threshold if config.get("scale") == "Continuous" else threshold
    damped = (m / scale) ** config.get("gamma", 2.0)
    return alpha * entropy * torch.where(m > 1 - threshold, 1.0, damped)


def asymmetric_terms(x: Tensor, t: Tensor, config: Config) -> Tensor:
    clip = config.get("clip", 0.05)
    shifted = (x.sigmoid() - clip).clamp(min=0)
    off = softplus(x) if clip == 0 else -torch.log1p(-shifted)
    power = config.get("gamma_positive", 1.0) * t + config.get("gamma_negative", 4.0) * (1 - t)
    focus = (t * (-x).sigmoid() + (1 - t) * shifted) ** power
    if config.get("focus") == "Ignored":
        focus = focus.detach()
    return focus * (t * softplus(-x) + (1 - t) * off)


def quality_focal_terms(x: Tensor, t: Tensor, config: Config) -> Tensor:
    d = x.sigmoid() * (1 - t) - (-x).sigmoid() * t
    return d.abs() ** config.get("beta", 2.0) * parts(x, t, None)[1]


def varifocal_terms(x: Tensor, t: Tensor, config: Config) -> Tensor:
    positive = torch.ones_like(t) if config.get("positives") == "One" else t
    negative = config.get("alpha", 0.75) * x.sigmoid() ** config.get("gamma", 2.0)
    return torch.where(t > 0, positive, negative) * parts(x, t, None)[1]


def gaussian_focal_terms(x: Tensor, t: Tensor, config: Config) -> Tensor:
    alpha, gamma = config.get("alpha", 2.0), config.get("gamma", 4.0)
    rest = (1 - t) ** gamma * x.sigmoid() ** alpha * softplus(x)
    return torch.where(t >= 1, (-x).sigmoid() ** alpha * softplus(-x), rest)


def balanced_bce(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    keep, t, mass = pointwise(x, t, weight, config)
    mass = mass * keep
    axes = tuple(range(1 if config.get("balance") == "Image" and x.ndim > 1 else 0, x.ndim))
    beta = 1 - (mass * t).sum(axes, keepdim=True) / mass.sum(axes, keepdim=True)
    terms = mass * (beta * t * softplus(-x) + (1 - beta) * (1 - t) * softplus(x))
    below = denominator(config, "Elements", keep, mass, t)
    return reduce(terms, below, config.get("reduction", "Mean"))


def harmonised(
    terms: Callable[[Tensor, Tensor, Config], tuple[Tensor, Tensor]],
) -> Callable[[Tensor, Tensor, Tensor | None, Config], Tensor]:
    """An element's term over how many elements have as long a gradient, by a histogram of bin numbers."""

    def loss(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
        keep, t, mass = pointwise(x, t, weight, config)
        keep = keep & (mass != 0)
        values, length = terms(x, t, config)
        bins = config.get("bins", 10)
        bin = (length.detach() * bins).floor().long().clamp(max=bins - 1)
        counts = torch.bincount(bin[keep], minlength=bins).double()
        density = torch.tensor(config.get("densities") or [0.0] * bins).double()
        density = torch.where(density > 0, density, counts.clamp(min=1))
        values = torch.where(keep, values * mass / density[bin], 0.0) * counts.sum() / (counts > 0).sum()
        return reduce(values, counts.sum(), config.get("reduction", "Mean"))

    return loss


def ghm_terms(x: Tensor, t: Tensor, config: Config) -> tuple[Tensor, Tensor]:
    return t * softplus(-x) + (1 - t) * softplus(x), (x.sigmoid() - t).abs()


def ghm_regression_terms(x: Tensor, t: Tensor, config: Config) -> tuple[Tensor, Tensor]:
    mu = config.get("mu", 0.02)
    root = ((x - t) ** 2 + mu**2).sqrt()
    return root - mu, (x - t).abs() / root


def without_channel(target: Tensor, x: Tensor) -> Tensor:
    """`(N, *)` from `(N, *)` or `(N, 1, *)`."""
    return target.squeeze(1) if target.ndim == x.ndim else target


def indices(t: Tensor, x: Tensor, config: Config) -> tuple[Tensor, Tensor]:
    """Valid points and class indices, ignored ones replaced by 0."""
    t = without_channel(t, x)
    ignored = config.get("ignore_index", -100)
    keep = torch.ones_like(t, dtype=torch.bool) if ignored is None else t != ignored
    return keep, t.where(keep, 0)


def expand_classes(t: Tensor, classes: int) -> Tensor:
    return one_hot(t, classes).movedim(-1, 1).double()


def cross_entropy(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    classes = x.shape[1]
    class_weights = along_channels(config.get("class_weights") or [1.0] * classes, x)
    if t.is_floating_point():
        keep, soft = torch.ones_like(t[:, 0], dtype=torch.bool), t
    else:
        keep, t = indices(t, x, config)
        soft = expand_classes(t, classes)
    s = config.get("label_smoothing", 0.0)
    smoothed = soft * (1 - s) + s / classes
    terms = -(class_weights * smoothed * x.log_softmax(1)).sum(1)
    point = torch.ones_like(terms) if weight is None else without_channel(weight, x)
    mass = (class_weights * soft).sum(1) * point
    terms = torch.where(keep, terms * point, 0.0)
    return reduce(
        terms, denominator(config, "Weights", keep, mass, t), config.get("reduction", "Mean")
    )


def softmax_focal(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    classes = x.shape[1]
    match config.get("alpha", "None"):
        case "None":
            alpha = [1.0] * classes
        case {"Uniform": a}:
            alpha = [a] * classes
        case {"Background": a}:
            alpha = [1 - a] + [a] * (classes - 1)
        case {"PerClass": alpha}:
            pass
    keep, t = indices(t, x, config)
    hit = expand_classes(t, classes).bool()
    total = x.logsumexp(1)
    log_p = x.masked_fill(~hit, -torch.inf).logsumexp(1) - total
    log_miss = x.masked_fill(hit, -torch.inf).logsumexp(1) - total
    terms = (
        -torch.tensor(alpha, dtype=x.dtype)[t] * (config.get("gamma", 2.0) * log_miss).exp() * log_p
    )
    mass = torch.ones_like(terms) if weight is None else without_channel(weight, x)
    terms = torch.where(keep, terms * mass, 0.0)
    return reduce(
        terms, denominator(config, "Elements", keep, mass, t), config.get("reduction", "Mean")
    )


def class_points(
    terms: Callable[[Tensor, Tensor, Config], Tensor], default: str
) -> Callable[[Tensor, Tensor, Tensor | None, Config], Tensor]:
    """A loss with one term per point, of ln p of all classes and the true class's one-hot."""

    def loss(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
        keep, t = indices(t, x, config)
        values = terms(x.log_softmax(1), expand_classes(t, x.shape[1]), config)
        point = torch.ones_like(values) if weight is None else without_channel(weight, x)
        mass = torch.tensor(config.get("class_weights") or [1.0] * x.shape[1]).double()[t]
        values = torch.where(keep, values * mass * point, 0.0)
        below = denominator(config, default, keep, mass * point, t)
        return reduce(values, below, config.get("reduction", "Mean"))

    return loss


def asymmetric_softmax_terms(log_p: Tensor, hot: Tensor, config: Config) -> Tensor:
    p, s = log_p.exp(), config.get("label_smoothing", 0.1)
    powers = hot * config.get("gamma_positive", 1.0) + (1 - hot) * config.get("gamma_negative", 4.0)
    miss = torch.where(hot > 0, -torch.expm1(log_p), p)
    return -((hot * (1 - s) + s / hot.shape[1]) * miss**powers * log_p).sum(1)


def poly_cross_entropy_terms(log_p: Tensor, hot: Tensor, config: Config) -> Tensor:
    return ((-log_p - config.get("epsilon", 2.0) * torch.expm1(log_p)) * hot).sum(1)


def mined(x: Tensor, t: Tensor, weight: Tensor | None, config: Config, hardest: bool) -> Tensor:
    """Cross-entropy of points with few points below them in probability, which are counted one by one."""
    keep, t = indices(t, x, config)
    losses = cross_entropy(x, t, None, {"reduction": "None"})
    point = torch.ones_like(losses) if weight is None else without_channel(weight, x)
    keep = keep & (point != 0)
    p = (-losses.detach())[keep].exp()
    below = (p[:, None] > p).sum(1)
    count = len(p)
    if hardest:
        chosen = below < max(1, math.floor(config.get("share", 0.1) * count))
    else:
        chosen = p < config.get("threshold", 0.7)
        least = min(config.get("min_kept", 100000) * len(x), count)
        chosen = chosen if chosen.sum() >= least else below < least
    selected = torch.zeros_like(keep)
    selected[keep] = chosen
    mass = point * torch.tensor(config.get("class_weights") or [1.0] * x.shape[1]).double()[t]
    values = torch.where(selected, losses * mass, 0.0)
    of = selected if config.get("mean", "Selected") == "Selected" else keep
    return reduce(values, of.sum(), config.get("reduction", "Mean"))


def extension(errors: Tensor, own: Tensor, mass: Tensor) -> Tensor:
    """The Lovasz extension of the Jaccard loss as an integral over its level sets: no error is sorted."""
    levels = torch.cat([errors.detach().unique(), torch.zeros(1).double()]).unique()
    above = errors.detach() >= levels[:, None]
    missed = (above * own * mass).sum(1)
    extra = (above * (1 - own) * mass).sum(1)
    total = (own * mass).sum()
    union = total + extra
    jaccard = torch.where(union > 0, (missed + extra) / union.where(union > 0, 1.0), 0.0)
    # What a level adds: the height above the one below it, and a slope shared by the errors that are just as high.
    heights = levels.diff(prepend=torch.zeros(1).double())
    steps = torch.cat([jaccard[:-1] - jaccard[1:], jaccard[-1:]])
    at = errors.detach() == levels[:, None]
    share = (at * (steps / at.sum(1).clamp(min=1))[:, None]).sum(0)
    return (heights * jaccard).sum() + (share * (errors - errors.detach())).sum()


def lovasz(errors: Tensor, own: Tensor, mass: Tensor, config: Config, default: str) -> Tensor:
    """Extensions of regions (N, C, S), averaged over classes."""
    if config.get("pooling", "Image") == "Batch":
        errors, own, mass = (v.transpose(0, 1).flatten(1)[None] for v in (errors, own, mass.expand_as(errors)))
    mass = mass.expand_as(errors)
    losses = torch.stack(
        [torch.stack([extension(*region) for region in zip(*image)]) for image in zip(errors, own, mass)]
    )
    match config.get("classes", default):
        case "All":
            counts = torch.ones_like(losses)
        case "Present":
            counts = ((own * mass).sum(2) > 0).double()
        case {"Listed": listed}:
            counts = torch.zeros_like(losses)
            counts[:, listed] = 1.0
    losses = (losses * counts).sum(1) / counts.sum(1).clamp(min=1)
    if config.get("pooling", "Image") == "Batch":
        return losses[0]
    return reduce(losses, torch.tensor(losses.numel()), config.get("reduction", "Mean"))


def flat_target(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> tuple[Tensor, Tensor]:
    """One-hot targets (N, C, S), and what each point counts (N, 1, S)."""
    classes, keep = x.shape[1], torch.ones_like(x[:, :1])
    if not t.is_floating_point():
        valid, t = indices(t, x, config)
        keep = valid.unsqueeze(1).double()
        t = t.unsqueeze(1).double() if classes == 1 else expand_classes(t, classes)
    if weight is not None:
        keep = keep * without_channel(weight, x).unsqueeze(1)
    return t.reshape(len(x), classes, -1), keep.reshape(len(x), 1, -1)


def lovasz_softmax(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    own, mass = flat_target(x, t, weight, config)
    p = x.sigmoid() if config.get("activation") == "Sigmoid" else x.softmax(1)
    errors = (own - p.reshape(own.shape)).abs()
    # What is ignored has no error.
    return lovasz(errors * (mass != 0), own, mass, config, "Present")


def lovasz_hinge(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    own, mass = flat_target(x, t, weight, config)
    errors = (1 - x.reshape(own.shape) * (2 * own - 1)).clamp(min=0)
    return lovasz(errors * (mass != 0), own, mass, config, "All")


def confusion(x: Tensor, t: Tensor, weight: Tensor | None, region: Config) -> list[Tensor]:
    """True positives, false positives, false negatives, true negatives: (items, classes that count)."""
    t, mass = flat_target(x, t, weight, region)
    p = x.sigmoid() if region["activation"] == "Sigmoid" else x.softmax(1)
    p = p.reshape(t.shape)
    pairs = ((p, t), (p, 1 - t), (1 - p, t), (1 - p, 1 - t))
    counts = [(a * b * mass).sum(2) for a, b in pairs]
    if region["pooling"] == "Batch":
        counts = [v.sum(0, keepdim=True) for v in counts]
    first = 1 if region["classes"] == "Foreground" else 0
    return [v[:, first:] for v in counts]


def mcc(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    region = REGION | config["region"]
    tp, fp, fn, tn = (v + config.get("counts", 0.0) for v in confusion(x, t, weight, region))
    smooth = region["smooth"]
    square = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn) + smooth["denominator"]
    losses = (1 - (tp * tn - fp * fn + smooth["numerator"]) / square.sqrt()).mean(1)
    return reduce(losses, torch.tensor(losses.numel()), region["reduction"])


def soft_f1(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    region = REGION | {"pooling": "Batch"} | config["region"]
    tp, fp, fn, tn = confusion(x, t, weight, region)
    smooth = region["smooth"]

    def loss(hits: Tensor) -> Tensor:
        return 1 - (2 * hits + smooth["numerator"]) / (2 * hits + fp + fn + smooth["denominator"])

    losses = loss(tp) if config.get("sides") == "Positives" else (loss(tp) + loss(tn)) / 2
    losses = losses.mean(1)
    return reduce(losses, torch.tensor(losses.numel()), region["reduction"])


def region_loss(
    x: Tensor,
    t: Tensor,
    weight: Tensor | None,
    region: Config,
    score: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]],
    form: Any = "Plain",
    transform: Callable[[Tensor], Tensor] = lambda s: 1 - s,
    after: Callable[[Tensor], Tensor] = lambda v: v,
) -> Tensor:
    """`score` makes numerator and denominator of (I, P, T); all region losses share the rest."""
    region = REGION | region
    classes = x.shape[1]
    p = {"Softmax": lambda: x.softmax(1), "Sigmoid": x.sigmoid, "Identity": lambda: x}[
        region["activation"]
    ]()
    keep = torch.ones_like(x[:, :1])
    if not t.is_floating_point():
        valid, t = indices(t, x, region)
        keep = valid.unsqueeze(1).double()
        t = t.unsqueeze(1).double() if classes == 1 else expand_classes(t, classes)
    if weight is not None:
        keep = keep * without_channel(weight, x).unsqueeze(1)
    p, t = p * keep, t * keep

    dims = tuple(range(2, x.ndim)) + ((0,) if region["pooling"] == "Batch" else ())
    overlap = p * t if region["intersection"] == "Product" else torch.minimum(p, t)
    squared = form == "Squared"
    sums = [v.sum(dims) for v in (overlap, p * p if squared else p, t * t if squared else t, t)]
    i, p, t, volume = (v.view(-1, classes) for v in sums)

    match region["classes"]:
        case "All":
            chosen = list(range(classes))
        case "Foreground":
            chosen = list(range(1, classes))
        case {"Listed": chosen}:
            pass
    w = torch.tensor(region["class_weights"] or [1.0] * classes, dtype=x.dtype)[chosen]
    i, p, t, volume = (v[:, chosen] for v in (i, p, t, volume))

    pooled = region["average"] == "Micro" or isinstance(form, dict)
    if isinstance(form, dict):
        power = {"Square": 2, "Simple": 1, "Uniform": 0}[form["Generalized"]]
        raw = torch.where(
            volume > 0, volume.clamp(min=1e-300) ** -power, 1.0 if power == 0 else 0.0
        )
        w = torch.where((volume > 0) | (power == 0), raw, raw.amax(1, keepdim=True))
    if pooled:
        i, p, t = ((v * w).sum(1, keepdim=True) for v in (i, p, t))
    numerator, below = score(i, p, t)
    smooth = region["smooth"]
    scores = (numerator + smooth["numerator"]) / (below + smooth["denominator"]).clamp(
        min=smooth["floor"]
    )
    losses = transform(scores)

    if not pooled:
        present = (volume > 0).double()
        counted = present if region["absent"] == "Skip" else torch.ones_like(present)
        contributes = torch.ones_like(present) if region["absent"] == "Count" else present
        norm = (w * counted).sum(1) if region["class_average"] == "Weights" else counted.sum(1)
        losses = (losses * contributes * w).sum(1) / norm.where(norm > 0, 1.0)
    losses = after(losses.flatten())
    return reduce(losses, torch.tensor(losses.numel()), region["reduction"])


def generalized_wasserstein_dice(
    x: Tensor, t: Tensor, weight: Tensor | None, config: Config
) -> Tensor:
    classes = x.shape[1]
    keep, t = indices(t, x, config)
    mass = keep.double() if weight is None else keep * without_channel(weight, x)
    hot = (expand_classes(t, classes) * mass[:, None]).reshape(len(x), classes, -1)
    given = config.get("distances")
    m = 1 - torch.eye(classes).double() if given is None else torch.tensor(given).double()
    # How much of each predicted class lies on points of each true class.
    confusion = torch.einsum("nys,ncs->nyc", hot, x.softmax(1).reshape(hot.shape))
    far = (confusion * m / m.max()).sum(2)
    volume = hot.sum(2)
    if config.get("weighting") == "Volume":
        hits = ((volume - far) / (volume + 1)).sum(1)
        everything = ((2 * volume - far) / (volume + 1)).sum(1)
    else:
        hits = (volume - far)[:, 1:].sum(1)
        everything = 2 * hits + far.sum(1)
    numerator = 2 * hits + config.get("smooth_nr", 1e-5)
    losses = 1 - numerator / (everything + config.get("smooth_dr", 1e-5))
    return reduce(losses, torch.tensor(losses.numel()), config.get("reduction", "Mean"))


def bi_tempered(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    classes = x.shape[1]
    if t.is_floating_point():
        keep, soft = torch.ones_like(t[:, 0], dtype=torch.bool), t
        mass = torch.ones_like(t[:, 0])
    else:
        keep, t = indices(t, x, config)
        soft = expand_classes(t, classes)
        mass = torch.tensor(config.get("class_weights") or [1.0] * classes).double()[t]
    s = config.get("label_smoothing", 0.0)
    p = _moved.tempered_softmax(x, config["t2"])
    values = _moved.divergence(soft * (1 - s) + s / classes, p, config["t1"])
    if weight is not None:
        mass = mass * without_channel(weight, x)
    values = torch.where(keep, values * mass, 0.0)
    below = denominator(config, "Weights", keep, mass, t)
    return reduce(values, below, config.get("reduction", "Mean"))


def seesaw(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    keep, t = indices(t, x, config)
    p, q, eps = config.get("p", 0.8), config.get("q", 2.0), config.get("eps", 0.01)
    values = _moved.seesaw_terms(x, t, config["counts"], p, q, eps)
    mass = torch.tensor(config.get("class_weights") or [1.0] * x.shape[1]).double()[t]
    if weight is not None:
        mass = mass * without_channel(weight, x)
    values = torch.where(keep, values * mass, 0.0)
    below = denominator(config, "Elements", keep, mass, t)
    return reduce(values, below, config.get("reduction", "Mean"))


def distance_cross_entropy(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    spacing, labels = config.get("spacing"), t
    keep, t = indices(t, x, config)
    mass = torch.tensor(config.get("class_weights") or [1.0] * x.shape[1]).double()[t]
    match config["weighting"]:
        case {"Border": of}:
            mass = mass + torch.stack([_surfaces.border(one, of["w0"], of["sigma"], spacing) for one in labels])
        case _:
            mass = mass * (1 + torch.stack([_surfaces.closeness(one, spacing) for one in labels]))
    if weight is not None:
        mass = mass * without_channel(weight, x)
    values = -x.log_softmax(1).gather(1, t[:, None])[:, 0]
    values = torch.where(keep, values * mass, 0.0)
    below = denominator(config, "Elements", keep, mass, t)
    return reduce(values, below, config.get("reduction", "Mean"))


def planes(
    x: Tensor, t: Tensor, weight: Tensor | None, config: Config
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Probabilities and targets (N, C, *), 0 where ignored; what points weigh, and which are kept, (N, 1, *)."""
    p = x.sigmoid() if config.get("activation") == "Sigmoid" else x.softmax(1)
    keep = torch.ones_like(x[:, :1])
    if not t.is_floating_point():
        valid, t = indices(t, x, config)
        keep = valid[:, None].double()
        t = t[:, None].double() if x.shape[1] == 1 else expand_classes(t, x.shape[1])
    mass = keep if weight is None else keep * without_channel(weight, x)[:, None]
    return p * keep, t * keep, mass, keep


def by_class(values: Tensor, mass: Tensor, keep: Tensor, config: Config, default: str = "All") -> Tensor:
    """The mean over kept points, then over the classes that count, then over images."""
    first = 1 if config.get("classes", default) == "Foreground" and values.shape[1] > 1 else 0
    losses = (values * mass)[:, first:].flatten(2).sum(2) / keep.flatten(2).sum(2).clamp(min=1)
    return losses.mean(1)


def boundary(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    p, t, mass, keep = planes(x, t, weight, config)

    def signed(plane: Tensor) -> Tensor:
        mask = plane > 0.5
        far = _surfaces.surface(mask, config.get("spacing"))
        return torch.where(mask & mask.logical_not().any(), 1 - far, far)

    maps = t
    if config.get("target") != "Distances":
        maps = torch.stack([torch.stack([signed(plane) for plane in image]) for image in t])
    losses = by_class(p * maps, mass, keep, config)
    return reduce(losses, torch.tensor(len(losses)), config.get("reduction", "Mean"))


def hausdorff(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    p, t, mass, keep = planes(x, t, weight, config)

    def far(volumes: Tensor) -> Tensor:
        maps = [[_surfaces.surface(plane > 0.5, config.get("spacing")) for plane in image] for image in volumes]
        return torch.stack([torch.stack(image) for image in maps]) ** config.get("alpha", 2.0)

    losses = by_class((p - t) ** 2 * (far(p.detach()) + far(t)), mass, keep, config, "Foreground")
    loss = reduce(losses, torch.tensor(len(losses)), config.get("reduction", "Mean"))
    return (1 + loss).log() if config.get("transform") == "Log" else loss


def hausdorff_erosion(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    p, t, mass, keep = planes(x, t, weight, config)
    left = _surfaces.erosions((p - t) ** 2, config.get("erosions", 10), config.get("alpha", 2.0))
    losses = by_class(left, mass, keep, config)
    return reduce(losses, torch.tensor(len(losses)), config.get("reduction", "Mean"))


def cl_dice(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    p, t, mass, _ = planes(x, t, weight, config)
    first = 1 if config.get("classes") == "Foreground" and x.shape[1] > 1 else 0
    p, t = p[:, first:], t[:, first:]
    of_p, of_t = (_surfaces.skeleton(plane, config.get("iterations", 3)) for plane in (p, t))

    def share(inside: Tensor, lines: Tensor) -> Tensor:
        hits, all_ = ((v * mass).flatten(1).sum(1) for v in (lines * inside, lines))
        return (hits + config.get("smooth_nr", 1.0)) / (all_ + config.get("smooth_dr", 1.0))

    a, b = share(t, of_p), share(p, of_t)
    losses = 1 - 2 * a * b / (a + b + config.get("smooth", 1e-4))
    return reduce(losses, torch.tensor(len(losses)), config.get("reduction", "Mean"))


def dice_cl_dice(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    alpha, lines = config.get("alpha", 0.5), config["cl_dice"]
    smooth = {"numerator": lines.get("smooth_nr", 1.0), "denominator": lines.get("smooth_dr", 1.0), "floor": 0.0}
    shared = {name: lines[name] for name in ("activation", "classes", "ignore_index", "reduction") if name in lines}
    region = region_loss(x, t, weight, {"smooth": smooth} | shared, lambda i, p, t: (2 * i, p + t))
    return (1 - alpha) * region + alpha * cl_dice(x, t, weight, lines)


def transform(config: Config) -> Callable[[Tensor], Tensor]:
    floor = config["region"]["smooth"]["floor"]
    return {
        "Linear": lambda s: 1 - s,
        "Log": lambda s: -s.clamp(min=floor).log(),
        "LogCosh": lambda s: (1 - s).cosh().log(),
    }[config.get("transform", "Linear")]


def dice(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    def score(i: Tensor, p: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        return 2 * i, p + t

    form = config.get("form", "Plain")
    return region_loss(x, t, weight, config["region"], score, form, transform(config))


def jaccard(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    return region_loss(
        x, t, weight, config["region"], lambda i, p, t: (i, p + t - i), transform=transform(config)
    )


def tversky_score(
    alpha: float, beta: float
) -> Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]:
    return lambda i, p, t: (i, i + alpha * (p - i) + beta * (t - i))


def tversky(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    score = tversky_score(config.get("alpha", 0.5), config.get("beta", 0.5))
    return region_loss(x, t, weight, config["region"], score, transform=transform(config))


def focal_tversky(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    score = tversky_score(config.get("alpha", 0.3), config.get("beta", 0.7))
    gamma = config.get("gamma", 0.75)
    if config.get("power", "PerClass") == "PerClass":
        return region_loss(
            x, t, weight, config["region"], score, transform=lambda s: (1 - s) ** gamma
        )
    return region_loss(x, t, weight, config["region"], score, after=lambda v: v**gamma)


def unified_focal(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    """Mean points and mean regions, with powers and weights by class."""
    share, delta, gamma = (config.get(k, v) for k, v in (("weight", 0.5), ("delta", 0.7), ("gamma", 0.5)))
    is_plain = torch.zeros(x.shape[1]).double()
    if config.get("form", "Asymmetric") == "Asymmetric":
        is_plain[0] = 1.0
    background = (torch.arange(x.shape[1]) == 0).double()
    balance = background * (1 - delta) + (1 - background) * delta
    damped = is_plain if config.get("form", "Asymmetric") == "Asymmetric" else torch.ones_like(is_plain)

    def terms(log_p: Tensor, hot: Tensor, _: Config) -> Tensor:
        own = (log_p * hot).sum(1)
        of = torch.einsum("nc...,kc->kn...", hot, torch.stack([balance, damped]))
        return -of[0] * own * torch.where(of[1] > 0, (-torch.expm1(own)) ** gamma, 1.0)

    points = class_points(terms, "Elements")(x, t, weight, {}) / x.shape[1]
    power = 1 - gamma * (1 - is_plain)
    regions = region_loss(
        x, t, weight, config["region"], tversky_score(1 - delta, delta), transform=lambda s: (1 - s) ** power
    )
    return share * points + (1 - share) * regions


def exp_log(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    def terms(log_p: Tensor, hot: Tensor, _: Config) -> Tensor:
        return (-(log_p * hot).sum(1)) ** config.get("gamma_ce", 0.3)

    options = {"class_weights": config.get("class_weights")}
    points = class_points(terms, "Elements")(x, t, weight, options)
    power = config.get("gamma_dice", 0.3)
    regions = region_loss(
        x, t, weight, config["region"], lambda i, p, t: (2 * i, p + t), transform=lambda s: (-s.log()) ** power
    )
    return config.get("lambda_dice", 0.8) * regions + config.get("lambda_ce", 0.2) * points


def dice_ce(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    weights, smoothing = config.get("class_weights"), config.get("label_smoothing", 0.0)
    if config["dice"]["region"].get("activation") == "Sigmoid":
        entropy = bce(x, t.double(), weight, {"pos_weight": weights, "label_smoothing": smoothing})
    else:
        entropy = cross_entropy(
            x, t, weight, {"class_weights": weights, "label_smoothing": smoothing}
        )
    overlap = dice(x, t, weight, config["dice"])
    return config.get("lambda_dice", 1.0) * overlap + config.get("lambda_ce", 1.0) * entropy


def dice_focal(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    gamma, alpha = config.get("gamma", 2.0), config.get("alpha")
    if config["dice"]["region"].get("activation") == "Sigmoid":
        terms = focal(x, t, weight, {"gamma": gamma, "alpha": alpha})
    else:
        options = {"gamma": gamma, "alpha": "None" if alpha is None else {"Background": alpha}}
        terms = softmax_focal(x, t, weight, options)
    overlap = dice(x, t, weight, config["dice"])
    return config.get("lambda_dice", 1.0) * overlap + config.get("lambda_focal", 1.0) * terms


def combo(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    alpha, beta, smooth = config["alpha"], config["beta"], config["smooth"]
    keep, t, _ = pointwise(x, t.double(), weight, config)
    terms = beta * t * softplus(-x) + (1 - beta) * (1 - t) * softplus(x)
    p, t = x.sigmoid() * keep, t * keep
    overlap = (2 * (p * t).sum() + smooth["numerator"]) / (
        p.sum() + t.sum() + smooth["denominator"]
    )
    return alpha * (terms * keep).sum() / keep.sum() - (1 - alpha) * overlap


def differences(value: Callable[[Tensor, Config], Tensor]) -> Callable[..., Tensor]:
    """A loss of single differences."""

    def loss(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
        mass = torch.ones_like(x) if weight is None else weight.expand_as(x)
        keep = torch.ones_like(x, dtype=torch.bool)
        below = denominator(config, "Elements", keep, mass, t)
        return reduce(value(x - t, config) * mass, below, config.get("reduction", "Mean"))

    return loss


def huber_value(d: Tensor, config: Config) -> Tensor:
    delta = config.get("delta", 1.0)
    return torch.where(d.abs() <= delta, d * d / 2, delta * (d.abs() - delta / 2))


def smooth_l1_value(d: Tensor, config: Config) -> Tensor:
    beta = config.get("beta", 1.0)
    return d.abs() if beta == 0 else huber_value(d, {"delta": beta}) / beta


def charbonnier_value(d: Tensor, config: Config) -> Tensor:
    eps = config.get("eps", 1e-3)
    return (d**2 + (eps if config.get("form") == "Plain" else eps**2)).sqrt()


def robust_value(d: Tensor, config: Config) -> Tensor:
    square = (d / config.get("scale", 1.0)) ** 2
    shape = config.get("shape", {"Alpha": 1.0})
    if shape == "Cauchy":
        return (square / 2).log1p()
    if shape == "Welsch":
        return -torch.expm1(-square / 2)
    alpha = -2.0 if shape == "GemanMcClure" else shape["Alpha"]
    if alpha == 2:
        return square / 2
    b = abs(alpha - 2)
    return b / alpha * torch.expm1(alpha / 2 * (square / b).log1p())


def wing_value(d: Tensor, config: Config) -> Tensor:
    width, curvature = config.get("width", 5.0), config.get("curvature", 0.5)
    offset = width - width * math.log1p(width / curvature)
    return torch.where(
        d.abs() < width, width * (d.abs() / curvature).log1p(), d.abs() - offset
    )


def per_image(losses: Tensor, config: Config) -> Tensor:
    return reduce(losses, torch.tensor(losses.numel()), config.get("reduction", "Mean"))


def psnr(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    mass = torch.ones_like(x) if weight is None else weight.expand_as(x)
    dims = tuple(range(x.ndim)) if config.get("pooling") == "Batch" else tuple(range(1, x.ndim))
    count = torch.ones_like(x) if config.get("normalizer") != "Weights" else mass
    error = ((x - t) ** 2 * mass).sum(dims) / count.sum(dims)
    error = error / config.get("data_range", 1.0) ** 2 + config.get("eps", 1e-8)
    return per_image(10 * error.log10(), config)


def total_variation(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    mass = torch.ones_like(x) if weight is None else weight.expand_as(x)
    norm, scale = config.get("norm", "Anisotropic"), config.get("scale", "Differences")
    if norm == "Isotropic":
        square = torch.zeros_like(x)
        for axis in range(2, x.ndim):
            pad = [0, 0] * (x.ndim - 1 - axis) + [0, 1]
            square = square + torch.nn.functional.pad(x.diff(dim=axis), pad) ** 2
        eps = config.get("eps", 0.0)
        square = square + eps * eps
        length = torch.where(square > 0, square.clamp(min=1e-300).sqrt(), 0.0) - eps
        total = (length * mass).flatten(1)
        return per_image(total.sum(1) if scale == "Total" else total.mean(1), config)
    losses = torch.zeros(len(x), dtype=x.dtype)
    for axis in range(2, x.ndim):
        d = x.diff(dim=axis)
        cost = (d.abs() if norm == "Anisotropic" else d * d) * mass.narrow(axis, 0, d.shape[axis])
        losses = losses + (cost.flatten(1).sum(1) if scale == "Total" else cost.flatten(1).mean(1))
    return per_image(losses.sqrt() if norm == "Root" else losses, config)


FILTERS = {
    "Sobel": ((-1, 0, 1), (1, 2, 1)),
    "Scharr": ((-1, 0, 1), (3, 10, 3)),
}


def edge(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    name, border = config.get("filter", "Sobel"), config.get("border", "Replicate")
    if name in FILTERS:
        step, blur = (torch.tensor(v, dtype=x.dtype) for v in FILTERS[name])
        kernels = torch.stack((torch.outer(blur, step), torch.outer(step, blur)))
    else:
        kernels = torch.ones(1, 3, 3, dtype=x.dtype)
        if name == "Laplacian4":
            kernels[0, ::2, ::2] = 0
        kernels[0, 1, 1] = 0
        kernels[0, 1, 1] = -kernels.sum()
    if config.get("scale", "Unit") == "Unit":
        kernels = kernels / kernels[0].abs().sum()
    d = x - t
    mass = torch.ones_like(x) if weight is None else weight.expand_as(x)
    mode = {"Replicate": "replicate", "Reflect": "reflect", "Zero": "constant"}.get(border)
    if mode:
        d = torch.nn.functional.pad(d, (1, 1, 1, 1), mode)
    else:
        mass = mass[..., 1:-1, 1:-1]
    windows = d.unfold(2, 3, 1).unfold(3, 3, 1)
    response = torch.einsum("nchwij,kij->knchw", windows, kernels)
    penalty = config.get("penalty", "Absolute")
    if penalty == "Absolute":
        cost = response.abs()
    elif penalty == "Square":
        cost = response**2
    else:
        cost = (response**2 + penalty["Charbonnier"] ** 2).sqrt()
    return per_image((cost.sum(0) * mass).flatten(1).mean(1), config)


def spectrum(planes: Tensor) -> Tensor:
    """The unitary transform, by its definition."""
    for axis in (-1, -2):
        steps = torch.arange(planes.shape[axis], dtype=torch.float64)
        turns = torch.outer(steps, steps) % len(steps) / len(steps)
        # Exact where a part is 0.
        parts = torch.stack(
            [torch.where((turns * 4) % 2 == 1 - k, 0.0, f(2 * math.pi * turns)) for k, f in
             enumerate((torch.cos, torch.sin))]
        )
        waves = torch.complex(parts[0], -parts[1]) / math.sqrt(len(steps))
        planes = (planes.movedim(axis, -1).to(waves.dtype) @ waves).movedim(-1, axis)
    return planes


def focal_frequency(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    d = (x - t) * (1.0 if weight is None else weight)
    if config.get("pooling") == "Batch":
        d = d.mean(0, keepdim=True)
    count = config.get("patch_factor", 1)
    d = d.unflatten(3, (count, -1)).unflatten(2, (count, -1)).transpose(3, 4)
    size = spectrum(d).abs()
    raw = size.detach() ** config.get("alpha", 1.0)
    raw = raw.log1p() if config.get("weighting") == "Log" else raw
    peak = raw.max() if config.get("peak") == "Batch" else raw.amax((-1, -2), keepdim=True)
    return per_image((raw / peak * size**2).flatten(1).mean(1), config)


def fft_l1(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    f = spectrum((x - t) * (1.0 if weight is None else weight))
    if config.get("norm", "Backward") == "Backward":
        f = f * math.sqrt(x.shape[2] * x.shape[3])
    cost = f.abs() if config.get("form") == "Magnitude" else (f.real.abs() + f.imag.abs()) / 2
    return per_image(cost.flatten(1).mean(1), config)
def game(x: Tensor, t: Tensor, weight: Tensor | None, config: Config, generates: bool) -> Tensor:
    """Both sides: `up` draws a logit to a label as a real one, `down` as a fake one."""
    r, f = (t, x) if generates else (x, t)
    form, pairing = config["form"], config["pairing"]
    labels = {"real": 1.0, "fake": 0.0, "generator": 1.0} | config.get("labels", {})
    kind = next(iter(form)) if isinstance(form, dict) else form

    def up(z: Tensor, label: float) -> Tensor:
        return {
            "Minimax": lambda: -label * logsigmoid(z) - (1 - label) * logsigmoid(-z),
            "NonSaturating": lambda: -label * logsigmoid(z) - (1 - label) * logsigmoid(-z),
            "LeastSquares": lambda: form[kind]["factor"] * (z - label).square(),
            "Wasserstein": lambda: -z,
            "Hinge": lambda: (1 - z).clamp(min=0),
        }[kind]()

    def down(z: Tensor, label: float) -> Tensor:
        return up(-z, label) if kind in ("Wasserstein", "Hinge") else up(z, label)

    if pairing == "Average":
        r, f = r - f.mean(), f - r.mean()
    discriminator = (
        up(r - f, labels["real"])
        if pairing == "Paired"
        else up(r, labels["real"]) + down(f, labels["fake"])
    )
    if not generates:
        values = discriminator
    elif kind == "Minimax":
        values = -(down(f, labels["fake"]) if pairing == "Standard" else discriminator)
    elif pairing == "Paired":
        values = up(f - r, labels["generator"])
    elif pairing == "Average":
        values = up(f, labels["generator"]) + down(r, labels["fake"])
    else:
        values = -f if kind == "Hinge" else up(f, labels["generator"])
    values = values if weight is None else values * weight
    return reduce(values, torch.tensor(values.numel()), config.get("reduction", "Mean"))


def discriminator(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    return game(x, t, weight, config, generates=False)


def generator(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    return game(x, t, weight, config, generates=True)


def lecam(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    above, below = x - config["fake_mean"], config["real_mean"] - t
    if config["form"] == "Rectified":
        above, below = above.clamp(min=0), below.clamp(min=0)
    values = (above**2 + below**2) * (1 if weight is None else weight)
    return reduce(values, torch.tensor(values.numel()), config.get("reduction", "Mean"))


def feature_matching(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    gap = x - t
    mass = 1 if weight is None else without_channel(weight, x).unsqueeze(1)
    batch = config.get("pooling") == "BatchMeans"
    gap = (gap * mass).sum(0) / len(gap) if batch else gap
    values = gap.abs() if config["distance"] == "Absolute" else gap**2
    values = values if batch else values * mass
    return reduce(values, torch.tensor(values.numel()), config.get("reduction", "Mean"))


def boxes(name: str) -> Callable[[Tensor, Tensor, Tensor | None, Config], Tensor]:
    return lambda x, t, weight, config: _boxes.loss(name, config)(x, t, weight)


def taps(size: int, sigma: float | None) -> Tensor:
    """A window along one axis; equal weights without a sigma."""
    offsets = torch.arange(size, dtype=torch.float64) - size // 2
    weights = torch.ones(size).double() if sigma is None else torch.exp(-(offsets**2) / 2 / sigma**2)
    return weights / weights.sum()


def along(image: Tensor, axis: int, window: Tensor, border: str, zero: float) -> Tensor:
    """Slides a window along one axis, position by position."""
    size, radius = image.shape[axis], len(window) // 2
    centres = range(radius, size - radius) if border == "Valid" else range(size)
    sums = []
    for centre in centres:
        total = torch.zeros_like(image.select(axis, 0))
        for offset, tap in zip(range(-radius, radius + 1), window):
            at = centre + offset
            if border == "Reflect":
                at = abs(at) if at < size else 2 * (size - 1) - at
            if border == "Replicate":
                at = min(max(at, 0), size - 1)
            total = total + tap * (image.select(axis, at) if 0 <= at < size else zero)
        sums.append(total)
    return torch.stack(sums, axis)


def filtered(image: Tensor, windows: list[Tensor], border: str, zero: float = 0.0) -> Tensor:
    """Slides a window over all axes of space; `zero` is what lies beyond a border of zeros."""
    for axis, window in enumerate(windows, 2):
        image = along(image, axis, window, border, zero)
    return image


def each(values: list[Any], axes: int) -> list[Any]:
    return values * axes if len(values) == 1 else values


class Windows:
    """Two images seen through a window, and the weights of centres."""

    def __init__(self, x: Tensor, y: Tensor, weight: Tensor | None, similarity: Config) -> None:
        self.config = similarity
        self.border = similarity.get("border", "Valid")
        axes = x.ndim - 2
        window = similarity.get("window", {"size": [11], "taps": {"Gaussian": [1.5]}})
        sigmas = window["taps"]["Gaussian"] if isinstance(window["taps"], dict) else [None]
        sizes = each(window["size"], axes)
        self.windows = [taps(*pair) for pair in zip(sizes, each(sigmas, axes))]
        self.pixels = torch.tensor(sizes).prod().item()
        self.w = torch.ones_like(x[:, :1]) if weight is None else weight
        self.seen = filtered(self.w, self.windows, self.border, 1.0)
        self.x, self.y = x, y

    def mean(self, image: Tensor) -> Tensor:
        return filtered(self.w * image, self.windows, self.border) / self.seen

    def parts(self) -> tuple[Tensor, Tensor]:
        """Luminance and contrast-structure."""
        c = self.config
        c1 = (c.get("k1", 0.01) * c["data_range"]) ** 2
        c2 = (c.get("k2", 0.03) * c["data_range"]) ** 2
        mx, my = self.mean(self.x), self.mean(self.y)
        vx, vy = self.mean(self.x**2) - mx**2, self.mean(self.y**2) - my**2
        vxy = self.mean(self.x * self.y) - mx * my
        if c.get("covariance") == "Sample":
            unbias = self.pixels / (self.pixels - 1)
            vx, vy, vxy = vx * unbias, vy * unbias, vxy * unbias
        luminance = (2 * mx * my + c1) / (mx**2 + my**2 + c1)
        return luminance, (2 * vxy + c2) / (vx + vy + c2)

    def average(self, values: Tensor) -> Tensor:
        """The mean over centres by weight, per image and channel."""
        w = self.w
        if self.border == "Valid":
            for axis, window in enumerate(self.windows, 2):
                w = w.narrow(axis, len(window) // 2, w.shape[axis] - len(window) + 1)
        return (values * w).flatten(2).sum(2) / w.flatten(2).sum(2)


def images(planes: Tensor, config: Config) -> Tensor:
    """From losses per image and channel to the result."""
    values = planes if config.get("channels") == "Separate" else planes.mean(1)
    return reduce(values, torch.tensor(values.numel()), config.get("reduction", "Mean"))


def ssim(x: Tensor, y: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    seen = Windows(x, y, weight, config["similarity"])
    luminance, contrast = seen.parts()
    half = 0.5 if config.get("form") == "Half" else 1.0
    return images(half * (1 - seen.average(luminance * contrast)), config)


def l1_ssim(x: Tensor, y: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    seen = Windows(x, y, weight, {"border": "Zero", **config["similarity"]})
    luminance, contrast = seen.parts()
    pixels = ((x - y).abs() * seen.w).flatten(2).sum(2) / seen.w.flatten(2).sum(2)
    windows = 1 - seen.average(luminance * contrast)
    l1, similarity = config.get("lambda_l1", 0.8), config.get("lambda_ssim", 0.2)
    return images(l1 * pixels + similarity * windows, config)


def halved(image: Tensor, odd: str) -> Tensor:
    """Means of two along each axis of space."""
    for axis in range(2, image.ndim):
        size = image.shape[axis]
        first, last = image.narrow(axis, 0, 1), image.narrow(axis, size - 1, 1)
        if size % 2 == 1:
            match odd:
                case "Drop":
                    image = image.narrow(axis, 0, size - 1)
                case "KeepLast":
                    image = torch.cat([image, last], axis)
                case "KeepFirst":
                    image = torch.cat([first, image], axis)
                case "ZeroFirst":
                    image = torch.cat([first * 0, image], axis)
        image = image.unflatten(axis, (-1, 2)).mean(axis + 1)
    return image


def ms_ssim(x: Tensor, y: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    assert weight is None
    powers = config.get("weights", [0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
    size = config["similarity"]["window"]["size"][0]
    if config.get("small") == "FewerLevels":
        fits = [p for level, p in enumerate(powers) if min(x.shape[2:]) >> level >= size]
        powers = [p * sum(powers) / sum(fits) for p in fits]
    product: Tensor | float = 1.0
    for level, power in enumerate(powers):
        if level > 0:
            x, y = halved(x, config.get("odd", "Drop")), halved(y, config.get("odd", "Drop"))
        seen = Windows(x, y, None, config["similarity"])
        luminance, contrast = seen.parts()
        value = seen.average(luminance * contrast if level + 1 == len(powers) else contrast)
        if config.get("product") == "Image":
            value = value.mean(1, keepdim=True)
        shifts = config.get("negative") == "Shift"
        product = product * ((value + 1) / 2 if shifts else value.clamp(min=0)) ** power
    return images(1 - product, config)


def ms_ssim_l1(x: Tensor, y: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    assert weight is None
    sigmas, size = config.get("sigmas", [0.5, 1.0, 2.0, 4.0, 8.0]), config.get("size", 33)
    alpha, product = config.get("alpha", 0.025), 1.0
    for sigma in sigmas:
        window = {"size": [size], "taps": {"Gaussian": [sigma]}}
        seen = Windows(x, y, None, {"border": "Zero", **config, "window": window})
        luminance, contrast = seen.parts()
        product = product * contrast
    windows = 1 - seen.average(luminance * product)
    pixels = seen.average(filtered((x - y).abs(), seen.windows, seen.border))
    mix = alpha * windows + (1 - alpha) * pixels / config["data_range"]
    return images(config.get("scale", 200.0) * mix, config)


def multi_scale(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    """Cross-entropy at several scales: means by matrices, and labels by comparison of positions."""
    weights = config["weights"]
    total = torch.zeros((), dtype=x.dtype)
    for k, factor in enumerate(config["factors"]):
        small, labels, mass = x, t, weight
        for axis in range(2, x.ndim):
            size = x.shape[axis]
            count = -(-size // factor) if config["uneven"] == "SmallCell" else size // factor
            at = torch.arange(size)
            inside = (at // factor == torch.arange(count)[:, None]).double()
            points = inside.sum(1)
            middle = torch.arange(count) * factor + (points / 2).floor().long()
            average = inside / points[:, None]
            pick = (at == middle[:, None]).double()

            def along(v: Tensor, matrix: Tensor, axis: int = axis) -> Tensor:
                return torch.tensordot(v, matrix, ([axis], [1])).movedim(-1, axis)

            small = along(small, average)
            labels = along(labels.double(), pick, axis - 1).long()
            if mass is not None:
                mass = along(mass, average if config["pooling"] == "Average" else pick, axis - 1)
        match weights:
            case "Halving":
                share = 0.5**k
            case "Same":
                share = 1.0
            case "Half":
                share = 1.0 if k == 0 else 0.5
            case {"Listed": shares}:
                share = shares[k]
        total = total + share * cross_entropy(small, labels, mass, config["loss"])
    return total


LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor | None, Config], Tensor]] = {
    loss.__name__: loss
    for loss in (
        bce,
        cross_entropy,
        focal,
        softmax_focal,
        dice,
        jaccard,
        tversky,
        focal_tversky,
        dice_ce,
        dice_focal,
        combo,
        generalized_wasserstein_dice,
        bi_tempered,
        seesaw,
        distance_cross_entropy,
        boundary,
        hausdorff,
        hausdorff_erosion,
        cl_dice,
        dice_cl_dice,
        lovasz_softmax,
        lovasz_hinge,
        mcc,
        soft_f1,
        unified_focal,
        exp_log,
        multi_scale,
        psnr,
        total_variation,
        edge,
        focal_frequency,
        fft_l1,
        discriminator,
        generator,
        lecam,
        feature_matching,
        _boxes.distribution_focal,
        _boxes.balanced_l1,
        ssim,
        l1_ssim,
        ms_ssim,
        ms_ssim_l1,
    )
} | {
    "poly_focal": elements(poly_focal_terms),
    "reduced_focal": elements(reduced_focal_terms),
    "asymmetric": elements(asymmetric_terms),
    "poly_cross_entropy": class_points(poly_cross_entropy_terms, "Weights"),
    "ohem_cross_entropy": lambda x, t, w, c: mined(x, t, w, c, hardest=False),
    "top_k_cross_entropy": lambda x, t, w, c: mined(x, t, w, c, hardest=True),
    "asymmetric_softmax": class_points(asymmetric_softmax_terms, "Weights"),
    "quality_focal": elements(quality_focal_terms),
    "varifocal": elements(varifocal_terms),
    "gaussian_focal": elements(gaussian_focal_terms, "Positives", 1 - 1e-12),
    "balanced_bce": balanced_bce,
    "ghm": harmonised(ghm_terms),
    "ghm_regression": harmonised(ghm_regression_terms),
    "l1": differences(lambda d, _: d.abs()),
    "mse": differences(lambda d, _: d * d),
    "huber": differences(huber_value),
    "smooth_l1": differences(smooth_l1_value),
    "charbonnier": differences(charbonnier_value),
    "robust": differences(robust_value),
    "log_cosh": differences(lambda d, _: d.cosh().log()),
    "wing": differences(wing_value),
} | {name: boxes(name) for name in ("iou", "giou", "diou", "ciou")}


def close(name: str, ours: Tensor, golden: Tensor, rtol: float) -> str | None:
    """Elements may differ by `rtol` of the largest in their tensor."""
    if ours.shape != golden.shape:
        return f"{name} has shape {list(ours.shape)}, golden {list(golden.shape)}"
    worst = (ours - golden).abs().max().item()
    if worst <= rtol * golden.abs().max().item() + 1e-300:
        return None
    return f"{name} differs by {worst:.3e}"


def check(path: Path) -> int:
    """The number of cases in `path` that disagree."""
    failures = 0
    with safe_open(path, "pt") as file:
        names = set(file.keys())
        cases = file.metadata()
        for key in sorted(cases):
            case = json.loads(cases[key])
            x = file.get_tensor(f"{key}.input").requires_grad_()
            t = file.get_tensor(f"{key}.target")
            both = f"{key}.target_grad" in names
            weight = file.get_tensor(f"{key}.weight") if f"{key}.weight" in names else None
            value = LOSSES[path.stem](x, t.requires_grad_(both), weight, case["loss"])
            ours = {"value": value.detach()}
            leaves = {"grad": x} | ({"target_grad": t} if both else {})
            grads = torch.autograd.grad(
                value.sum(), list(leaves.values()), materialize_grads=True
            )
            for part, tensor in (ours | dict(zip(leaves, grads))).items():
                if problem := close(part, tensor, file.get_tensor(f"{key}.{part}"), case["rtol"]):
                    failures += 1
                    print(f"{path.stem} {key}: {problem}", case["call"], case["loss"], sep="\n  ")
    print(f"{path.name}: {len(cases)} cases, {failures} failures")
    return failures


if __name__ == "__main__":
    here = Path(__file__).parent
    paths = [here / f"{name}.safetensors" for name in sys.argv[1:]] or sorted(
        path for path in here.glob("*.safetensors") if path.stem in LOSSES
    )
    sys.exit(sum(check(path) for path in paths) > 0)
