"""Softmaxes that are not the usual one, for `check.py`: tempered, and of logits that seesaw loss moves."""

from __future__ import annotations

import torch
from torch import Tensor

BISECTIONS = 200


def tempered_exp(u: Tensor, t: float) -> Tensor:
    if t == 1:
        return u.exp()
    base = (1 + (1 - t) * u).clamp(min=0)
    return torch.where(base > 0, base.clamp(min=1e-300) ** (1 / (1 - t)), 0.0)


def tempered_log(p: Tensor, t: float) -> Tensor:
    return p.log() if t == 1 else (p ** (1 - t) - 1) / (1 - t)


def tempered_softmax(x: Tensor, t: float) -> Tensor:
    """Over axis 1. What logits are lowered by lies between their largest, and that plus `log_t` of their number."""
    with torch.no_grad():
        low = x.amax(1, True)
        high = low - tempered_log(torch.tensor(1.0 / x.shape[1]).double(), t)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            is_more = tempered_exp(x - middle, t).sum(1, True) > 1
            low, high = torch.where(is_more, middle, low), torch.where(is_more, high, middle)
        escort = (tempered_exp(x - low, t) ** t).sum(1, True)
    # The sum stays 1: that is the derivative of what is lowered.
    excess = tempered_exp(x - low, t).sum(1, True) - 1
    return tempered_exp(x - low - excess / escort, t)


def divergence(share: Tensor, p: Tensor, t1: float) -> Tensor:
    """Of a distribution from another, per point."""
    logs = tempered_log(share.clamp(min=1e-300), t1) - tempered_log(p.clamp(min=1e-300), t1)
    powers = (share ** (2 - t1) - p ** (2 - t1)) / (2 - t1)
    return (torch.where(share > 0, share * logs, 0.0) - powers).sum(1)


def seesaw_terms(x: Tensor, t: Tensor, counts: list[float] | None, p: float, q: float, eps: float) -> Tensor:
    """`-ln` of the true class's share, the others' exponentials times their seesaw factor."""
    classes = x.shape[1]
    seen = torch.tensor(counts or [1.0] * classes).double().clamp(min=1)
    scores = x.detach().softmax(1)
    terms = torch.zeros_like(x[:, 0])
    for y in range(classes):
        own = scores[:, y].clamp(min=eps)
        total = torch.zeros_like(own)
        for c in range(classes):
            factor = torch.ones_like(own)
            if c != y:
                factor = min(1.0, (seen[c] / seen[y]).item()) ** p * (scores[:, c] / own).clamp(min=1) ** q
            total = total + factor * (x[:, c] - x[:, y]).exp()
        terms = torch.where(t == y, total.log(), terms)
    return terms
