"""Golden values of losses of rotated boxes: shapely's polygons, and the papers' formulas."""

from __future__ import annotations

import math
from typing import Any

import torch
from shapely import Polygon
from torch import Tensor

import _boxes
from _golden import Golden, Peer, own

COUNT = 12


def pairs(g: Golden, *shape: int) -> tuple[Tensor, Tensor]:
    draw = lambda low, high, *size: (  # noqa: E731
        torch.randint(int(low * 16), int(high * 16), size, generator=g.rng).double() / 16
    )
    centre, size, angle = draw(2, 6, *shape, 2), draw(1, 3.5, *shape, 2), draw(-1.5, 1.5, *shape, 1)
    target = torch.cat([centre, size, angle], -1)
    jitter = torch.cat(
        [draw(-1.5, 1.5, *shape, 2), draw(-0.6, 0.6, *shape, 2), draw(-1.2, 1.2, *shape, 1)], -1
    )
    return target + jitter + 1 / 32, target


def area(box: Tensor) -> Polygon:
    x, y, w, h, angle = box.tolist()
    c, s = math.cos(angle), math.sin(angle)
    ends = [(w / 2, -h / 2), (w / 2, h / 2), (-w / 2, h / 2), (-w / 2, -h / 2)]
    return Polygon([(x + c * i - s * j, y + s * i + c * j) for i, j in ends])


def check_shapely(x: Tensor, t: Tensor) -> None:
    """The reference's areas are shapely's."""
    for a, b in zip(x.reshape(-1, 5), t.reshape(-1, 5)):
        ours = _boxes.shared_area(a, b).item()
        assert abs(ours - area(a).intersection(area(b)).area) < 1e-9


def mine(name: str, config: dict[str, Any]) -> Peer:
    return own(f"{name}(input, target) by _boxes.py", _boxes.loss(name, config))


VARIANTS: dict[str, list[dict[str, Any]]] = {
    "rotated_iou": [{}, {"form": "Log"}, {"form": "Square"}],
    "gwd": [
        {},
        {"scale": "Sqrt", "tau": 1.0},
        {"scale": "Linear", "alpha": 0.7, "normalize": False},
        {"tau": 2.0},
    ],
    "kld": [
        {},
        {"scale": "Sqrt", "tau": 1.0},
        {"scale": "Linear", "alpha": 0.7, "root": False},
        {"divergence": "Jeffreys"},
        {"divergence": "Largest", "tau": 2.0},
        {"divergence": "Smallest"},
    ],
    "kfiou": [{}, {"form": "Log"}, {"form": "Exp", "beta": 0.3}],
    "probiou": [{}, {"boxes": {"eps": 1e-3}}],
}

for name in _boxes.ROTATED:
    g = Golden(name)
    for config in VARIANTS[name]:
        input, target = pairs(g, COUNT)
        check_shapely(input, target)
        g.add(config, mine(name, config), input, target, both=True, rtol=1e-8)
    for options in (
        {"denominator": {"AvgFactor": 3.5}},
        {"denominator": "Weights"},
        {"reduction": "None"},
        {"reduction": "Sum"},
    ):
        config = {"boxes": options}
        input, target = pairs(g, 2, 4)
        g.add(config, mine(name, config).weighted(), input, target, g.weights(2, 4), both=True, rtol=1e-8)
    g.write()

# Values alone, of boxes of every kind: what shapely finds.
g = Golden("shapely")
for kind in ("random", "identical", "nested", "disjoint", "turned by a right angle", "thin", "touching"):
    input, target = pairs(g, 40)
    if kind == "identical":
        input = target.clone()
    if kind == "nested":
        input = target * torch.tensor([1, 1, 0.25, 0.25, 1.0]) + torch.tensor([0, 0, 0, 0, 0.5])
    if kind == "disjoint":
        input = target + torch.tensor([8.0, 0, 0, 0, 0.25])
    if kind == "turned by a right angle":
        input = target + torch.tensor([0.5, 0.25, 0, 0, math.pi / 2])
    if kind == "thin":
        input = input * torch.tensor([1, 1, 0.0625, 1, 1])
    if kind == "touching":
        target = target * torch.tensor([1, 1, 1, 1, 0.0])
        input = target + torch.stack([target[:, 2]] + [torch.zeros(40).double()] * 4, -1)
    iou = [
        (both := area(a).intersection(area(b)).area) / (area(a).area + area(b).area - both)
        for a, b in zip(input, target)
    ]
    g.tensors |= {f"{kind}.input": input, f"{kind}.target": target}
    g.tensors[f"{kind}.iou"] = torch.tensor(iou, dtype=torch.float64)
g.write()
