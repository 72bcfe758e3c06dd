"""Golden values of `SsimLoss`: pytorch_msssim, piq, piqa, kornia, MONAI, scikit-image."""

from __future__ import annotations

import numpy
import torch
from kornia.losses import ssim_loss as kornia_loss
from kornia.metrics import ssim as kornia_map
from kornia.metrics import ssim3d as kornia_map_3d
from monai.losses import SSIMLoss as MonaiLoss
from piq import SSIMLoss as PiqLoss
from piq import ssim as piq_ssim
from piqa.ssim import ssim as piqa_ssim
from pytorch_msssim import ssim
from skimage.metrics import structural_similarity
from torch import Tensor
from torch.nn.functional import conv2d, pad

from _golden import F32_PEER, Golden, Peer, function, module, own
from _images import UNIT, gaussian, images, loss_of, window, with_window

g = Golden("ssim")
EXACT = 1e-10
SHAPES = ((2, 1, 14, 13), (1, 2, 12, 17), (2, 3, 13, 11), (1, 4, 15, 12))


def config(loss: dict | None = None, **similarity: object) -> dict:
    return {"similarity": {**UNIT, **similarity}, **(loss or {})}


for shape in SHAPES:
    peer = loss_of(with_window(ssim, 11, 1.5, "ssim", data_range=1.0))
    g.add(config(), peer, *images(g, *shape), rtol=EXACT)
for size, sigma in ((1, 1.0), (3, 0.7), (5, 1.5), (7, 3.0)):
    peer = loss_of(with_window(ssim, size, sigma, "ssim", data_range=1.0))
    g.add(config(window=window(size, sigma)), peer, *images(g, 1, 2, 9, 8), rtol=EXACT)
peer = loss_of(with_window(ssim, 33, 5.0, "ssim", data_range=1.0))
g.add(config(window=window(33, 5.0)), peer, *images(g, 1, 1, 35, 34), rtol=EXACT)
peer = loss_of(with_window(ssim, 7, 1.5, "ssim", data_range=1.0, size_average=False))
loss = config({"reduction": "None"}, window=window(7, 1.5))
g.add(loss, peer, *images(g, 3, 2, 9, 8), rtol=EXACT)
peer = loss_of(with_window(ssim, 5, 1.5, "ssim", data_range=2.0, K=(0.05, 0.2)))
loss = config(data_range=2.0, k1=0.05, k2=0.2, window=window(5, 1.5))
g.add(loss, peer, *images(g, 1, 2, 9, 8), rtol=EXACT)
peer = loss_of(with_window(ssim, 5, 1.5, "ssim", data_range=1.0))
g.add(config(window=window(5, 1.5)), peer, *images(g, 1, 2, 6, 7, 8), rtol=EXACT)
# The window is as large as the image.
peer = loss_of(with_window(ssim, 11, 1.5, "ssim", data_range=1.0))
g.add(config(), peer, *images(g, 2, 3, 11, 11), rtol=EXACT)
# Opposite contrast: the similarity is negative.
x, _ = images(g, 1, 2, 13, 12)
g.add(config(), peer, x, 1 - x, rtol=EXACT)
# Constant images, which differ.
x, y = torch.full((1, 2, 12, 13), 0.5).double(), torch.full((1, 2, 12, 13), 0.375).double()
g.add(config(), peer, x, y, rtol=1e-9)

for shape in SHAPES:
    peer = module(PiqLoss, downsample=False, kernel_size=11)
    g.add(config(), peer, *images(g, *shape), rtol=EXACT)
# The sum of its loss would be one minus the sum of similarities.
peer = function(piq_ssim, downsample=False, kernel_size=5, kernel_sigma=2.0, reduction="none")
peer = peer.then("(1 - s).sum()", lambda s: (1 - s).sum())
loss = config({"reduction": "Sum"}, window=window(5, 2.0))
g.add(loss, peer, *images(g, 2, 3, 9, 8), rtol=EXACT)

