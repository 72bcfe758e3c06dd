"""Golden values of `DiceFocalLoss`.

With sigmoids MONAI's. MONAI's focal term is the sigmoid one under `softmax=True` too, so that the softmax cases are
MONAI's Dice plus kornia's softmax focal loss, divided by the number of pixels.
"""

from __future__ import annotations

from typing import Any

from kornia.losses import focal_loss
from monai.losses import DiceFocalLoss, DiceLoss
from torch import Tensor

from _golden import BINARY, F32_PEER, PLANE, VOLUME, Golden, module, own, smooth

g = Golden("dice_focal")
MONAI = {"smooth": smooth(1e-5, 1e-5)}
SIGMOID = {"region": {**MONAI, "activation": "Sigmoid"}}


def softmax(
    loss: dict[str, Any],
    form: dict[str, Any],
    region: dict[str, Any],
    shape: tuple[int, ...] = PLANE,
    **options: Any,
) -> None:
    """A case with softmax over the classes of an index target."""
    dice = DiceLoss(softmax=True, to_onehot_y=True, **options)

    def run(x: Tensor, t: Tensor) -> Tensor:
        labels = t[:, 0]
        focal = focal_loss(
            x, labels, loss.get("alpha"), loss.get("gamma", 2.0), reduction="sum"
        )
        overlap = loss.get("lambda_dice", 1.0) * dice(x, t)
        return overlap + loss.get("lambda_focal", 1.0) * focal / labels.numel()

    words = f"monai DiceLoss({options}) + kornia focal_loss(sum) / pixels, as {loss}"
    classes = list(range(shape[1]))
    g.add(
        {"dice": {**form, "region": {**MONAI, **region}}, **loss},
        own(words, run),
        g.logits(*shape),
        g.labels((shape[0], 1, *shape[2:]), [classes] * shape[0]),
        rtol=F32_PEER,
    )


def sigmoid(loss: dict[str, Any], shape: tuple[int, ...], **options: Any) -> None:
    """A case with sigmoid per channel."""
    peer = module(DiceFocalLoss, sigmoid=True, **options)
    g.add({"dice": SIGMOID, **loss}, peer, g.logits(*shape), g.hard(*shape), rtol=F32_PEER)


softmax({}, {}, {})
softmax({"gamma": 1.5}, {}, {})
softmax({"gamma": 0.5}, {}, {})
softmax({"alpha": 0.7}, {}, {})
softmax({"lambda_dice": 0.5, "lambda_focal": 2.0}, {}, {})
softmax({"lambda_dice": 0.0}, {}, {})
softmax({"lambda_focal": 0.0}, {}, {})
softmax({}, {"form": "Squared"}, {"pooling": "Batch"}, squared_pred=True, batch=True)
softmax({}, {}, {"smooth": smooth(0.0, 1.0)}, smooth_nr=0.0, smooth_dr=1.0)
softmax({}, {}, {}, VOLUME)

sigmoid({}, BINARY)
sigmoid({"gamma": 3.0, "alpha": 0.25}, BINARY, gamma=3.0, alpha=0.25)
sigmoid({"lambda_dice": 2.0, "lambda_focal": 0.5}, BINARY, lambda_dice=2.0, lambda_focal=0.5)
sigmoid({}, PLANE)
sigmoid({"gamma": 1.0}, PLANE, gamma=1.0)

g.write()
