"""Features, perceptual losses and their gradients, from torchvision, lpips, DISTS_pytorch and piq in f64.

Weights and images are hashes of their names, which the Rust test computes too, so that networks of full width are
compared and no numbers but results are stored: a value per image, and the gradient's products with three random
directions. Learned heads are the packages' own.

    python perceptual.py
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import piq
import torch
import torchvision
from torch import Tensor, nn

from _networks import hashed, hashed_lpips, trunk

torch.set_num_threads(1)
DIRECTIONS = 3


def noise(name: str, *shape: int) -> Tensor:
    """Numbers in [-1, 1)."""
    return torch.from_numpy(hashed(name, 0, int(np.prod(shape)))).reshape(shape)


def image(name: str, *shape: int) -> Tensor:
    """Numbers in [0, 1)."""
    return noise(name, *shape) / 2 + 0.5


def vgg_names(blocks: tuple[int, ...]) -> dict[int, str]:
    """Names of features by torchvision's index."""
    names, index = {}, 0
    for block, depth in enumerate(blocks, 1):
        for place in range(1, depth + 1):
            names[index], names[index + 1] = f"conv{block}_{place}", f"relu{block}_{place}"
            index += 2
        names[index] = f"pool{block}"
        index += 1
    return names


NAMES = {
    "vgg16": vgg_names((2, 2, 3, 3, 3)),
    "vgg19": vgg_names((2, 2, 4, 4, 4)),
    "alexnet": dict(
        enumerate(
            "conv1 relu1 pool1 conv2 relu2 pool2 conv3 relu3 conv4 relu4 conv5 relu5 pool5".split()
        )
    ),
    "squeezenet1_1": dict(
        enumerate(
            "conv1 relu1 pool1 fire2 fire3 pool3 fire4 fire5 pool5 fire6 fire7 fire8 fire9".split()
        )
    ),
}
TRUNKS = {"vgg16": "Vgg16", "vgg19": "Vgg19", "alexnet": "AlexNet", "squeezenet1_1": "SqueezeNet"}
MEAN = torch.tensor((0.485, 0.456, 0.406), dtype=torch.float64).view(3, 1, 1)
STD = torch.tensor((0.229, 0.224, 0.225), dtype=torch.float64).view(3, 1, 1)
ROUNDED = 1e-7
"""Tolerance of peers that hold the mean and deviation of images in f32."""


def normalise(x: Tensor) -> Tensor:
    return (x - MEAN) / STD


def record(
    call: str,
    loss: dict[str, Any],
    run: Callable[[Tensor, Tensor], Tensor],
    shape: tuple[int, ...],
    scale: tuple[float, float] = (1.0, 0.0),
    rtol: float = 1e-9,
) -> dict[str, Any]:
    """One case; `run` gives a value per image, and images are scaled as the peer wants them."""
    factor, shift = scale
    x, t = (
        (image(name, *shape) * factor + shift).requires_grad_() for name in ("input", "target")
    )
    values = run(x, t).flatten()
    gradients = torch.autograd.grad(values.sum(), (x, t), materialize_grads=True)
    directions = [noise(f"direction {k}", *shape) for k in range(DIRECTIONS)]
    products = [[(g * d).sum().item() for d in directions] for g in gradients]
    assert all(np.isfinite(values.tolist())) and all(np.isfinite(sum(products, []))), call
    return {
        "call": call,
        "loss": loss,
        "shape": shape,
        "rtol": rtol,
        "scale": scale,
        "values": values.tolist(),
        "products": products,
    }


def taps() -> list[dict[str, Any]]:
    """Every feature of every network: the mean square of the difference."""
    cases = []
    for name, names in NAMES.items():
        network = trunk(name)
        side = 32 if name.startswith("vgg") else 65
        for index, feature in names.items():
            part = network[: index + 1]

            def run(x: Tensor, t: Tensor, part: nn.Module = part) -> Tensor:
                return (part(normalise(x)) - part(normalise(t))).square().mean((1, 2, 3))

            options = {
                "trunk": TRUNKS[name],
                "layers": [{"name": feature, "weight": 1.0}],
                "metric": "SquaredL2",
            }
            call = f"torchvision.models.{name}().features[:{index + 1}]"
            cases.append(record(call, {"Perceptual": options}, run, (1, 3, side, side)))
    return cases


