"""Golden values of `L1SsimLoss`: torch's L1 with pytorch_msssim and piqa."""

from __future__ import annotations

from piqa.ssim import ssim as piqa_ssim
from pytorch_msssim import ssim
from torch import Tensor
from torch.nn.functional import l1_loss

from _golden import Golden, Peer, own
from _images import UNIT, gaussian, images, window

g = Golden("l1_ssim")
EXACT = 1e-10


def config(border: str, size: int = 11, **loss: object) -> dict:
    return {"similarity": {**UNIT, "border": border, "window": window(size, 1.5)}, **loss}


def win(x: Tensor, size: int) -> Tensor:
    return gaussian(size, 1.5).expand(x.shape[1], 1, *[1] * (x.ndim - 3), size)


def piqa(x: Tensor, y: Tensor, size: int) -> Tensor:
    return piqa_ssim(x, y, gaussian(size, 1.5).expand(x.shape[1], 1, size), padding=True)[0]


for shape in ((2, 1, 14, 13), (1, 2, 12, 17), (2, 3, 13, 11), (1, 4, 15, 12)):
    peer = Peer(
        "pytorch_msssim 1.0.0",
        "0.8 * l1_loss(input, target) + 0.2 * (1 - ssim(input, target, win=gaussian(11, 1.5)))",
        lambda x, y: 0.8 * l1_loss(x, y) + 0.2 * (1 - ssim(x, y, 1.0, win=win(x, 11))),
    )
    g.add(config("Valid"), peer, *images(g, *shape), rtol=EXACT)
    peer = Peer(
        "piqa 1.3.2",
        "0.8 * l1_loss(input, target) + 0.2 * (1 - ssim(input, target, padding=True)[0].mean())",
        lambda x, y: 0.8 * l1_loss(x, y) + 0.2 * (1 - piqa(x, y, 11).mean()),
    )
    g.add(config("Zero"), peer, *images(g, *shape), rtol=EXACT)
peer = Peer(
    "piqa 1.3.2",
    "0.3 * |input - target| + 1.5 * (1 - ssim(input, target, padding=True)[0]), by image",
    lambda x, y: 0.3 * (x - y).abs().flatten(1).mean(1) + 1.5 * (1 - piqa(x, y, 5)),
)
loss = config("Zero", 5, lambda_l1=0.3, lambda_ssim=1.5, reduction="None")
g.add(loss, peer, *images(g, 3, 2, 8, 9), rtol=EXACT)
x, y = images(g, 1, 2, 12, 13)
y[:, :, 3:9] = x[:, :, 3:9]
peer = Peer(
    "pytorch_msssim 1.0.0",
    "0.8 * l1_loss(input, target) + 0.2 * (1 - ssim(input, target, win=gaussian(5, 1.5)))",
    lambda x, y: 0.8 * l1_loss(x, y) + 0.2 * (1 - ssim(x, y, 1.0, win=win(x, 5))),
)
g.add(config("Valid", 5), peer, x, y, rtol=EXACT)
peer = own(
    "sum w |x - y| / sum w, without similarity",
    lambda x, y, w: ((x - y).abs() * w).sum() / (w.sum() * x.shape[1]),
)
loss = config("Zero", 5, lambda_l1=1.0, lambda_ssim=0.0)
g.add(loss, peer, *images(g, 1, 3, 8, 9), g.weights(1, 1, 8, 9), rtol=EXACT)

g.write()