for padding, border in ((False, "Valid"), (True, "Zero")):
    for shape in SHAPES:
        peer = Peer(
            "piqa 1.3.2",
            f"1 - ssim(input, target, gaussian(11, 1.5), padding={padding})[0].mean()",
            lambda x, y, p=padding: 1 - piqa_ssim(
                x, y, gaussian(11, 1.5).expand(x.shape[1], 1, 11), padding=p
            )[0].mean(),
        )
        g.add(config(border=border), peer, *images(g, *shape), rtol=EXACT)
    peer = Peer(
        "piqa 1.3.2",
        f"1 - ssim(input, target, gaussian(5, 1.5), channel_avg=False, padding={padding})[0]",
        lambda x, y, p=padding: 1 - piqa_ssim(
            x, y, gaussian(5, 1.5).expand(x.shape[1], 1, 5), channel_avg=False, padding=p
        )[0],
    )
    loss = config(
        {"channels": "Separate", "reduction": "None"}, border=border, window=window(5, 1.5)
    )
    g.add(loss, peer, *images(g, 2, 3, 9, 8), rtol=EXACT)
    g.add(loss, peer, *images(g, 2, 2, 6, 7, 8), rtol=EXACT)
    g.add(loss, peer, *images(g, 2, 2, 20), rtol=EXACT)

HALF = {"form": "Half"}
for shape in SHAPES:
    peer = function(kornia_loss, window_size=11, eps=0.0)
    g.add(config(HALF, border="Reflect"), peer, *images(g, *shape), rtol=EXACT)
    peer = function(kornia_loss, window_size=11, eps=0.0, padding="valid")
    g.add(config(HALF), peer, *images(g, *shape), rtol=EXACT)
peer = function(kornia_map, window_size=7, eps=0.0).then("(1 - s).mean()", lambda s: (1 - s).mean())
loss = config(border="Reflect", window=window(7, 1.5))
g.add(loss, peer, *images(g, 1, 2, 4, 9), rtol=EXACT)
peer = function(kornia_map_3d, window_size=5, eps=0.0)
peer = peer.then("(1 - s).mean()", lambda s: (1 - s).mean())
loss = config(border="Reflect", window=window(5, 1.5))
g.add(loss, peer, *images(g, 1, 2, 5, 6, 7), rtol=F32_PEER)

for dims, shape in ((2, (2, 3, 9, 8)), (3, (1, 2, 6, 7, 8))):
    sizes, sigmas = [3, 7, 5][:dims], [0.8, 2.0, 1.2][:dims]
    peer = module(MonaiLoss, spatial_dims=dims, win_size=sizes, kernel_sigma=sigmas)
    loss = config(window={"size": sizes, "taps": {"Gaussian": sigmas}})
    g.add(loss, peer, *images(g, *shape), rtol=F32_PEER)
    peer = module(MonaiLoss, spatial_dims=dims, win_size=5, kernel_type="uniform")
    loss = config(window={"size": [5], "taps": "Uniform"})
    g.add(loss, peer, *images(g, *shape), rtol=F32_PEER)


class ByHand(torch.autograd.Function):
    """scikit-image's value and its analytic gradient, which is one with respect to its second image,
    of the mean of the whole map, while its value is the mean without the margin."""

    @staticmethod
    def forward(ctx, x: Tensor, y: Tensor, options: dict) -> Tensor:
        score, slope = structural_similarity(
            y[0, 0].numpy(), x[0, 0].numpy(), data_range=1.0, gradient=True, **options
        )
        radius = options["win_size"] // 2 if "win_size" in options else 5
        h, w = x.shape[2:]
        pixels = (h - 2 * radius) * (w - 2 * radius)
        ctx.slope = torch.from_numpy(numpy.ascontiguousarray(slope)) * (h * w / pixels)
        return torch.tensor(score, dtype=torch.float64)

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple[Tensor, None, None]:
        return upstream * ctx.slope[None, None], None, None


def skimage(loss: dict, size: int, **options: object) -> None:
    """Images in a frame of zeros: where windows reach beyond the border, nothing differs."""
    x, y = (pad(image, [size] * 4) for image in images(g, 1, 1, 9, 10))
    words = ", ".join(f"{key}={value!r}" for key, value in options.items())
    peer = Peer(
        "scikit-image 0.26.0",
        f"1 - structural_similarity(target, input, data_range=1.0, gradient=True, {words}), "
        "the gradient times pixels / pixels inside the margin",
        lambda x, y: 1 - ByHand.apply(x, y, options),
    )
    g.add(loss, peer, x, y, rtol=EXACT)


