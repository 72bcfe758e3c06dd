"""Golden values of total variation, edge losses and frequency losses."""

from __future__ import annotations

import torch
from focal_frequency_loss import FocalFrequencyLoss
from kornia.filters import laplacian, spatial_gradient
from kornia.losses import total_variation
from piq import total_variation as piq_variation
from torch import Tensor

from _golden import VOLUME, Golden, Peer, function, module, own

SHAPE = (2, 3, 6, 8)
ODD = (1, 2, 7, 5)
NAMES = {"none": "None", "sum": "Sum", "mean": "Mean"}


def pair(g: Golden, *shape: int) -> tuple[Tensor, Tensor]:
    """Even and odd multiples of 1/64 in [0, 1]."""
    return g.soft(*shape), g.probabilities(*shape)


def of_input(peer: Peer, words: str) -> Peer:
    """A peer that takes no target."""
    call = peer.call.replace("input, target", words)
    return Peer(peer.package, call, lambda x, *_: peer.run(x))


g = Golden("total_variation")
kornia = Peer("kornia", "", total_variation)
for reduction, scale in (("mean", "Differences"), ("sum", "Total")):
    peer = of_input(function(total_variation, reduction=reduction), "input")
    combine = Tensor.mean if reduction == "mean" else Tensor.sum
    # kornia has a value of each channel.
    peer = peer.then(f"{reduction} over channels", lambda v, c=combine: c(v, 1))
    for shape in (SHAPE, ODD):
        g.add({"scale": scale, "reduction": "None"}, peer, *pair(g, *shape))
norms = {"l1": "Anisotropic", "l2": "Root", "l2_squared": "Squared"}
for name, norm in norms.items():
    for reduction in NAMES:
        peer = of_input(function(piq_variation, norm_type=name, reduction=reduction), "input")
        loss = {"norm": norm, "scale": "Total", "reduction": NAMES[reduction]}
        g.add(loss, peer, *pair(g, *SHAPE))


def differences(x: Tensor) -> list[Tensor]:
    """To the next pixel along each axis, 0 at the last."""
    axes = range(2, x.ndim)
    return [torch.cat((x.diff(dim=a), torch.zeros_like(x.narrow(a, 0, 1))), a) for a in axes]


def weighted(x: Tensor, _: Tensor, w: Tensor) -> Tensor:
    """BasicSR's WeightedTVLoss: a mean along each axis, the first pixel's weight."""
    high = ((x[..., 1:, :] - x[..., :-1, :]).abs() * w[..., :-1, :]).mean()
    return high + ((x[..., 1:] - x[..., :-1]).abs() * w[..., :-1]).mean()


g.add({}, own("BasicSR's weighted TV", weighted), *pair(g, *SHAPE), g.weights(*SHAPE))
for eps in (0.0, 0.25):

    def isotropic(x: Tensor, _: Tensor, eps: float = eps) -> Tensor:
        square = sum(d * d for d in differences(x)) + eps * eps
        length = torch.where(square > 0, square.clamp(min=1e-300).sqrt(), 0.0)
        return (length - eps).flatten(1).sum(1)

    for shape in (SHAPE, VOLUME):
        loss = {"norm": "Isotropic", "eps": eps, "scale": "Total", "reduction": "None"}
        g.add(loss, own("sum sqrt(dw^2 + dh^2 + dd^2 + eps^2) - eps", isotropic), *pair(g, *shape))
for norm, cost in (("Anisotropic", Tensor.abs), ("Squared", Tensor.square)):

    def volume(x: Tensor, _: Tensor, cost=cost) -> Tensor:
        return sum(cost(x.diff(dim=a)).mean() for a in (2, 3, 4))

    g.add({"norm": norm}, own(f"{norm} mean along each axis", volume), *pair(g, *VOLUME))
g.write()


