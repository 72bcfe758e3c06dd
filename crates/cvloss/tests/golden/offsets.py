"""Golden values of `DistributionFocalLoss` and `BalancedL1Loss`: the papers' formulas, by torch's cross-entropy."""

from __future__ import annotations

import torch
from torch import Tensor

import _boxes
from _golden import Golden, own

g = Golden("distribution_focal")


def positions(last: float, *shape: int) -> Tensor:
    """Odd multiples of 1/16: between bins."""
    return (torch.randint(0, int(last * 8), shape, generator=g.rng).double() * 2 + 1) / 16


for config, shape, weighted in (
    ({}, (12, 16), False),
    ({"margin": 0.01}, (12, 16), False),
    ({"reduction": "None"}, (2, 8, 5), True),
    ({"reduction": "Sum"}, (2, 8, 3, 4), False),
    ({"denominator": "Weights"}, (2, 8, 5), True),
    ({"denominator": {"AvgFactor": 4.0}}, (2, 8, 5), True),
):
    points = (shape[0], *shape[2:])
    peer = own(
        "two weighted torch.nn.functional.cross_entropy",
        lambda x, t, w=None, c=config: _boxes.distribution_focal(x, t, w, c),
    )
    weight = g.weights(*points) if weighted else None
    input, target = g.logits(*shape), positions(shape[1] - 1, *points)
    g.add(config, peer, input, target, weight, both=True)
# Beyond the last bin, and before the first.
peer = own("the same of clamped targets", lambda x, t: _boxes.distribution_focal(x, t, None, {}))
g.add({}, peer, g.logits(4, 5), torch.tensor([-1.0, 7.0, 4.0, 0.0]).double())
g.write()

g = Golden("balanced_l1")
for config, weighted in (
    ({}, False),
    ({"reduction": "None"}, True),
    ({"alpha": 0.7, "gamma": 1.2, "beta": 0.6}, False),
    ({"reduction": "Sum", "beta": 2.0}, True),
):
    peer = own(
        "balanced_l1(input, target) by _boxes.py",
        lambda x, t, w=None, c=config: _boxes.balanced_l1(x, t, w, c),
    )
    weight = g.weights(9, 4) if weighted else None
    g.add(config, peer, g.logits(9, 4), g.soft(9, 4), weight)
g.write()
