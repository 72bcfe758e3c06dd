"""Times cvloss against torch, eager and compiled, in one run and on the same tensors.

Every round times our native program, then each peer eager, then the same peer compiled, so that a
noisy machine disturbs all of them alike. A time is one value and its gradient, warm; the table
shows medians over all rounds. The run fails when a peer's value differs from ours.

    python3 benches/peers/compare.py --python .venv/bin/python --only 'dice*' --json benches/results.json

The file keeps its records of other keys, so that a long run can be made in parts; `table.py` makes tables of it.

The native program is started as `native THREADS` and answers one JSON line per line:

    {"loss": "dice_multiclass", "preset": "smp", "data": "x.safetensors", "repeat": 5}
    {"ours_ms": [...], "ours_tape_ms": [...], "floor_ms": [...], "peak_extra_bytes": 0, "value": 1}

`ours_ms` is the kernels' value and gradient into warm memory, `ours_tape_ms` forward and backward
through candle, `floor_ms` a streaming pass over the same bytes. An `error` ends the run.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any


def start_over() -> None:
    """Continues in the interpreter of `--python`, before this one misses the peers."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--python")
    known, rest = parser.parse_known_args()
    if known.python:
        os.execv(known.python, [known.python, __file__, *rest])


if __name__ == "__main__":
    start_over()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from torch import Tensor  # noqa: E402

BLOCK_SECONDS = 0.3
"""A block repeats one step for about this long."""
SETTLE_SECONDS = 0.02
"""The pause between blocks, in which the threads of the last one stop spinning."""

Shape = tuple[int, ...]
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Peer:
    """A peer, imported on first use; `preset` names our configuration that has the same value.

    One that torch.compile has no hold on, since it leaves torch, is timed eager alone.
    """

    build: Callable[[], Loss]
    preset: str | None = None
    rtol: float = 1e-4
    compiles: bool = True


@dataclass(frozen=True)
class Case:
    """One key; `make_data` returns `input`, `target` and whatever else the native side reads."""

    name: str
    shape: Shape
    make_data: Callable[[Shape], dict[str, Tensor]]
    peers: dict[str, Peer]
    small: Shape | None = (1, 2, 64, 64)
    has_gradient: bool = True

    def variants(self) -> Iterator[tuple[str, Shape]]:
        yield self.name, self.shape
        if self.small:
            yield f"{self.name}@small", self.small


def attribute(path: str) -> Any:
    """What `package.module.name` names."""
    home, _, name = path.rpartition(".")
    return getattr(import_module(home), name)


def function(path: str, preset: str | None = None, **options: Any) -> Peer:
    """The peer `path(input, target, **options)`."""

    def build() -> Loss:
        call = attribute(path)
        return lambda x, t: call(x, t, **options)

    return Peer(build, preset)


def module(path: str, preset: str | None = None, rtol: float = 1e-4, **options: Any) -> Peer:
    """The peer `path(**options)(input, target)`."""
    return Peer(lambda: attribute(path)(**options), preset, rtol)


def per_point(peer: Peer) -> Peer:
    """The peer's sum over the number of targets."""

    def build() -> Loss:
        loss = peer.build()
        return lambda x, t: loss(x, t) / t.numel()

    return Peer(build, peer.preset)


def detections(shape: Shape) -> dict[str, Tensor]:
    """Anchors of a detector: confident negatives, two positives in a thousand."""
    return {"input": torch.randn(shape) * 1.5 - 3, "target": (torch.rand(shape) < 0.002).float()}


