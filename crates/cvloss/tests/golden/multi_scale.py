"""Golden values of a loss at several scales: torch's average pooling and cross-entropy, scale by scale."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, avg_pool3d, cross_entropy, interpolate

from _golden import PLANE, VOLUME, Golden, own

EVEN = (2, 3, 8, 12)
UNEVEN = {"Refuse": False, "DropRest": False, "SmallCell": True}


def scales(factors: list[int], weights: list[float], uneven: str = "Refuse", pooling: str = "Average"):
    """Labels by "nearest-exact", after what is left over has been cut away; or from the middle, cell by cell."""

    def pooled(x: Tensor, factor: int) -> Tensor:
        pool = avg_pool3d if x.ndim == 5 else avg_pool2d
        return pool(x, factor, ceil_mode=UNEVEN[uneven], count_include_pad=False)

    def middle(t: Tensor, factor: int, axes: int) -> Tensor:
        for axis in range(t.ndim - axes, t.ndim):
            cells = list(torch.arange(t.shape[axis]).split(factor))
            if not UNEVEN[uneven]:
                cells = [cell for cell in cells if len(cell) == factor]
            t = t.index_select(axis, torch.stack([cell[len(cell) // 2] for cell in cells]))
        return t

    def run(x: Tensor, t: Tensor, w: Tensor | None = None) -> Tensor:
        total = torch.zeros((), dtype=torch.float64)
        axes = x.ndim - 2
        for factor, share in zip(factors, weights):
            small = x if factor == 1 else pooled(x, factor)
            labels = middle(t, factor, axes)
            if uneven == "Refuse":
                sizes = [size // factor for size in x.shape[2:]]
                exact = interpolate(t[:, None].double(), sizes, mode="nearest-exact")[:, 0].long()
                assert torch.equal(exact, labels)
            values = cross_entropy(small, labels, reduction="none")
            if w is None:
                total = total + share * values[labels != -100].mean()
                continue
            mass = middle(w, factor, axes) if pooling == "Nearest" else w
            if pooling == "Average" and factor > 1:
                mass = pooled(w[:, None], factor)[:, 0]
            total = total + share * (values * mass).sum() / mass.sum()
        return total

    words = f"sum of weights {weights} times cross-entropy of avg_pool by {factors}, {uneven}, {pooling}"
    return own(words, run)


g = Golden("multi_scale")
plain = {"loss": {}, "uneven": "Refuse", "pooling": "Average"}


def case(factors: list[int], weights, **options) -> dict:
    return plain | {"factors": factors, "weights": weights} | options


def indices(shape: tuple[int, ...]) -> Tensor:
    return g.indices(shape[1], shape[0], *shape[2:])


loss = case([1, 2, 4], "Halving")
g.add(loss, scales([1, 2, 4], [1, 0.5, 0.25]), g.logits(*EVEN), indices(EVEN))
g.add(loss, scales([1, 2, 4], [1, 0.5, 0.25]), g.logits(*EVEN), g.ignoring(indices(EVEN), -100))
loss = case([4, 1], {"Listed": [0.3, 2.0]})
g.add(loss, scales([4, 1], [0.3, 2.0]), g.logits(*EVEN), indices(EVEN))
for uneven in ("DropRest", "SmallCell"):
    for shape in (PLANE, VOLUME):
        loss = case([1, 2, 3], "Same", uneven=uneven)
        g.add(loss, scales([1, 2, 3], [1, 1, 1], uneven), g.logits(*shape), indices(shape))
    for pooling in ("Average", "Nearest"):
        loss = case([2, 3], "Half", uneven=uneven, pooling=pooling)
        peer = scales([2, 3], [1, 0.5], uneven, pooling)
        g.add(loss, peer, g.logits(*PLANE), indices(PLANE), g.weights(2, 5, 7))
g.write()
