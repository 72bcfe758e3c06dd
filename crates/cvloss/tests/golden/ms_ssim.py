"""Golden values of `MsSsimLoss`: pytorch_msssim, piq, piqa, and means over channels by hand."""

from __future__ import annotations

import torch
from piq import MultiScaleSSIMLoss
from piqa.ssim import ms_ssim as piqa_ms_ssim
from piqa.ssim import ssim as piqa_ssim
from pytorch_msssim import ms_ssim
from torch import Tensor
from torch.nn.functional import avg_pool2d

from _golden import Golden, Peer, f64, module, own
from _images import UNIT, gaussian, images, loss_of, window, with_window

g = Golden("ms_ssim")
EXACT = 1e-10
THREE = [0.2, 0.3, 0.5]


def config(size: int = 3, sigma: float = 0.8, loss: dict | None = None, **similarity) -> dict:
    return {"similarity": {**UNIT, "window": window(size, sigma), **similarity}, **(loss or {})}


# Its least size is that of five levels whatever the weights.
for shape, odd in (((1, 1, 48, 48), "Drop"), ((1, 2, 40, 56), "ZeroFirst")):
    peer = loss_of(with_window(ms_ssim, 3, 0.8, "ms_ssim", data_range=1.0))
    g.add(config(loss={"odd": odd}), peer, *images(g, *shape), rtol=EXACT)
peer = loss_of(with_window(ms_ssim, 3, 0.8, "ms_ssim", data_range=1.0, weights=THREE))
for shape in ((1, 2, 37, 35), (1, 1, 38, 33), (1, 3, 34, 34)):
    loss = {"weights": THREE, "odd": "ZeroFirst"}
    g.add(config(loss=loss), peer, *images(g, *shape), rtol=EXACT)
peer = with_window(ms_ssim, 3, 0.8, "ms_ssim", data_range=1.0, weights=THREE, size_average=False)
loss = {"weights": THREE, "odd": "ZeroFirst", "reduction": "None"}
g.add(config(loss=loss), loss_of(peer), *images(g, 2, 2, 35, 33), rtol=EXACT)
peer = loss_of(with_window(ms_ssim, 3, 0.8, "ms_ssim", data_range=2.0, K=(0.05, 0.4)))
g.add(config(data_range=2.0, k1=0.05, k2=0.4), peer, *images(g, 1, 1, 48, 48), rtol=EXACT)

for shape in ((1, 2, 20, 24), (1, 1, 21, 25), (2, 1, 19, 23)):
    peer = module(MultiScaleSSIMLoss, kernel_size=5, scale_weights=f64(*THREE))
    loss = {"weights": THREE, "odd": "KeepFirst"}
    g.add(config(5, 1.5, loss), peer, *images(g, *shape), rtol=EXACT)

def piqa(x: Tensor, y: Tensor, size: int, padding: bool) -> Tensor:
    kernel = gaussian(size, 1.5).expand(x.shape[1], 1, size)
    return 1 - piqa_ms_ssim(x, y, kernel, f64(*THREE), padding=padding).mean()


for padding, border in ((False, "Valid"), (True, "Zero")):
    for shape in ((1, 2, 21, 23), (2, 1, 18, 25)):
        peer = Peer(
            "piqa 1.3.2",
            f"1 - ms_ssim(input, target, gaussian(5, 1.5), {THREE}, padding={padding}).mean()",
            lambda x, y, p=padding: piqa(x, y, 5, p),
        )
        loss = {"weights": THREE, "odd": "KeepLast"}
        g.add(config(5, 1.5, loss, border=border), peer, *images(g, *shape), rtol=EXACT)


def by_image(x: Tensor, y: Tensor, shift: bool) -> Tensor:
    """torchmetrics and MONAI: means over channels before the product; plain pooling."""
    product = torch.ones(x.shape[0]).double()
    for level, power in enumerate(THREE):
        if level > 0:
            x, y = avg_pool2d(x, 2), avg_pool2d(y, 2)
        kernel = gaussian(3, 0.8).expand(x.shape[1], 1, 3)
        ss, cs = piqa_ssim(x, y, kernel)
        v = ss if level + 1 == len(THREE) else cs
        product = product * ((v + 1) / 2 if shift else v.relu()) ** power
    return (1 - product).mean()


for shift, negative in ((False, "Clamp"), (True, "Shift")):
    peer = own(
        f"product over levels of piqa's means over channels and pixels, {negative}",
        lambda x, y, s=shift: by_image(x, y, s),
    )
    loss = {"weights": THREE, "product": "Image", "negative": negative}
    g.add(config(loss=loss), peer, *images(g, 2, 3, 17, 15), rtol=EXACT)
    x, _ = images(g, 1, 2, 16, 14)
    if shift:
        g.add(config(loss=loss), peer, x, 1 - x, rtol=EXACT)

# Two levels fit; their powers grow to the sum of all.
peer = own(
    "piqa's two levels, with powers in the same ratio and the sum of all",
    lambda x, y: 1 - piqa_ms_ssim(
        x, y, gaussian(5, 1.5).expand(x.shape[1], 1, 5), f64(0.2, 0.3) / 0.5
    ).mean(),
)
loss = {"weights": THREE, "small": "FewerLevels"}
g.add(config(5, 1.5, loss), peer, *images(g, 1, 2, 12, 14), rtol=EXACT)

g.write()
