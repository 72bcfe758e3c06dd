"""Losses of boxes from the papers' formulas, in torch f64: `loss(name, config)(input, target[, weight])`.

Written apart from the kernels: angles by atan and asin, covariances as matrices, polygons by cutting with half-planes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Config = dict[str, Any]


def corners(boxes: Tensor, layout: str) -> list[Tensor]:
    a, b, c, d = boxes.unbind(-1)
    return {
        "Xyxy": [a, b, c, d],
        "Xywh": [a, b, a + c, b + d],
        "Cxcywh": [a - c / 2, b - d / 2, a + c / 2, b + d / 2],
    }[layout]


def overlap(a: list[Tensor], b: list[Tensor], eps: float) -> tuple[Tensor, Tensor]:
    """IoU and union."""
    w = torch.min(a[2], b[2]) - torch.max(a[0], b[0])
    h = torch.min(a[3], b[3]) - torch.max(a[1], b[1])
    both = torch.where((w > 0) & (h > 0), w * h, torch.zeros_like(w))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
    return both / (union + eps), union


def scaled(box: list[Tensor], ratio: float) -> list[Tensor]:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    w, h = (box[2] - box[0]) * ratio / 2, (box[3] - box[1]) * ratio / 2
    return [x - w, y - h, x + w, y + h]


def smooth(x: Tensor, beta: float) -> Tensor:
    return torch.where(x < beta, x**2 / (2 * beta), x - beta / 2)


def values(name: str, config: Config, x: Tensor, t: Tensor) -> Tensor:
    """One value per pair of axis-aligned boxes."""
    options = config.get("boxes", {})
    eps, layout = options.get("eps", 1e-7), options.get("format", "Xyxy")
    a, b = corners(x, layout), corners(t, layout)
    w, h, wt, ht = a[2] - a[0], a[3] - a[1], b[2] - b[0], b[3] - b[1]
    dx, dy = (a[0] + a[2] - b[0] - b[2]) / 2, (a[1] + a[3] - b[1] - b[3]) / 2
    cw = torch.max(a[2], b[2]) - torch.min(a[0], b[0])
    ch = torch.max(a[3], b[3]) - torch.min(a[1], b[1])
    iou, union = overlap(a, b, eps)
    rho, diagonal = dx**2 + dy**2, cw**2 + ch**2 + eps

    if name == "nwd":
        distance = (rho + ((w - wt) ** 2 + (h - ht) ** 2) / 4).sqrt()
        return 1 - torch.exp(-distance / config.get("constant", 12.8))
    if name == "bounded_iou":
        terms = [
            1 - torch.clamp((wt - 2 * dx.abs()) / (wt + 2 * dx.abs() + eps), min=0),
            1 - torch.clamp((ht - 2 * dy.abs()) / (ht + 2 * dy.abs() + eps), min=0),
            1 - torch.min(wt / (w + eps), w / (wt + eps)),
            1 - torch.min(ht / (h + eps), h / (ht + eps)),
        ]
        return sum(smooth(term, config.get("beta", 0.2)) for term in terms)
    if name == "extended_iou":
        ex, ey = torch.min(a[0], b[0]), torch.min(a[1], b[1])
        ix1, iy1 = torch.max(a[0], b[0]), torch.max(a[1], b[1])
        ix2, iy2 = torch.min(a[2], b[2]), torch.min(a[3], b[3])
        x1, y1, x2, y2 = (
            torch.min(ix1, ix2),
            torch.min(iy1, iy2),
            torch.max(ix1, ix2),
            torch.max(iy1, iy2),
        )
        both = (ix2 - ex) * (iy2 - ey) + (x1 - ex) * (y1 - ey)
        both = both - (ix1 - ex) * (y2 - ey) - (x2 - ex) * (iy1 - ey)
        return smooth(1 - both / (w * h + wt * ht - both + eps), config.get("smooth_point", 0.1))

    mix = {"alpha": 1.0, "inner": None, "focaler": None} | config.get("overlap", {})
    power = mix["alpha"]
    inner = iou
    if mix["inner"] is not None:
        inner, _ = overlap(scaled(a, mix["inner"]), scaled(b, mix["inner"]), eps)
    low, high = mix["focaler"] or (0.0, 1.0)
    inner = ((inner - low) / (high - low)).clamp(0, 1)
    term = {
        "Linear": lambda: 1 - inner**power,
        "Square": lambda: 1 - inner ** (2 * power),
        "Log": lambda: -power * inner.clamp(min=eps).log(),
    }[config.get("form", "Linear")]()
    if name == "iou":
        return term
    if name == "giou":
        return term + ((cw * ch - union) / (cw * ch + eps)) ** power
    if name == "diou":
        return term + (rho / diagonal) ** power
    if name == "ciou":
        v = 4 / math.pi**2 * (torch.atan(wt / ht) - torch.atan(w / h)) ** 2
        alpha = (v / (1 - iou + v + eps)).detach()
        return term + (rho / diagonal) ** power + (alpha * v) ** power
    if name == "efficient_iou":
        loss = term + (rho / diagonal) ** power
        loss = loss + ((w - wt) ** 2 / (cw**2 + eps)) ** power
        loss = loss + ((h - ht) ** 2 / (ch**2 + eps)) ** power
        gamma = config.get("gamma", 0.0)
        # torch's gradient of a root at 0 is not finite.
        focus = torch.where(iou > 0, torch.where(iou > 0, iou, 1) ** gamma, 0.0**gamma)
        through = config.get("focus_slope", "Through") == "Through"
        return (focus if through else focus.detach()) * loss
    if name == "siou":
        distance = rho.sqrt()
        sine = torch.min(dx.abs(), dy.abs()) / distance
        angle = torch.cos(2 * torch.asin(sine) - math.pi / 2)
        sign = config.get("sign", "Paper")
        gamma = angle - 2 if sign == "Paper" else 2 - angle
        rx, ry = (dx / (cw + eps)) ** 2, (dy / (ch + eps)) ** 2
        cost = 2 - torch.exp(gamma * rx) - torch.exp(gamma * ry)
        theta = config.get("theta", 4.0)
        for one, other in ((w, wt), (h, ht)):
            omega = (one - other).abs() / (torch.max(one, other) + eps)
            cost = cost + (1 - torch.exp(-omega)) ** theta
        if sign == "Paper":
            return term + (cost / 2) ** power
        return 1 - (1 - term - cost / 2).clamp(-1, 1)
    if name == "mpdiou":
        square = sum((a[k] - b[k]) ** 2 for k in range(4))
        width, height = config.get("image", (640.0, 640.0))
        return term + (square / (width**2 + height**2)) ** power
    if name == "wise_iou":
        beta = ((1 - iou) / config.get("mean", 1.0)).detach()
        version = config.get("version", "V1")
        focus = torch.ones_like(beta)
        if "V2" in version:
            focus = beta ** version["V2"]["gamma"]
        if "V3" in version:
            alpha, delta = version["V3"]["alpha"], version["V3"]["delta"]
            focus = beta / (delta * alpha ** (beta - delta))
        return focus * torch.exp(rho / diagonal.detach()) * term
    raise KeyError(name)


def covariance(boxes: Tensor, divisor: float) -> Tensor:
    """`R diag(w², h²) Rᵀ / divisor`."""
    size, angle = boxes[..., 2:4].clamp(1e-7, 1e7), boxes[..., 4]
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], -1)
    turn = turn.unflatten(-1, (2, 2))
    return turn @ torch.diag_embed(size**2 / divisor) @ turn.transpose(-1, -2)


def scale(distance: Tensor, config: Config) -> Tensor:
    """The end of mmrotate's losses."""
    match config.get("scale", "Log1p"):
        case "Sqrt":
            distance = distance.clamp(min=1e-7).sqrt()
        case "Log1p":
            distance = torch.log1p(distance)
    tau = config.get("tau", 0.0)
    return 1 - 1 / (tau + distance) if tau >= 1 else distance