def layers(**weights: float) -> list[dict[str, Any]]:
    return [{"name": name, "weight": weight} for name, weight in weights.items()]


def indices(network: str, names: list[dict[str, Any]]) -> list[str]:
    by_name = {name: str(index) for index, name in NAMES[network].items()}
    return [by_name[layer["name"]] for layer in names]


def content_and_style() -> list[dict[str, Any]]:
    cases = []
    chosen = layers(relu1_2=0.5, relu2_2=1.0, relu3_3=2.0)
    weights = [layer["weight"] for layer in chosen]
    shape = (2, 3, 24, 20)
    for distance, metric in (("mse", "SquaredL2"), ("mae", "L1")):
        peer = piq.ContentLoss(
            feature_extractor=trunk("vgg16")[:16],
            layers=indices("vgg16", chosen),
            weights=weights,
            distance=distance,
            reduction="none",
        )
        # piq sums over channels.
        summed = [
            {"name": layer["name"], "weight": layer["weight"] * channels}
            for layer, channels in zip(chosen, (64, 128, 256), strict=True)
        ]
        options = {"trunk": "Vgg16", "layers": summed, "metric": metric}
        call = f"piq.ContentLoss(distance={distance!r})"
        cases.append(record(call, {"Perceptual": options}, per_item(peer), shape, rtol=ROUNDED))
    peer = piq.StyleLoss(
        feature_extractor=trunk("vgg16")[:16],
        layers=indices("vgg16", chosen),
        weights=weights,
        distance="mse",
        reduction="none",
    )
    options = {"trunk": "Vgg16", "layers": chosen, "normalization": "None", "metric": "SquaredMean"}
    cases.append(record("piq.StyleLoss()", {"Style": options}, per_item(peer), shape, rtol=ROUNDED))
    # The papers' formulas, written out.
    network = trunk("vgg16")

    def grams(x: Tensor) -> list[Tensor]:
        taken, out = [int(index) for index in indices("vgg16", chosen)], []
        x = normalise(x)
        for index, layer in enumerate(network[: max(taken) + 1]):
            x = layer(x)
            if index in taken:
                f = x.flatten(2)
                out.append(f @ f.transpose(1, 2) / f[0].numel())
        return out

    def johnson(x: Tensor, t: Tensor) -> Tensor:
        pairs = zip(grams(x), grams(t), weights, strict=True)
        return sum(w * (a - b).square().sum((1, 2)) for a, b, w in pairs)

    def gatys(x: Tensor, t: Tensor) -> Tensor:
        return johnson(x, t) / 4

    options = {"trunk": "Vgg16", "layers": chosen}
    cases.append(record("Johnson et al., equation 4", {"Style": options}, johnson, shape))
    options = options | {"normalization": "Gatys"}
    cases.append(record("Gatys et al., equation 4", {"Style": options}, gatys, shape))
    return cases


def roots() -> dict[str, Any]:
    """The root of the mean square of each layer, which no peer has."""
    network, chosen = trunk("alexnet"), layers(relu2=0.5, conv5=2.0)

    def run(x: Tensor, t: Tensor) -> Tensor:
        x, t, total = normalise(x), normalise(t), 0.0
        weights = {layer["name"]: layer["weight"] for layer in chosen}
        for index, name in NAMES["alexnet"].items():
            # A layer of its own: torchvision's ReLUs write over their input.
            x, t = (nn.functional.relu(f) if "relu" in name else network[index](f) for f in (x, t))
            if name in weights:
                total = total + weights[name] * (x - t).square().mean((1, 2, 3)).sqrt()
        return total

    options = {"trunk": "AlexNet", "layers": chosen, "metric": "L2"}
    return record("roots of mean squares of torchvision's features", {"Perceptual": options}, run, (2, 3, 65, 65))


