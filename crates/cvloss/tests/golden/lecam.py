"""Golden values of `LecamLoss`: StudioGAN's `lecam_reg` and the paper's equation, in torch."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import relu

from _golden import BINARY, Golden, own

g = Golden("lecam")
REAL, FAKE = 0.75, -0.5


def rectified(r: Tensor, f: Tensor) -> Tensor:
    return relu(r - FAKE) ** 2 + relu(REAL - f) ** 2


def squared(r: Tensor, f: Tensor) -> Tensor:
    return (r - FAKE) ** 2 + (f - REAL) ** 2


for form, run in (("Rectified", rectified), ("Squared", squared)):
    loss = {"real_mean": REAL, "fake_mean": FAKE, "form": form}
    words = f"{run.__name__}(r, f), means {REAL} and {FAKE}"
    r, f, w = g.logits(*BINARY), g.logits(*BINARY), g.weights(*BINARY)
    g.add(loss, own(f"{words}, mean", lambda r, f, s=run: s(r, f).mean()), r, f, both=True)
    g.add(loss | {"reduction": "Sum"}, own(f"{words}, sum", lambda r, f, s=run: s(r, f).sum()), r, f, both=True)
    g.add(loss | {"reduction": "None"}, own(words, run), r, f, both=True)
    g.add(loss, own(f"{words}, times weight, mean", lambda r, f, w, s=run: (s(r, f) * w).mean()), r, f, w, both=True)
g.write()