g = Golden("edge")
PENALTIES = {
    "Absolute": Tensor.abs,
    "Square": Tensor.square,
    "Charbonnier": lambda r: (r * r + 0.25).sqrt(),
}
for name, cost in PENALTIES.items():
    penalty = {"Charbonnier": 0.5} if name == "Charbonnier" else name
    for is_unit, scale in ((True, "Unit"), (False, "Integer")):
        for shape in (SHAPE, ODD):

            def sobel(x: Tensor, t: Tensor, unit: bool = is_unit, cost=cost) -> Tensor:
                return cost(spatial_gradient(x - t, "sobel", 1, unit)).sum(2).mean()

            words = f"spatial_gradient(input - target, 'sobel', 1, {is_unit}), {name}, mean"
            peer = Peer("kornia 0.9.0", words, sobel)
            g.add({"penalty": penalty, "scale": scale}, peer, *pair(g, *shape))

            def laplace(x: Tensor, t: Tensor, unit: bool = is_unit, cost=cost) -> Tensor:
                return cost(laplacian(x - t, 3, "reflect", unit)).mean()

            words = f"laplacian(input - target, 3, 'reflect', {is_unit}), {name}, mean"
            loss = {"filter": "Laplacian8", "border": "Reflect", "penalty": penalty, "scale": scale}
            g.add(loss, Peer("kornia 0.9.0", words, laplace), *pair(g, *shape))
KERNELS = {
    "Scharr": [[[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]], [[-3, -10, -3], [0, 0, 0], [3, 10, 3]]],
    "Laplacian4": [[[0, 1, 0], [1, -4, 1], [0, 1, 0]]],
}
for name, kernels in KERNELS.items():
    kernel = torch.tensor(kernels).double().unsqueeze(1)
    for border, mode in (("Valid", None), ("Zero", "constant"), ("Reflect", "reflect")):

        def filtered(x: Tensor, t: Tensor, w: Tensor, kernel=kernel, mode=mode) -> Tensor:
            d = x - t
            n, c, *_ = d.shape
            w = w if mode else w[..., 1:-1, 1:-1]
            d = torch.nn.functional.pad(d, (1, 1, 1, 1), mode) if mode else d
            r = torch.nn.functional.conv2d(d.flatten(0, 1).unsqueeze(1), kernel)
            r = r.abs().sum(1).unflatten(0, (n, c)) * w
            return r.mean((1, 2, 3))

        loss = {"filter": name, "border": border, "scale": "Integer", "reduction": "None"}
        peer = own(f"mean |{name}(input - target)| * weight, {border}", filtered)
        g.add(loss, peer, *pair(g, *SHAPE), g.weights(*SHAPE))
g.write()


g = Golden("focal_frequency")
OPTIONS = [
    ({}, {}),
    ({"alpha": 2.0}, {"alpha": 2.0}),
    ({"alpha": 0.5}, {"alpha": 0.5}),
    ({"patch_factor": 2}, {"patch_factor": 2}),
    ({"ave_spectrum": True}, {"pooling": "Batch"}),
    ({"log_matrix": True}, {"weighting": "Log"}),
    ({"batch_matrix": True}, {"peak": "Batch"}),
    (
        {"ave_spectrum": True, "log_matrix": True, "batch_matrix": True, "patch_factor": 2},
        {"pooling": "Batch", "weighting": "Log", "peak": "Batch", "patch_factor": 2},
    ),
]
for options, loss in OPTIONS:
    for shape in (SHAPE, (2, 3, 10, 6)):
        g.add(loss, module(FocalFrequencyLoss, **options), *pair(g, *shape))
g.add({}, module(FocalFrequencyLoss), *pair(g, *ODD))
g.write()


g = Golden("fft_l1")
for norm, name in (("backward", "Backward"), ("ortho", "Ortho")):
    for shape in (SHAPE, ODD):

        def parts(x: Tensor, t: Tensor, norm: str = norm) -> Tensor:
            f = torch.fft.fft2(x - t, norm=norm)
            return torch.stack((f.real, f.imag), -1).abs().mean()

        def magnitude(x: Tensor, t: Tensor, norm: str = norm) -> Tensor:
            return torch.fft.fft2(x - t, norm=norm).abs().mean()

        words = f"torch.fft.fft2(input - target, norm='{norm}')"
        peer = Peer(f"torch {torch.__version__.split('+')[0]}", f"mean |parts of {words}|", parts)
        g.add({"norm": name}, peer, *pair(g, *shape))
        peer = Peer(peer.package, f"mean |{words}|", magnitude)
        g.add({"form": "Magnitude", "norm": name}, peer, *pair(g, *shape))
g.write()