def per_item(peer: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    """piq sums over layers and images at once: one call per image."""

    def run(x: Tensor, t: Tensor) -> Tensor:
        pairs = zip(x.split(1), t.split(1), strict=True)
        return torch.stack([peer(a, b).sum() for a, b in pairs])

    return run


def lpips_cases() -> list[dict[str, Any]]:
    cases = []
    for net, name in (("alex", "alexnet"), ("vgg", "vgg16"), ("squeeze", "squeezenet1_1")):
        peer = hashed_lpips(net, name).double()
        for what, (scale, shift) in (("ZeroOne", (1.0, 0.0)), ("MinusOneOne", (2.0, -1.0))):
            is_normal = what == "ZeroOne"

            def run(x: Tensor, t: Tensor, is_normal: bool = is_normal) -> Tensor:
                return peer(x, t, normalize=is_normal)

            options = {"network": net.capitalize(), "range": what}
            call = f"lpips.LPIPS(net={net!r})(x, t, normalize={is_normal})"
            case = record(call, {"Lpips": options}, run, (2, 3, 64, 72), (scale, shift), ROUNDED)
            cases.append(case)
    return cases


def dists_cases() -> list[dict[str, Any]]:
    real = torchvision.models.vgg16
    torchvision.models.vgg16 = lambda pretrained: real(weights=None)
    import DISTS_pytorch

    peer = DISTS_pytorch.DISTS()
    torchvision.models.vgg16 = real
    features = trunk("vgg16")
    for stage in (peer.stage1, peer.stage2, peer.stage3, peer.stage4, peer.stage5):
        for index, layer in list(stage.named_children()):
            if isinstance(layer, (nn.Conv2d, nn.ReLU)):
                setattr(stage, index, features[int(index)])
    peer = peer.double().eval()

    def run(x: Tensor, t: Tensor) -> Tensor:
        return peer(x, t, require_grad=True, batch_average=False)

    return [
        record("DISTS_pytorch.DISTS()", {"Dists": {}}, run, (2, 3, 48, 40), rtol=ROUNDED),
        record("DISTS_pytorch.DISTS()", {"Dists": {}}, run, (1, 3, 33, 47), rtol=ROUNDED),
    ]


def contextual_cases() -> list[dict[str, Any]]:
    """Mechrez et al., equations 1 to 4 with cosine distances, written out: neither kornia nor piq has them."""

    def of(x: Tensor, y: Tensor, h: float) -> Tensor:
        x, y = x.flatten(2), y.flatten(2)
        centre = y.mean(2, keepdim=True)
        x, y = (f - centre for f in (x, y))
        cosine = torch.einsum("nci,ncj->nij", x, y)
        cosine = cosine / (x.norm(dim=1)[:, :, None] * y.norm(dim=1)[:, None, :])
        d = 1 - cosine
        relative = d / (d.min(2, keepdim=True).values + 1e-5)
        w = torch.exp((1 - relative) / h)
        cx = w / w.sum(2, keepdim=True)
        return -torch.log(cx.max(1).values.mean(1) + 1e-5)

    cases = []
    for h, shape in ((0.5, (2, 3, 24, 20)), (0.1, (1, 3, 37, 30))):
        chosen = layers(relu1_2=0.5, conv2_2=2.0)
        network = trunk("vgg16")

        def run(x: Tensor, t: Tensor, h: float = h, network: nn.Module = network) -> Tensor:
            x, t, total = normalise(x), normalise(t), 0.0
            for index, name in list(NAMES["vgg16"].items())[:8]:
                x, t = (nn.functional.relu(f) if "relu" in name else network[index](f) for f in (x, t))
                for layer in chosen:
                    if layer["name"] == name:
                        total = total + layer["weight"] * of(x, t, h)
            return total

        options = {"trunk": "Vgg16", "layers": chosen, "bandwidth": h}
        call = f"Mechrez et al., h = {h}"
        cases.append(record(call, {"Contextual": options}, run, shape))
    for h, shape in ((0.5, (2, 6, 9, 8)), (0.2, (1, 40, 130)), (1.0, (3, 17, 2, 3, 4))):

        def run(x: Tensor, t: Tensor, h: float = h) -> Tensor:
            return of(x, t, h)

        options = {"bandwidth": h}
        call = f"Mechrez et al., h = {h}, of features"
        cases.append(record(call, {"FeatureContextual": options}, run, shape))
    return cases


def main() -> None:
    cases = taps() + content_and_style() + [roots()] + lpips_cases() + dists_cases() + contextual_cases()
    path = Path(__file__).with_suffix(".json")
    path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
    print(f"{path.name}: {len(cases)} cases, {path.stat().st_size} bytes")


main()