def polygon(box: Tensor) -> list[Tensor]:
    """Corners of a rotated box, anticlockwise."""
    x, y, w, h, angle = box.unbind()
    u = torch.stack([angle.cos(), angle.sin()])
    v = torch.stack([-angle.sin(), angle.cos()])
    centre = torch.stack([x, y])
    signs = ((1, -1), (1, 1), (-1, 1), (-1, -1))
    return [centre + u * (i * w / 2) + v * (j * h / 2) for i, j in signs]


def cross(a: Tensor, b: Tensor) -> Tensor:
    return a[0] * b[1] - a[1] * b[0]


def shared_area(a: Tensor, b: Tensor) -> Tensor:
    """The area of both boxes' polygons, one cut with the sides of the other (Sutherland and Hodgman)."""
    points, sides = polygon(a), polygon(b)
    for k in range(4):
        start, way = sides[k], sides[(k + 1) % 4] - sides[k]
        inside = [cross(way, point - start) for point in points]
        cut: list[Tensor] = []
        for i, point in enumerate(points):
            before, here = inside[i - 1], inside[i]
            if (before > 0) != (here > 0):
                share = before / (before - here)
                cut.append(points[i - 1] + share * (point - points[i - 1]))
            if here > 0:
                cut.append(point)
        points = cut
        if not points:
            return (a.sum() + b.sum()) * 0
    return sum(cross(points[i - 1], point) for i, point in enumerate(points)) / 2