UNIFORM = {"size": [7], "taps": "Uniform"}
skimage(config(window=UNIFORM), 7, win_size=7, use_sample_covariance=False)
skimage(config(), 11, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)


def sampled(x: Tensor, y: Tensor) -> Tensor:
    """Its gradient takes no notice of sample covariance; its value does."""
    k = torch.full((1, 1, 7, 7), 1 / 49, dtype=torch.float64)
    mean = lambda z: conv2d(z, k)  # noqa: E731
    mx, my = mean(x), mean(y)
    vx, vy, vxy = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    vx, vy, vxy = (v * 49 / 48 for v in (vx, vy, vxy))
    s = (2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4) * (2 * vxy + 9e-4) / (vx + vy + 9e-4)
    a, b = x.detach()[0, 0].numpy(), y[0, 0].numpy()
    value = structural_similarity(a, b, data_range=1.0)
    assert abs(value - s.mean().item()) < 1e-12
    return 1 - s.mean()


peer = own("1 - the formula of structural_similarity(input, target, data_range=1.0)", sampled)
loss = config(window=UNIFORM, covariance="Sample")
g.add(loss, peer, *images(g, 1, 1, 12, 13), rtol=EXACT)


def both(x: Tensor, y: Tensor) -> Tensor:
    """The gradient with respect to the second image, as that of the first of a swapped pair."""
    return 1 - ssim(y, x, data_range=1.0, win=gaussian(11, 1.5).expand(x.shape[1], 1, 1, 11))


peer = Peer("pytorch_msssim 1.0.0", "1 - ssim(target, input, win=gaussian(11, 1.5))", both)
g.add(config(), peer, *images(g, 2, 3, 13, 12), rtol=EXACT)


def masked(x: Tensor, y: Tensor, w: Tensor, border: str) -> Tensor:
    """Normalised convolution, written out pixel by pixel of the window."""
    k = torch.outer(gaussian(5, 1.5), gaussian(5, 1.5)).view(1, 1, 5, 5)
    total = 0.0
    if border == "Zero":
        x, y, w = pad(x, [2] * 4), pad(y, [2] * 4), pad(w, [2] * 4, value=1.0)
    seen = conv2d(w, k)
    centre = w[:, :, 2:-2, 2:-2]
    for channel in range(x.shape[1]):
        a, b = x[:, channel : channel + 1], y[:, channel : channel + 1]
        mean = lambda z: conv2d(w * z, k) / seen  # noqa: E731
        ma, mb = mean(a), mean(b)
        va, vb, vab = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
        s = (2 * ma * mb + 1e-4) * (2 * vab + 9e-4)
        s = s / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4))
        total = total + ((1 - s) * centre).sum((1, 2, 3)) / centre.sum((1, 2, 3))
    return (total / x.shape[1]).mean()


for border in ("Valid", "Zero"):
    peer = own(
        "normalised convolution of all moments, mean by the centres' weight",
        lambda x, y, w, b=border: masked(x, y, w, b),
    )
    loss = config(border=border, window=window(5, 1.5))
    g.add(loss, peer, *images(g, 2, 3, 9, 8), g.weights(2, 1, 9, 8), rtol=EXACT)
    weight = g.mask(2, 1, 9, 8)
    weight[:, :, 3:6, 2:6] = 1.0
    g.add(loss, peer, *images(g, 2, 3, 9, 8), weight, rtol=EXACT)


def replicated(x: Tensor, y: Tensor) -> Tensor:
    x, y = (pad(image, [3] * 4, mode="replicate") for image in (x, y))
    return 1 - ssim(x, y, data_range=1.0, win=gaussian(7, 1.5).expand(x.shape[1], 1, 1, 7))


peer = Peer("pytorch_msssim 1.0.0", "1 - ssim(win=gaussian(7, 1.5)) of both with pad(mode='replicate')", replicated)
g.add(config(border="Replicate", window=window(7, 1.5)), peer, *images(g, 2, 3, 9, 8), rtol=EXACT)

g.write()
