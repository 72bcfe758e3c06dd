"""Golden values of all losses of axis-aligned boxes: torchvision, and the papers' formulas where no peer has one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchvision.ops import complete_box_iou_loss, distance_box_iou_loss, generalized_box_iou_loss

import _boxes
from _golden import Golden, Peer, function, own

TORCHVISION = {
    "giou": generalized_box_iou_loss,
    "diou": distance_box_iou_loss,
    "ciou": complete_box_iou_loss,
}
NAMES = {"none": "None", "sum": "Sum", "mean": "Mean"}
COUNT = 12


def sixteenths(g: Golden, low: float, high: float, *shape: int) -> Tensor:
    return torch.randint(int(low * 16), int(high * 16), shape, generator=g.rng).double() / 16


def anywhere(g: Golden, *shape: int) -> tuple[Tensor, Tensor]:
    """Boxes that overlap or not; no two ends coincide."""
    low = sixteenths(g, 0, 4, *shape, 2)
    target = torch.cat([low, low + sixteenths(g, 1, 4, *shape, 2)], -1)
    moved = sixteenths(g, -1, 1, *shape, 4) + torch.tensor([8, 12, 10, 7]) / 256
    moved[..., 0, :] += torch.tensor([5.0, 4.0, 5.5, 4.5])  # the first is far away
    input = target + moved
    swap = input[..., :2] >= input[..., 2:] - 0.25
    input[..., 2:] = torch.where(swap, input[..., :2] + 1.5, input[..., 2:])
    return input, target


def layouts(boxes: Tensor, layout: str) -> Tensor:
    low, high = boxes[..., :2], boxes[..., 2:]
    return {
        "Xyxy": boxes,
        "Xywh": torch.cat([low, high - low], -1),
        "Cxcywh": torch.cat([(low + high) / 2, high - low], -1),
    }[layout]


def special(g: Golden) -> dict[str, tuple[Tensor, Tensor]]:
    """Boxes of every kind that the losses' edge cases are made of."""
    input, target = anywhere(g, COUNT)
    size = target[..., 2:] - target[..., :2]
    whole = torch.randint(1, 60, (COUNT, 4), generator=g.rng).double()
    large = torch.cat([whole[:, :2], whole[:, :2] + whole[:, 2:]], -1)
    other = large + torch.randint(-1, 2, (COUNT, 4), generator=g.rng).double() * 0.5 + 0.25
    flat = torch.cat([input[..., :3], input[..., 1:2]], -1)
    return {
        "random": (input, target),
        "touching": (torch.cat([target[..., 2:], target[..., 2:] + size], -1), target),
        "touching along a side": (target + torch.stack([size[..., 0], 0 * size[..., 0]] * 2, -1), target),
        "nested": (target + torch.tensor([0.25, 0.125, -0.125, -0.25]), target),
        "nested at a corner": (target - torch.tensor([0, 0, 0.25, 0.5]), target),
        "disjoint": (target + 6, target),
        # With others, as the losses themselves are nearly 0.
        "identical": (torch.cat([target, input]), torch.cat([target, target])),
        "without width": (torch.cat([input[..., :2], input[..., :1], input[..., 3:]], -1), target),
        "without height": (flat, target),
        "without area": (torch.cat([input[..., :2]] * 2, -1), target),
        "target without width": (input, torch.cat([target[..., :2], target[..., :1], target[..., 3:]], -1)),
        "huge": (other * 2.0**14, large * 2.0**14),
        "tiny": (other * 2.0**-26, large * 2.0**-26),
    }


# torchvision's gradients and values of these are NaN.
UNDEFINED = {"ciou": ("without height", "without area")}

golden = {
    name: Golden(name)
    for name in (
        "iou giou diou ciou efficient_iou extended_iou siou mpdiou nwd wise_iou bounded_iou".split()
    )
}


def mine(name: str, config: dict[str, Any]) -> Peer:
    return own(f"{name}(input, target) by _boxes.py", _boxes.loss(name, config))


for name, peer in TORCHVISION.items():
    g = golden[name]
    for kind in special(g):
        if kind in UNDEFINED.get(name, ()):
            continue
        input, target = special(g)[kind]
        call = function(peer, reduction="none").then(f"of {kind} boxes", lambda value: value)
        loss = {"boxes": {"reduction": "None"}}
        # In f32 too, to 1e-6 of the scale of all pairs.
        g.add(loss, call, input, target, both=True, f32=1e-6)
    for reduction, ours in NAMES.items():
        input, target = anywhere(g, 2, 5)
        g.add({"boxes": {"reduction": ours}}, function(peer, reduction=reduction), input, target, both=True)
    if name != "ciou":  # torchvision's CIoU does not hand its eps to the DIoU part
        input, target = anywhere(g, 7)
        g.add({"boxes": {"eps": 1e-3}}, function(peer, reduction="mean", eps=1e-3), input, target, both=True)

VARIANTS: dict[str, list[dict[str, Any]]] = {
    "iou": [{"form": form} for form in ("Linear", "Log", "Square")],
    "efficient_iou": [{}, {"gamma": 0.5}, {"gamma": 2.0, "focus_slope": "Constant"}],
    "extended_iou": [{}, {"smooth_point": 0.5}],
    "siou": [{}, {"theta": 2.5}, {"sign": "MmDetection"}],
    "mpdiou": [{}, {"image": [8.0, 6.0]}],
    "nwd": [{}, {"constant": 2.0}],
    "bounded_iou": [{}, {"beta": 0.5, "boxes": {"eps": 1e-3}}],
    "wise_iou": [
        {},
        {"mean": 0.4, "version": {"V2": {"gamma": 0.5}}},
        {"mean": 0.4, "version": {"V3": {"alpha": 1.7, "delta": 2.7}}},
        {"mean": 0.7, "version": {"V3": {"alpha": 1.9, "delta": 3.0}}},
    ],
}
OVERLAPS = (
    {"alpha": 3.0},
    {"inner": 0.7},
    {"inner": 1.3},
    {"focaler": [0.05, 0.9]},
    {"alpha": 2.0, "inner": 1.2, "focaler": [0.0, 0.95]},
)
WITHOUT_OVERLAP = ("extended_iou", "nwd", "bounded_iou")

for name, g in golden.items():
    for config in VARIANTS.get(name, []):
        input, target = anywhere(g, COUNT)
        g.add(config, mine(name, config), input, target, both=True)
    for mix in () if name in WITHOUT_OVERLAP else OVERLAPS:
        config = {"overlap": mix}
        input, target = anywhere(g, COUNT)
        # A power of an IoU of 0 has no slope in torch.
        input, target = input[1:], target[1:]
        keep = (torch.min(input[:, 2:], target[:, 2:]) - torch.max(input[:, :2], target[:, :2]) > 0.25).all(-1)
        g.add(config, mine(name, config), input[keep], target[keep], both=True)
    for layout in ("Xywh", "Cxcywh"):
        config = {"boxes": {"format": layout}}
        input, target = (layouts(boxes, layout) for boxes in anywhere(g, 3, 4))
        g.add(config, mine(name, config), input, target, both=True)
    for options in ({"denominator": {"AvgFactor": 7.5}}, {"denominator": "Weights"}, {"reduction": "None"}):
        config = {"boxes": options}
        input, target = anywhere(g, 2, 5)
        g.add(config, mine(name, config).weighted(), input, target, g.weights(2, 5), both=True)
    g.write()
