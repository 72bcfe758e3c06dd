"""Golden values of `DiceCeLoss`: MONAI."""

from __future__ import annotations

from typing import Any

from monai.losses import DiceCELoss
from torch import Tensor

from _golden import BINARY, F32_PARTS, PLANE, VOLUME, Golden, f64, module, one_hot, smooth

g = Golden("dice_ce")
ALL = [[0, 1, 2], [0, 1, 2]]
ABSENT = [[0, 1], [2]]
WEIGHTS = [0.5, 1.0, 3.0]
MONAI = {"smooth": smooth(1e-5, 1e-5)}


def monai(
    loss: dict[str, Any], form: dict[str, Any], region: dict[str, Any], **options: Any
) -> None:
    """A case of MONAI with softmax over the classes of an index target."""
    peer = module(DiceCELoss, softmax=True, to_onehot_y=True, **options)
    loss = {"dice": {**form, "region": {**MONAI, **region}}, **loss}
    rtol = F32_PARTS if "squared_pred" in options else 1e-9
    g.add(
        loss, peer, g.logits(*PLANE), g.labels((2, 1, 5, 7), ABSENT if options else ALL), rtol=rtol
    )


monai({}, {}, {})
monai({"lambda_dice": 0.5, "lambda_ce": 2.0}, {}, {}, lambda_dice=0.5, lambda_ce=2.0)
monai({"lambda_ce": 0.0}, {}, {}, lambda_ce=0.0)
monai({"lambda_dice": 0.0}, {}, {}, lambda_dice=0.0)
monai({"label_smoothing": 0.1}, {}, {}, label_smoothing=0.1)
monai({}, {}, {"classes": "Foreground"}, include_background=False)
monai({}, {"form": "Squared"}, {"pooling": "Batch"}, squared_pred=True, batch=True)
monai({}, {}, {"smooth": smooth(0.0, 1.0)}, smooth_nr=0.0, smooth_dr=1.0)
# MONAI's weight is the class weight of both terms.
weighted = {"class_weights": WEIGHTS}
monai(weighted, {}, weighted, weight=f64(*WEIGHTS))
monai({**weighted, "label_smoothing": 0.1}, {}, weighted, weight=f64(*WEIGHTS), label_smoothing=0.1)
monai(
    weighted,
    {},
    {**weighted, "classes": "Foreground"},
    weight=f64(*WEIGHTS),
    include_background=False,
)

peer = module(DiceCELoss, softmax=True, to_onehot_y=True)
g.add(
    {"dice": {"region": MONAI}}, peer, g.logits(*VOLUME), g.labels((1, 1, 3, 4, 5), [[0, 1, 2, 3]])
)


def one_hot_labels() -> Tensor:
    return one_hot(g.labels((2, 5, 7), ALL), 3)


peer = module(DiceCELoss, softmax=True)
g.add({"dice": {"region": MONAI}}, peer, g.logits(*PLANE), one_hot_labels())
g.add({"dice": {"region": MONAI}}, peer, g.logits(*PLANE), g.distributions(*PLANE))
peer = module(DiceCELoss, softmax=True, label_smoothing=0.2)
g.add(
    {"dice": {"region": MONAI}, "label_smoothing": 0.2},
    peer,
    g.logits(*PLANE),
    g.distributions(*PLANE),
)

# One channel: binary cross-entropy, whose weight is pos_weight; it leaves the Dice term alone.
sigmoid = {"region": {**MONAI, "activation": "Sigmoid"}}
g.add({"dice": sigmoid}, module(DiceCELoss, sigmoid=True), g.logits(*BINARY), g.hard(*BINARY))
peer = module(DiceCELoss, sigmoid=True, weight=f64(2.5))
g.add({"dice": sigmoid, "class_weights": [2.5]}, peer, g.logits(*BINARY), g.hard(*BINARY))
peer = module(DiceCELoss, sigmoid=True, lambda_dice=2.0, lambda_ce=0.5, batch=True)
loss = {
    "dice": {"region": {**sigmoid["region"], "pooling": "Batch"}},
    "lambda_dice": 2.0,
    "lambda_ce": 0.5,
}
g.add(loss, peer, g.logits(*BINARY), g.hard(*BINARY))
g.add({"dice": sigmoid}, module(DiceCELoss, sigmoid=True), g.logits(*BINARY), g.soft(*BINARY))

g.write()
