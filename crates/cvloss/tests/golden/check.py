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
    "quality_focal": elements(quality_focal_terms),
    "varifocal": elements(varifocal_terms),
    "gaussian_focal": elements(gaussian_focal_terms, "Positives", 1 - 1e-12),
    "balanced_bce": balanced_bce,
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
