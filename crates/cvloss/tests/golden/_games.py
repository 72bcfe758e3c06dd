"""The two sides of adversarial games, written out in torch from the papers and from StudioGAN, torchgan and BasicSR."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, relu, softplus

Config = dict[str, Any]
Sides = tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]

SOFT = {"real": 0.9, "fake": 0.0, "generator": 0.8}
"""One-sided smoothing, and a soft label for the generator (BasicSR)."""


def bce(x: Tensor, label: float) -> Tensor:
    target = torch.full_like(x, label)
    return binary_cross_entropy_with_logits(x, target, reduction="none")


def standard(form: Any, labels: dict[str, float] | None) -> Sides:
    """Discriminator and generator, element by element, of (real, fake)."""
    t = labels or {"real": 1.0, "fake": 0.0, "generator": 1.0}
    if isinstance(form, dict):
        k = form["LeastSquares"]["factor"]
        return (
            lambda r, f: k * (r - t["real"]) ** 2 + k * (f - t["fake"]) ** 2,
            lambda r, f: k * (f - t["generator"]) ** 2,
        )
    match form, labels:
        case "Minimax", None:
            return lambda r, f: softplus(-r) + softplus(f), lambda r, f: -softplus(f)
        case "Minimax", _:
            return lambda r, f: bce(r, t["real"]) + bce(f, t["fake"]), lambda r, f: -bce(f, t["fake"])
        case "NonSaturating", None:
            return lambda r, f: softplus(-r) + softplus(f), lambda r, f: softplus(-f)
        case "NonSaturating", _:
            return (
                lambda r, f: bce(r, t["real"]) + bce(f, t["fake"]),
                lambda r, f: bce(f, t["generator"]),
            )
        case "Wasserstein", _:
            return lambda r, f: f - r, lambda r, f: -f
        case _:
            return lambda r, f: relu(1 - r) + relu(1 + f), lambda r, f: -f


def paired(form: Any, labels: dict[str, float] | None) -> Sides:
    """RpGAN: one term, of the difference."""
    t = labels or {"real": 1.0, "generator": 1.0}
    if isinstance(form, dict):
        k = form["LeastSquares"]["factor"]
        return lambda r, f: k * (r - f - t["real"]) ** 2, lambda r, f: k * (f - r - t["generator"]) ** 2
    match form:
        case "Minimax":
            return lambda r, f: bce(r - f, t["real"]), lambda r, f: -bce(r - f, t["real"])
        case "NonSaturating":
            return lambda r, f: bce(r - f, t["real"]), lambda r, f: bce(f - r, t["generator"])
        case "Wasserstein":
            return lambda r, f: f - r, lambda r, f: r - f
        case _:
            return lambda r, f: relu(1 - (r - f)), lambda r, f: relu(1 - (f - r))


def average(form: Any, labels: dict[str, float] | None) -> Sides:
    """RaGAN: the standard sides of differences from the other side's mean, roles exchanged for the generator."""
    if form == "Minimax":
        real_side, _ = standard(form, labels)
        return (
            lambda r, f: real_side(r - f.mean(), f - r.mean()),
            lambda r, f: -real_side(r - f.mean(), f - r.mean()),
        )
    sides, _ = standard(form, labels)
    # The generator draws fakes to its own label.
    swapped, _ = standard(form, labels and {**labels, "real": labels["generator"]})
    return (
        lambda r, f: sides(r - f.mean(), f - r.mean()),
        lambda r, f: swapped(f - r.mean(), r - f.mean()),
    )


def games() -> Iterator[tuple[Config, Callable[..., Sides], Any, dict[str, float] | None]]:
    """Every form with every pairing, with default and soft labels."""
    for pairing, sides in (("Standard", standard), ("Paired", paired), ("Average", average)):
        for form in (
            "Minimax",
            "NonSaturating",
            {"LeastSquares": {"factor": 0.5}},
            "Wasserstein",
            "Hinge",
        ):
            yield {"form": form, "pairing": pairing}, sides, form, None
        for form in ("Minimax", "NonSaturating", {"LeastSquares": {"factor": 1.0}}):
            yield {"form": form, "pairing": pairing, "labels": SOFT}, sides, form, SOFT