def rotated_values(name: str, config: Config, x: Tensor, t: Tensor) -> Tensor:
    """One value per pair of rotated boxes."""
    eps = config.get("boxes", {}).get("eps", 1e-7)
    if name == "rotated_iou":
        pairs = zip(x.reshape(-1, 5), t.reshape(-1, 5))
        both = torch.stack([shared_area(a, b) for a, b in pairs]).reshape(x.shape[:-1])
        union = x[..., 2] * x[..., 3] + t[..., 2] * t[..., 3] - both
        iou = both / (union + eps)
        return {
            "Linear": lambda: 1 - iou,
            "Square": lambda: 1 - iou**2,
            "Log": lambda: -iou.clamp(min=eps).log(),
        }[config.get("form", "Linear")]()
    offset = (x - t)[..., :2]
    divisor = 12 if name == "probiou" else 4
    p, q = covariance(x, divisor), covariance(t, divisor)
    trace = lambda m: m.diagonal(dim1=-2, dim2=-1).sum(-1)  # noqa: E731
    if name == "gwd":
        root = (p.det() * q.det()).sqrt()
        alpha = config.get("alpha", 1.0)
        shape = trace(p) + trace(q) - 2 * (trace(p @ q) + 2 * root).sqrt()
        distance = (offset.square().sum(-1) + alpha**2 * shape).sqrt()
        if config.get("normalize", True):
            distance = distance / (2 * root.sqrt().sqrt())
        return scale(distance, config)
    if name == "kld":
        alpha = config.get("alpha", 1.0)

        def divergence(p: Tensor, q: Tensor) -> Tensor:
            inverse = p.inverse()
            centre = (offset.unsqueeze(-2) @ inverse @ offset.unsqueeze(-1)).flatten(-3)
            centre = centre.reshape(offset.shape[:-1])
            shape = trace(inverse @ q) + p.logdet() - q.logdet()
            return centre / (2 * alpha**2) + shape / 2 - 1

        one, other = divergence(p, q), divergence(q, p)
        distance = {
            "Forward": one,
            "Jeffreys": (one + other) / 2,
            "Largest": torch.max(one, other),
            "Smallest": torch.min(one, other),
        }[config.get("divergence", "Forward")]
        if config.get("root", True):
            distance = distance.clamp(min=1e-7).sqrt()
        return scale(distance, config)
    if name == "kfiou":
        fused = p - p @ (p + q).inverse() @ p
        volume = lambda m: 4 * m.det().sqrt()  # noqa: E731
        both = volume(fused)
        iou = both / (volume(p) + volume(q) - both + eps)
        part = {
            "Linear": 1 - iou,
            "Log": -(iou + eps).log(),
            "Exp": torch.exp(1 - iou) - 1,
        }[config.get("form", "Linear")]
        centre = smooth(offset.abs(), config.get("beta", 1 / 9)).sum(-1)
        return (centre + part).clamp(min=0)
    if name == "probiou":
        a, b, c = (m := p + q)[..., 0, 0], m[..., 1, 1], m[..., 0, 1]
        dx, dy = offset.unbind(-1)
        below = a * b - c**2 + eps
        centre = (a * dy**2 + b * dx**2) / below / 4 + c * -dx * dy / below / 2
        mixed = 4 * (p.det() * q.det()).sqrt() + eps
        distance = centre + ((a * b - c**2) / mixed + eps).log() / 2
        return (1 - torch.exp(-distance.clamp(eps, 100)) + eps).sqrt()
    raise KeyError(name)


ROTATED = ("rotated_iou", "gwd", "kld", "kfiou", "probiou")


def reduced(terms: Tensor, weight: Tensor | None, options: Config) -> Tensor:
    """Sum, None, or Mean over pairs, weights, or a given factor."""
    if weight is not None:
        terms = terms * weight.reshape(terms.shape)
    match options.get("reduction", "Mean"), options.get("denominator", "Items"):
        case "None", _:
            return terms
        case "Sum", _:
            return terms.sum()
        case _, {"AvgFactor": factor}:
            return terms.sum() / factor
        case _, "Weights" if weight is not None:
            return terms.sum() / weight.sum()
    return terms.mean()


def loss(name: str, config: Config) -> Callable[..., Tensor]:
    """The loss of a configuration."""
    formula = rotated_values if name in ROTATED else values

    def run(x: Tensor, t: Tensor, weight: Tensor | None = None) -> Tensor:
        return reduced(formula(name, config, x, t), weight, config.get("boxes", {}))

    return run


def distribution_focal(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    """Two cross-entropies, each weighted by how near its bin is."""
    y = t.reshape(x.shape[0], *x.shape[2:]).clamp(0, x.shape[1] - 1 - config.get("margin", 0.0))
    low = y.floor().clamp(max=x.shape[1] - 2).long()
    terms = torch.nn.functional.cross_entropy(x, low, reduction="none") * (low + 1 - y)
    terms = terms + torch.nn.functional.cross_entropy(x, low + 1, reduction="none") * (y - low)
    return reduced(terms, weight, config)


def balanced_l1(x: Tensor, t: Tensor, weight: Tensor | None, config: Config) -> Tensor:
    defaults = (("alpha", 0.5), ("gamma", 1.5), ("beta", 1.0))
    alpha, gamma, beta = (config.get(key, default) for key, default in defaults)
    b = math.exp(gamma / alpha) - 1
    d = (x - t).abs()
    small = alpha / b * (b * d + 1) * (b * d / beta + 1).log() - alpha * d
    terms = torch.where(d < beta, small, gamma * d + gamma / b - alpha * beta)
    if weight is not None:
        terms = terms * weight
    reduction = config.get("reduction", "Mean")
    if reduction == "None":
        return terms
    return terms.sum() / (1 if reduction == "Sum" else terms.numel())
