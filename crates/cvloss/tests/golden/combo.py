"""Golden values of `ComboLoss`, from the paper's formula: no peer has it."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import logsigmoid

from _golden import BINARY, PLANE, VOLUME, Golden, own, smooth

g = Golden("combo")


def add(
    x: Tensor,
    t: Tensor,
    alpha: float = 0.5,
    beta: float = 0.5,
    s: tuple[float, float] = (1.0, 1.0),
    ignore_index: int | None = None,
) -> None:
    """alpha * weighted cross-entropy - (1 - alpha) * Dice, both over all points not ignored."""

    def combo(x: Tensor, t: Tensor) -> Tensor:
        if ignore_index is not None:
            x, t = x[t != ignore_index], t[t != ignore_index]
        t = t.double()
        entropy = -(beta * t * logsigmoid(x) + (1 - beta) * (1 - t) * logsigmoid(-x)).mean()
        p = x.sigmoid()
        dice = (2 * (p * t).sum() + s[0]) / (p.sum() + t.sum() + s[1])
        return alpha * entropy - (1 - alpha) * dice

    loss = {"alpha": alpha, "beta": beta, "smooth": smooth(*s)}
    if ignore_index is not None:
        loss["ignore_index"] = ignore_index
    entropy = "mean(-(beta t ln p + (1 - beta) (1 - t) ln(1 - p)))"
    formula = f"alpha {entropy} - (1 - alpha) (2I + n) / (P + T + d)"
    g.add(loss, own(formula, combo), x, t)


add(g.logits(*BINARY), g.hard(*BINARY))
add(g.logits(*BINARY), g.hard(*BINARY), alpha=0.3, beta=0.8)
add(g.logits(*BINARY), g.soft(*BINARY), alpha=0.7, beta=0.4)
add(g.logits(*BINARY), g.hard(*BINARY), s=(1e-5, 1e-5))
add(g.logits(*BINARY), g.hard(*BINARY), s=(0.0, 0.5))
add(g.logits(*BINARY), g.hard(*BINARY) * 0)
add(g.logits(*BINARY), g.hard(*BINARY), alpha=1.0, beta=0.2)
add(g.logits(*BINARY), g.hard(*BINARY), alpha=0.0)
add(g.logits(*BINARY), g.indices(2, *BINARY))
add(g.logits(*BINARY), g.ignoring(g.indices(2, *BINARY), 255), beta=0.7, ignore_index=255)
add(g.logits(*PLANE), g.hard(*PLANE), beta=0.6)
add(g.logits(*VOLUME), g.soft(*VOLUME))
add(g.logits(*BINARY, scale=4.0), g.hard(*BINARY))

g.write()
