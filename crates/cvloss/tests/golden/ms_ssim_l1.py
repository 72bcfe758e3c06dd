"""Golden values of `MsSsimL1Loss`: kornia's MS_SSIMLoss."""

from __future__ import annotations

import torch
from kornia.losses import MS_SSIMLoss
from torch import Tensor
from torch.nn.functional import conv2d

from _golden import Golden, Peer, own
from _images import UNIT, gaussian, images

g = Golden("ms_ssim_l1")
EXACT = 1e-10


def kornia(**options: object) -> Peer:
    """In f64, its windows too: they are made in f32 otherwise."""

    def run(x: Tensor, y: Tensor) -> Tensor:
        default = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            return MS_SSIMLoss(**options).double()(x, y)
        finally:
            torch.set_default_dtype(default)

    words = ", ".join(f"{key}={value!r}" for key, value in options.items())
    return Peer("kornia 0.9.0", f"MS_SSIMLoss({words}).double()(input, target)", run)


for shape in ((2, 1, 13, 12), (1, 2, 20, 17), (1, 3, 9, 36)):
    g.add(UNIT, kornia(), *images(g, *shape), rtol=EXACT)
for alpha in (0.0, 0.84, 1.0):
    loss = {**UNIT, "alpha": alpha, "scale": 1.0}
    g.add(loss, kornia(alpha=alpha, compensation=1.0), *images(g, 1, 2, 13, 12), rtol=EXACT)
for sigmas in ([1.5], [0.7, 2.0], [4.0, 0.5, 2.0]):
    size = 2 * int(2 * sigmas[-1]) + 1
    loss = {**UNIT, "alpha": 0.5, "sigmas": sigmas, "size": size}
    g.add(loss, kornia(alpha=0.5, sigmas=sigmas), *images(g, 1, 2, 13, 12), rtol=EXACT)
loss = {"data_range": 2.0, "k1": 0.05, "k2": 0.2, "alpha": 0.5}
g.add(loss, kornia(data_range=2.0, K=(0.05, 0.2), alpha=0.5), *images(g, 1, 2, 13, 12), rtol=EXACT)
for reduction, name in (("mean(1, 2)", "None"), ("mean(1, 2).sum()", "Sum")):
    peer = kornia(reduction="none").then(
        reduction, lambda v, n=name: v.mean((1, 2)) if n == "None" else v.mean((1, 2)).sum()
    )
    g.add({**UNIT, "reduction": name}, peer, *images(g, 2, 2, 13, 12), rtol=EXACT)


def valid(x: Tensor, y: Tensor) -> Tensor:
    """Only windows inside the image."""
    product, channels = 1.0, x.shape[1]
    for sigma in (0.7, 2.0):
        k = torch.outer(gaussian(5, sigma), gaussian(5, sigma)).expand(channels, 1, 5, 5)
        mean = lambda z: conv2d(z, k, groups=channels)  # noqa: E731
        mx, my = mean(x), mean(y)
        vx, vy, vxy = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
        product = product * (2 * vxy + 9e-4) / (vx + vy + 9e-4)
    product = product * (2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4)
    return 0.84 * (1 - product).mean() + 0.16 * mean((x - y).abs()).mean()


loss = {**UNIT, "border": "Valid", "sigmas": [0.7, 2.0], "size": 5, "alpha": 0.84, "scale": 1.0}
g.add(loss, own("Zhao's formula over windows inside the image", valid), *images(g, 2, 2, 9, 8))

g.write()
