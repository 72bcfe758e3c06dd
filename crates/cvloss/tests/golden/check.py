"""Evaluates every golden case with a direct torch f64 reading of the documented formulas.

It knows no peer: a case passes when the configuration in its metadata, taken literally, gives the
peer's value and gradient. So a wrong translation of a peer's options shows here, and not in Rust.

    python check.py [NAME ...]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn.functional import logsigmoid, one_hot, softplus

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
    )
}


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
            weight = file.get_tensor(f"{key}.weight") if f"{key}.weight" in names else None
            value = LOSSES[path.stem](x, file.get_tensor(f"{key}.target"), weight, case["loss"])
            (grad,) = torch.autograd.grad(value.sum(), x)
            for part, ours in (("value", value.detach()), ("gradient", grad)):
                stored = file.get_tensor(f"{key}.{'value' if part == 'value' else 'grad'}")
                if problem := close(part, ours, stored, case["rtol"]):
                    failures += 1
                    print(f"{path.stem} {key}: {problem}", case["call"], case["loss"], sep="\n  ")
    print(f"{path.name}: {len(cases)} cases, {failures} failures")
    return failures


if __name__ == "__main__":
    here = Path(__file__).parent
    paths = [here / f"{name}.safetensors" for name in sys.argv[1:]] or sorted(
        here.glob("*.safetensors")
    )
    sys.exit(sum(check(path) for path in paths) > 0)
