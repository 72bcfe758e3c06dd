"""Golden values of `FocalTverskyLoss`: smp raises the class mean to gamma, the paper each class."""

from __future__ import annotations

from typing import Any

from segmentation_models_pytorch.losses import TverskyLoss as Smp
from torch import Tensor

from _golden import BINARY, PLANE, VOLUME, Golden, module, one_hot, own, smooth

g = Golden("focal_tversky")
ALL = [[0, 1, 2], [0, 1, 2]]
ABSENT = [[0, 1], [1]]
WEIGHTS = [0.5, 1.0, 3.0]
SMP = {
    "smooth": smooth(0.0, 0.0, 1e-7),
    "pooling": "Batch",
    "absent": "Zero",
    "class_average": "Weights",
}
OWN = {"smooth": smooth(1e-5, 1e-5)}


def points(present: list[list[int]] = ALL) -> Tensor:
    return g.labels((2, 5, 7), present)


def smp(
    target: Tensor,
    region: dict[str, Any],
    gamma: float = 0.75,
    shape: tuple[int, ...] = PLANE,
    **options: Any,
) -> None:
    """A case of smp with alpha 0.3 and beta 0.7."""
    peer = module(Smp, **{"mode": "multiclass", **options}, alpha=0.3, beta=0.7, gamma=gamma)
    loss = {"gamma": gamma, "power": "AfterMean", "region": {**SMP, **region}}
    g.add(loss, peer, g.logits(*shape), target)


for gamma in (0.5, 0.75, 1.0, 4 / 3, 2.0):
    smp(points(), {}, gamma)
smp(points(ABSENT), {})
smp(points(ABSENT), {"smooth": smooth(1.0, 1.0, 1e-7)}, smooth=1.0)
smp(points(), {"classes": {"Listed": [1, 2]}}, classes=[1, 2])
smp(points(ABSENT), {"class_weights": WEIGHTS}, class_weights=WEIGHTS)
smp(g.ignoring(points(), 255), {"ignore_index": 255}, 4 / 3, ignore_index=255)
SIGMOID = {"activation": "Sigmoid"}
smp(g.hard(*BINARY), SIGMOID, shape=BINARY, mode="binary")
smp(
    g.ignoring(g.indices(2, 2, 6, 5), 255),
    {**SIGMOID, "ignore_index": 255},
    shape=BINARY,
    mode="binary",
    ignore_index=255,
)
smp(g.hard(*PLANE), SIGMOID, mode="multilabel")
smp(g.soft(*PLANE), {**SIGMOID, "intersection": "Minimum"}, 2.0, mode="multilabel")


def misses(
    x: Tensor, t: Tensor, dims: tuple[int, ...] = (2, 3), alpha: float = 0.3, beta: float = 0.7
) -> Tensor:
    """1 - Tversky per class, with 1e-5 on both sides."""
    p, t = x.softmax(1), one_hot(t, x.shape[1])
    i, fp, fn = ((a * b).sum(dims) for a, b in ((p, t), (p, 1 - t), (1 - p, t)))
    return 1 - (i + 1e-5) / (i + alpha * fp + beta * fn + 1e-5)


for gamma in (0.75, 1.0, 4 / 3):
    peer = own(
        f"mean of (1 - tversky)^{gamma:.4} over images and classes",
        lambda x, t, n=gamma: misses(x, t).pow(n).mean(),
    )
    g.add({"gamma": gamma, "region": OWN}, peer, g.logits(*PLANE), points(ABSENT))
peer = own(
    "the same with alpha 0.6, beta 0.4",
    lambda x, t: misses(x, t, alpha=0.6, beta=0.4).pow(0.75).mean(),
)
g.add({"alpha": 0.6, "beta": 0.4, "region": OWN}, peer, g.logits(*PLANE), points())
peer = own("the same over the pooled batch", lambda x, t: misses(x, t, (0, 2, 3)).pow(0.75).mean())
g.add({"region": {**OWN, "pooling": "Batch"}}, peer, g.logits(*PLANE), points(ABSENT))
peer = own("mean over the classes per image", lambda x, t: misses(x, t).pow(0.75).mean(1))
g.add({"region": {**OWN, "reduction": "None"}}, peer, g.logits(*PLANE), points())
peer = own("mean over classes 1 and up", lambda x, t: misses(x, t)[:, 1:].pow(0.75).mean())
g.add({"region": {**OWN, "classes": "Foreground"}}, peer, g.logits(*PLANE), points())
peer = own(
    "mean over the classes of a volume", lambda x, t: misses(x, t, (2, 3, 4)).pow(0.75).mean()
)
g.add({"region": OWN}, peer, g.logits(*VOLUME), g.labels((1, 3, 4, 5), [[0, 1, 2, 3]]))
peer = own(
    "mean over images of (mean over classes)^0.75",
    lambda x, t: misses(x, t).mean(1).pow(0.75).mean(),
)
g.add({"power": "AfterMean", "region": OWN}, peer, g.logits(*PLANE), points(ABSENT))


def present(x: Tensor, t: Tensor, absent: str) -> Tensor:
    has = one_hot(t, 3).sum((2, 3)) > 0
    count = has.sum(1) if absent == "Skip" else 3
    return ((misses(x, t).pow(0.75) * has).sum(1) / count).mean()


for absent, count in (("Skip", "their number"), ("Zero", "C")):
    peer = own(
        f"(1 - tversky)^0.75 summed over the present classes, / {count}, mean over images",
        lambda x, t, absent=absent: present(x, t, absent),
    )
    g.add({"region": {**OWN, "absent": absent}}, peer, g.logits(*PLANE), points(ABSENT))

g.write()