def segmentation(shape: Shape) -> dict[str, Tensor]:
    """Logits that half know `(N, *)` indices, which come in blocks of 8 points."""
    n, channels, *space = shape
    classes = max(channels, 2)
    target = torch.randint(0, classes, (n, *(size // 8 for size in space)))
    for axis in range(1, target.ndim):
        target = target.repeat_interleave(8, axis)
    hit = torch.nn.functional.one_hot(target, classes).movedim(-1, 1)[:, -channels:]
    return {"input": torch.randn(shape) * 2 + 2 * hit, "target": target}


def segmentation_channel(shape: Shape) -> dict[str, Tensor]:
    """The same with `(N, 1, *)` indices."""
    data = segmentation(shape)
    return data | {"target": data["target"].unsqueeze(1)}


def binary_masks(shape: Shape) -> dict[str, Tensor]:
    """The same with zeros and ones in the shape of the logits."""
    data = segmentation(shape)
    return data | {"target": data["target"].unsqueeze(1).float()}


def photographs(shape: Shape) -> dict[str, Tensor]:
    """Smooth images in [0, 1], and the same with noise."""
    n, channels, *space = shape
    coarse = torch.rand((n, channels, *(size // 8 + 1 for size in space)))
    mode = "bilinear" if len(space) == 2 else "trilinear"
    target = torch.nn.functional.interpolate(coarse, size=space, mode=mode)
    return {"input": (target + 0.1 * torch.randn(shape)).clamp(0, 1), "target": target}


def tubes(shape: Shape) -> dict[str, Tensor]:
    """Logits that half know zeros and ones, which come in lines 5 wide along the last axis."""
    data = binary_masks((shape[0], 1, *shape[2:-1], shape[-1]))
    at = torch.arange(shape[-2]) % 24 < 5
    target = data["target"] * at[:, None]
    return {"input": torch.randn(shape) * 2 + 4 * target - 2, "target": target}


def balls(shape: Shape) -> dict[str, Tensor]:
    """Logits that half know `(N, 1, *)` indices: classes are shells of waves, with single wrong points."""
    n, channels, *space = shape
    axes = torch.meshgrid(*(torch.arange(size) / 12 for size in space), indexing="ij")
    height = sum((axis + phase).sin() for phase, axis in enumerate(axes)) / len(space)
    target = ((height + 1) / 2 * channels).long().clamp(0, channels - 1).expand(n, 1, *space)
    hit = torch.nn.functional.one_hot(target[:, 0], channels).movedim(-1, 1)
    return {"input": torch.randn(shape) + 4 * hit, "target": target.contiguous()}


def mask(shape: Shape) -> dict[str, Tensor]:
    """Ones with holes of one point, ten in a thousand, in half of the plane or volume; waves in the rest."""
    space = shape[2:]
    axes = torch.meshgrid(*(torch.arange(size) / 12 for size in space), indexing="ij")
    waves = sum(axis.sin() for axis in axes) > 0
    holes = torch.rand(space) > 0.01
    inside = torch.where(axes[0] < axes[0].max() / 2, holes, waves)
    return {"input": inside.float().expand(shape).contiguous(), "target": torch.zeros(1)}


def quality(shape: Shape) -> dict[str, Tensor]:
    """Anchors of a detector whose positives have the IoU of their box as the target."""
    data = detections(shape)
    return data | {"target": data["target"] * torch.rand(shape)}


def formula(value: Loss) -> Peer:
    """A peer written out in torch, where no package has it."""
    return Peer(lambda: value)


def charbonnier(x: Tensor, t: Tensor) -> Tensor:
    """As BasicSR has it, with the epsilon of the paper."""
    return ((x - t) ** 2 + 1e-6).sqrt().mean()


def sobel(x: Tensor, t: Tensor) -> Tensor:
    """kornia has the filter alone."""
    return attribute("kornia.filters.spatial_gradient")(x - t).abs().sum(2).mean()


def variation(x: Tensor, _: Tensor) -> Tensor:
    """kornia's value is per channel."""
    return attribute("kornia.losses.total_variation")(x, "mean").mean()


def fft_l1(x: Tensor, t: Tensor) -> Tensor:
    f = torch.fft.fft2(x - t)
    return torch.stack((f.real, f.imag), -1).abs().mean()


def ohem(x: Tensor, t: Tensor) -> Tensor:
    """As mmsegmentation's sampler has it: p below 0.7, and 100000 points per image at least."""
    losses = torch.nn.functional.cross_entropy(x, t, reduction="none").flatten()
    with torch.no_grad():
        p = (-losses).exp()
        least = min(100_000 * len(x), len(p))
        threshold = p.kthvalue(least)[0].clamp(min=0.7)
        chosen = p <= threshold
    return (losses * chosen).sum() / chosen.sum()


def quality_focal(x: Tensor, t: Tensor) -> Tensor:
    """As mmdetection has it, but for the mean over elements."""
    losses = torch.nn.functional.binary_cross_entropy_with_logits(x, t, reduction="none")
    return ((x.sigmoid() - t).abs() ** 2 * losses).mean()


def monai_cl_dice() -> Loss:
    """MONAI's own activation and encoding; its mean is over images."""
    return module("monai.losses.SoftclDiceLoss", sigmoid=True).build()


def edt() -> Loss:
    """scipy's, of arrays."""
    return attribute("scipy.ndimage.distance_transform_edt")


MEGAPIXELS = (8, 3, 512, 512)
IMAGES = (4, 3, 256, 256)
PATCHES = (16, 1, 126, 126)
"""A PatchGAN's logits of 16 images of 1024 by 1024 pixels, halved three times."""
TORCH = "torch.nn.functional"

def box_pairs(shape: Shape) -> dict[str, Tensor]:
    """Targets of 8 to 128 pixels in an image of 640, and predictions that are off by up to 12."""
    low = torch.rand(*shape[:-1], 2) * 512
    target = torch.cat([low, low + 8 + torch.rand(*shape[:-1], 2) * 120], -1)
    moved = target + (torch.rand(shape) - 0.5) * 24
    corners = torch.minimum(moved[..., :2], moved[..., 2:]), torch.maximum(moved[..., :2], moved[..., 2:])
    return {"input": torch.cat(corners, -1), "target": target}


def patch_logits(shape: Shape) -> dict[str, Tensor]:
    """What a discriminator says of patches of real items, and of fake ones."""
    return {"input": torch.randn(shape) + 0.5, "target": torch.randn(shape) - 0.5}


def hinge(real: Tensor, fake: Tensor) -> Tensor:
    """As StudioGAN has it."""
    return torch.relu(1 - real).mean() + torch.relu(1 + fake).mean()


def relativistic_average(real: Tensor, fake: Tensor) -> Tensor:
    """As BasicSR's ESRGAN has it, but for the factor of one half."""
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits
    of_real = cross_entropy(real - fake.mean(), torch.ones_like(real))
    return of_real + cross_entropy(fake - real.mean(), torch.zeros_like(fake))


def dissimilarity(peer: Peer) -> Peer:
    """One minus a peer's similarity."""

    def build() -> Loss:
        similarity = peer.build()
        return lambda x, t: 1 - similarity(x, t)

    return Peer(build, peer.preset, peer.rtol)


def with_l1(peer: Peer) -> Peer:
    """0.8 L1 + 0.2 of a peer's loss."""

    def build() -> Loss:
        loss = peer.build()
        return lambda x, t: 0.8 * torch.nn.functional.l1_loss(x, t) + 0.2 * loss(x, t)

    return Peer(build, peer.preset, peer.rtol)


SSIM_PEERS = {
    "pytorch_msssim": dissimilarity(function("pytorch_msssim.ssim", data_range=1.0)),
    "piqa": dissimilarity(module("piqa.SSIM")),
    "kornia": function("kornia.losses.ssim_loss", "kornia", window_size=11),
}

def golden_networks() -> Any:
    """Networks with the weights that our side has too."""
    sys.path.append(str(Path(__file__).resolve().parents[2] / "crates/cvloss/tests/golden"))
    return import_module("_networks")


IMAGENET_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
IMAGENET_DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def vgg16_relu4_3() -> Loss:
    """The mean square of the difference of features; the target's are not on the tape."""
    network = golden_networks().trunk("vgg16", torch.float32)[:23]

    def loss(x: Tensor, t: Tensor) -> Tensor:
        x, t = ((image - IMAGENET_MEAN) / IMAGENET_DEVIATION for image in (x, t))
        with torch.no_grad():
            other = network(t)
        return torch.nn.functional.mse_loss(network(x), other)

    return loss


def dists() -> Loss:
    """The authors' DISTS; its constructor would fetch weights."""
    torchvision_vgg16 = attribute("torchvision.models.vgg16")
    models = import_module("torchvision.models")
    models.vgg16 = lambda pretrained: torchvision_vgg16(weights=None)
    peer = attribute("DISTS_pytorch.DISTS")()
    models.vgg16 = torchvision_vgg16
    features = golden_networks().trunk("vgg16", torch.float32)
    for stage in (peer.stage1, peer.stage2, peer.stage3, peer.stage4, peer.stage5):
        for index, layer in list(stage.named_children()):
            if isinstance(layer, (torch.nn.Conv2d, torch.nn.ReLU)):
                setattr(stage, index, features[int(index)])
    peer = peer.eval().requires_grad_(False)
    return lambda x, t: peer(x, t, require_grad=True, batch_average=True)


def contextual() -> Loss:
    """Mechrez et al., equations 1 to 4 with cosine distances, of VGG19's relu3_4."""
    network = golden_networks().trunk("vgg19", torch.float32)[:18]

    def loss(x: Tensor, t: Tensor) -> Tensor:
        x, t = ((image - IMAGENET_MEAN) / IMAGENET_DEVIATION for image in (x, t))
        with torch.no_grad():
            y = network(t).flatten(2)
        x = network(x).flatten(2)
        centre = y.mean(2, keepdim=True)
        x, y = x - centre, y - centre
        cosine = torch.einsum("nci,ncj->nij", x, y)
        d = 1 - cosine / (x.norm(dim=1)[:, :, None] * y.norm(dim=1)[:, None, :])
        w = torch.exp((1 - d / (d.min(2, keepdim=True).values + 1e-5)) / 0.5)
        similarity = w / w.sum(2, keepdim=True)
        return -torch.log(similarity.max(1).values.mean(1) + 1e-5).mean()

    return loss


def lpips_peer(net: str, name: str) -> Peer:
    """The authors' LPIPS, its mean over images."""

    def build() -> Loss:
        peer = golden_networks().hashed_lpips(net, name, torch.float32)
        return lambda x, t: peer(x, t, normalize=True).mean()

    return Peer(build, rtol=1e-3)


SMP = "segmentation_models_pytorch.losses"
SMP_RTOL = 1e-3
"""Eager, smp's Dice and Tversky are off by 1e-4: torch sums the norm |p - t| plainly in f32."""
SMP_TVERSKY_RTOL = 2e-3
"""Of two million numbers, with one thread, its f32 is 1.2e-3 off what it gives in f64, which is ours."""
SEGMENTATION = (4, 21, 256, 256)
FOCAL = {"alpha": 0.25, "gamma": 2.0, "reduction": "mean"}
TVERSKY = {"alpha": 0.3, "beta": 0.7}

CASES = [
    Case(
        "focal_sigmoid",
        (2, 76725, 80),
        detections,
        {
            "torchvision": function("torchvision.ops.sigmoid_focal_loss", **FOCAL),
            "kornia": function("kornia.losses.binary_focal_loss_with_logits", **FOCAL),
        },
    ),
    Case(
        "cross_entropy",
        SEGMENTATION,
        segmentation,
        {"torch": function("torch.nn.functional.cross_entropy")},
    ),
    # Of a classifier: classes lie side by side.
    Case(
        "cross_entropy_rows",
        (4096, 1000),
        segmentation,
        {"torch": function("torch.nn.functional.cross_entropy")},
        small=(32, 1000),
    ),
    Case(
        "focal_softmax",
        SEGMENTATION,
        segmentation,
        {
            # kornia's mean divides by the number of classes as well.
            "kornia": per_point(function("kornia.losses.focal_loss", alpha=None, reduction="sum")),
            "smp": function(f"{SMP}._functional.softmax_focal_loss_with_logits"),
        },
    ),
    Case(
        "dice_multiclass",
        SEGMENTATION,
        segmentation,
        {
            "kornia": function("kornia.losses.dice_loss", "kornia", average="macro"),
            "smp": module(f"{SMP}.DiceLoss", "smp", SMP_RTOL, mode="multiclass"),
        },
    ),
    Case(
        "tversky_binary",
        (8, 1, 512, 512),
        binary_masks,
        {
            "smp": module(f"{SMP}.TverskyLoss", "smp", SMP_TVERSKY_RTOL, mode="binary", **TVERSKY),
            "monai": module("monai.losses.TverskyLoss", "monai", sigmoid=True, **TVERSKY),
        },
        small=(2, 1, 64, 64),
    ),
    Case("l1", MEGAPIXELS, photographs, {"torch": function(f"{TORCH}.l1_loss")}),
    Case("mse", MEGAPIXELS, photographs, {"torch": function(f"{TORCH}.mse_loss")}),
    Case("huber", MEGAPIXELS, photographs, {"torch": function(f"{TORCH}.huber_loss", delta=0.1)}),
    Case("charbonnier", MEGAPIXELS, photographs, {"torch formula": formula(charbonnier)}),
    Case(
        "cauchy",
        MEGAPIXELS,
        photographs,
        {"kornia": function("kornia.losses.cauchy_loss", reduction="mean")},
    ),
    Case("edge", IMAGES, photographs, {"kornia filter": formula(sobel)}),
    Case("total_variation", IMAGES, photographs, {"kornia": formula(variation)}),
    Case(
        "focal_frequency",
        IMAGES,
        photographs,
        {"authors' package": module("focal_frequency_loss.FocalFrequencyLoss", rtol=1e-3)},
    ),
    Case("fft_l1", IMAGES, photographs, {"torch formula": formula(fft_l1)}),
    Case("ssim", IMAGES, photographs, SSIM_PEERS, small=(1, 3, 64, 64)),
    Case("ssim_1080p", (1, 3, 1080, 1920), photographs, SSIM_PEERS, small=None),
    Case(
        "ssim_3d",
        (1, 1, 96, 96, 96),
        photographs,
        {"pytorch_msssim": dissimilarity(function("pytorch_msssim.ssim", data_range=1.0))},
        small=None,
    ),
    Case(
        "l1_ssim",
        IMAGES,
        photographs,
        {name: with_l1(SSIM_PEERS[name]) for name in ("pytorch_msssim", "piqa")},
        small=(1, 3, 64, 64),
    ),
    Case(
        "ms_ssim",
        IMAGES,
        photographs,
        {
            "pytorch_msssim": dissimilarity(function("pytorch_msssim.ms_ssim", data_range=1.0)),
            "piqa": dissimilarity(module("piqa.MS_SSIM")),
        },
        small=None,
    ),
    Case(
        "ms_ssim_l1",
        IMAGES,
        photographs,
        {"kornia": module("kornia.losses.MS_SSIMLoss")},
        small=None,
    ),
    Case(
        "dice_ce_3d",
        (1, 4, 96, 96, 96),
        segmentation_channel,
        {"monai": module("monai.losses.DiceCELoss", softmax=True, to_onehot_y=True)},
        small=(1, 2, 16, 16, 16),
    ),
    Case(
        "vgg16_relu4_3",
        (1, 3, 224, 224),
        photographs,
        {"torchvision": Peer(vgg16_relu4_3, rtol=1e-3)},
        small=None,
    ),
    Case(
        "lpips_vgg",
        (2, 3, 128, 128),
        photographs,
        {"lpips": lpips_peer("vgg", "vgg16")},
        small=None,
    ),
    Case(
        "lpips_alex",
        (4, 3, 256, 256),
        photographs,
        {"lpips": lpips_peer("alex", "alexnet")},
        small=(2, 3, 128, 128),
    ),
    Case(
        "lpips_squeeze",
        (4, 3, 256, 256),
        photographs,
        {"lpips": lpips_peer("squeeze", "squeezenet1_1")},
        small=None,
    ),
    Case(
        "dists",
        (2, 3, 128, 128),
        photographs,
        {"authors": Peer(dists, rtol=1e-3)},
        small=None,
    ),
    Case(
        "contextual",
        (2, 3, 128, 128),
        photographs,
        {"torch": Peer(contextual, rtol=1e-3)},
        small=None,
    ),
    *(
        Case(
            key,
            (200_000, 4),
            box_pairs,
            {"torchvision": function(f"torchvision.ops.{name}_box_iou_loss", reduction="mean")},
            small=(100, 4),
        )
        for key, name in (("giou", "generalized"), ("diou", "distance"), ("ciou", "complete"))
    ),
    Case(
        "lovasz_softmax",
        (2, 21, 256, 256),
        segmentation,
        {"smp": module(f"{SMP}.LovaszLoss", mode="multiclass", rtol=SMP_RTOL)},
    ),
    Case(
        "lovasz_hinge",
        (1, 1, 1024, 1024),
        segmentation,
        {
            "smp": module(f"{SMP}.LovaszLoss", mode="binary", rtol=SMP_RTOL),
            "kornia": function("kornia.losses.lovasz_hinge_loss"),
        },
        small=(1, 1, 64, 64),
    ),
    Case(
        "hausdorff",
        (1, 4, 96, 96, 96),
        balls,
        {
            "monai": Peer(
                module("monai.losses.HausdorffDTLoss", softmax=True, to_onehot_y=True).build,
                rtol=1e-3,
                compiles=False,
            )
        },
        small=(1, 2, 16, 16, 16),
    ),
    Case(
        "cl_dice",
        (4, 1, 512, 512),
        tubes,
        {"monai": Peer(monai_cl_dice)},
        small=(1, 1, 64, 64),
    ),
    Case(
        "cl_dice_3d",
        (1, 1, 96, 96, 96),
        tubes,
        {"monai": Peer(monai_cl_dice)},
        small=None,
    ),
    *(
        Case(
            key,
            shape,
            mask,
            {"scipy": Peer(edt, rtol=1e-12, compiles=False)},
            small=None,
            has_gradient=False,
        )
        for key, shape in (("edt_2d", (1, 1, 512, 512)), ("edt_3d", (1, 1, 128, 128, 128)))
    ),
    Case(
        "ohem",
        SEGMENTATION,
        segmentation,
        {"torch formula": formula(ohem)},
        small=None,
    ),
    Case(
        "poly_focal",
        (2, 76725, 80),
        detections,
        {"timm": module("timm.loss.PolyBinaryCrossEntropy", epsilon=2.0, gamma=2.0)},
    ),
    Case(
        "asymmetric",
        (2, 76725, 80),
        detections,
        {"timm": module("timm.loss.AsymmetricLossMultiLabel", reduction="mean")},
    ),
    Case("quality_focal", (2, 76725, 80), quality, {"torch formula": formula(quality_focal)}),
    Case("hinge", PATCHES, patch_logits, {"torch formula": formula(hinge)}, small=(64, 1)),
    Case("ragan", PATCHES, patch_logits, {"torch formula": formula(relativistic_average)}, small=(64, 1)),
]


@dataclass(frozen=True)
class Record:
    """One row of the table and one entry of the JSON file."""

    loss: str
    shape: list[int]
    threads: int
    ours_ms: float
    ours_tape_ms: float
    peer: str
    mode: str
    peer_ms: float
    ratio: float
    floor_ms: float
    peak_extra_bytes: int


class Native:
    """Our program, kept alive for one thread count."""

    def __init__(self, path: Path, threads: int) -> None:
        self.path, self.threads = path, threads
        self.process = subprocess.Popen(
            [path, str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": "the native program ended"}
        if "error" in answer:
            sys.exit(f"{request}: {answer['error']}")
        return answer

    def ask_anew(self, request: dict[str, Any]) -> dict[str, Any]:
        """Of a process whose threads keep no work memory yet."""
        fresh = Native(self.path, self.threads)
        answer = fresh.ask(request)
        fresh.quit()
        return answer

    def quit(self) -> None:
        self.process.communicate('{"quit":true}\n', timeout=10)


def native_program() -> Path:
    """Builds the native program and asks cargo where it is."""
    command = "cargo build --release -p cvloss --example native_timing --message-format=json"
    root = Path(__file__).resolve().parents[2]
    build = subprocess.run(command.split(), cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    for message in map(json.loads, build.stdout.splitlines()):
        if message.get("executable") and message["target"]["name"] == "native_timing":
            return Path(message["executable"])
    sys.exit("cargo built no native_timing")


def step(loss: Loss, x: Tensor, t: Tensor) -> float:
    """One value and gradient; returns the value. What is no loss gives an array."""
    if not isinstance(x, Tensor):
        return loss(x)
    x.grad = None
    value = loss(x, t)
    value.backward()
    return value.item()


def timed(loss: Loss, x: Tensor, t: Tensor, repeat: int) -> list[float]:
    """Milliseconds of each step."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        step(loss, x, t)
        times.append((time.perf_counter() - start) * 1e3)
    return times


def warm_up(loss: Loss, x: Tensor, t: Tensor) -> tuple[float, int]:
    """The value, and how many steps fill a block."""
    value = step(loss, x, t)  # compiles
    step(loss, x, t)
    seconds = timed(loss, x, t, 1)[0] / 1e3
    least = 3 if seconds < 1 else 1
    return float(np.sum(value)), max(least, min(200, math.ceil(BLOCK_SECONDS / seconds)))


def compare(
    key: str, case: Case, name: str, path: Path, native: Native, rounds: int
) -> list[Record]:
    """Our time and that of one peer, eager and compiled; the first step of a block is dropped."""
    data = load_file(path)
    x, t = data["input"].clone(), data["target"].clone()
    x = x.requires_grad_() if case.has_gradient else (x[0, 0] > 0.5).numpy()
    peer, threads = case.peers[name], torch.get_num_threads()
    eager = peer.build()
    modes = {"eager": eager}
    if peer.compiles:
        modes["compile"] = torch.compile(eager, dynamic=False)
    warm = {mode: warm_up(loss, x, t) for mode, loss in modes.items()}

    request: dict[str, Any] = {"loss": case.name, "data": str(path)}
    if peer.preset:
        request["preset"] = peer.preset
    answer = native.ask_anew(request | {"repeat": 1})
    peak_extra_bytes = answer["peak_extra_bytes"]
    for mode, (value, _) in warm.items():
        if not math.isclose(value, answer["value"], rel_tol=peer.rtol):
            sys.exit(f"{key}: {name} {mode} gives {value}, ours {answer['value']}")

    ours: dict[str, list[float]] = {"ours_ms": [], "ours_tape_ms": [], "floor_ms": []}
    theirs: dict[str, list[float]] = {mode: [] for mode in modes}
    repeat = max(count for _, count in warm.values())
    for _ in range(rounds):
        time.sleep(SETTLE_SECONDS)
        answer = native.ask(request | {"repeat": repeat + 1})
        for part, times in ours.items():
            times += answer[part][1:]
        for mode, loss in modes.items():
            time.sleep(SETTLE_SECONDS)
            theirs[mode] += timed(loss, x, t, warm[mode][1] + 1)[1:]

    medians = {part: median(times) for part, times in ours.items()}
    return [
        Record(
            loss=key,
            shape=list(x.shape),
            threads=threads,
            peer=name,
            mode=mode,
            peer_ms=median(times),
            ratio=median(times) / medians["ours_ms"],
            peak_extra_bytes=peak_extra_bytes,
            **medians,
        )
        for mode, times in theirs.items()
    ]


def print_table(records: list[Record]) -> None:
    """One line per record; a star marks the strongest peer of a key."""
    columns = "{:22} {:>17} {:>3} {:>17} {:>8} {:>9} {:>9} {:>9} {:>9} {:>7} {:>9}"
    head = ("loss", "shape", "thr", "peer", "mode", "peer ms", "ours ms", "tape ms", "floor ms")
    print(columns.format(*head, "ratio", "extra KiB"))
    for r in records:
        rivals = [o.peer_ms for o in records if (o.loss, o.threads) == (r.loss, r.threads)]
        print(
            columns.format(
                r.loss,
                "x".join(map(str, r.shape)),
                r.threads,
                r.peer + ("*" if r.peer_ms == min(rivals) else " "),
                r.mode,
                *(f"{ms:.3f}" for ms in (r.peer_ms, r.ours_ms, r.ours_tape_ms, r.floor_ms)),
                f"{r.ratio:.2f}",
                f"{r.peak_extra_bytes / 1024:.1f}",
            )
        )


PACKAGES = (
    "torch torchvision kornia segmentation_models_pytorch monai pytorch_msssim piqa lpips timm scipy "
    "focal_frequency_loss"
).split()


def versions() -> dict[str, str]:
    """Of the peers that are installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            pass
    return found


def machine() -> str:
    """The processor, its vectors, and how many cores there are."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":")[1].strip() for line in info if line.startswith("model name")]
    flags = next((line.split() for line in info if line.startswith("flags")), [])
    vectors = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "no AVX2"
    return f"{models[0]} with {vectors}, {len(models)} cores"


def save(path: Path, records: list[Record]) -> None:
    """Puts `records` in place of those of the same keys; all of a file are of one machine and the same versions."""
    made = {"machine": machine(), "versions": versions()}
    fresh = [asdict(record) for record in records]
    kept = []
    if path.exists():
        before = json.loads(path.read_text())
        if {part: before[part] for part in made} != made:
            sys.exit(f"{path} is of another machine or other versions: begin a new file")
        keys = {(row["loss"], row["threads"]) for row in fresh}
        kept = [row for row in before["records"] if (row["loss"], row["threads"]) not in keys]
    order = [key for case in CASES for key, _ in case.variants()]
    rows = sorted(kept + fresh, key=lambda row: (order.index(row["loss"]), row["threads"]))
    path.write_text(json.dumps(made | {"records": rows}, indent=1, ensure_ascii=False) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", help="keys or patterns, separated by commas")
    parser.add_argument("--threads", default="2", help="thread counts, separated by commas")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--native", type=Path, help="our program; built with cargo by default")
    parser.add_argument("--json", type=Path, help="enters the records in this file")
    parser.add_argument("--python", help="the interpreter that has the peers")
    args = parser.parse_args()

    patterns = [name for names in args.only or ["*"] for name in names.split(",")]
    chosen = [
        (key, shape, case)
        for case in CASES
        for key, shape in case.variants()
        if any(fnmatch(key, pattern) for pattern in patterns)
    ]
    if not chosen:
        parser.error(f"no key matches {patterns}")
    if (load := os.getloadavg()[0]) > 0.5:
        print(
            f"load average {load:.1f}: a busy core slows the peers' barriers most", file=sys.stderr
        )
    program = args.native.resolve() if args.native else native_program()

    records: list[Record] = []
    with tempfile.TemporaryDirectory() as folder:
        for key, shape, case in chosen:
            torch.manual_seed(0)
            save_file(case.make_data(shape), Path(folder, f"{key}.safetensors"))
        for threads in map(int, args.threads.split(",")):
            torch.set_num_threads(threads)
            torch._inductor.config.cpp.threads = threads  # compiled code fixes its thread count
            native = Native(program, threads)
            for key, _, case in chosen:
                torch.compiler.reset()
                path = Path(folder, f"{key}.safetensors")
                for name in case.peers:
                    records += compare(key, case, name, path, native, args.rounds)
                    print(f"{key}: {name} done", file=sys.stderr)
            native.quit()

    print_table(records)
    if args.json:
        save(args.json, records)


if __name__ == "__main__":
    main()
