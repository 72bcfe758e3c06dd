"""Golden values of `DiscriminatorLoss`, from formulas in torch: input real logits, target fake ones."""

from __future__ import annotations

import torch

from _games import games
from _golden import BINARY, Golden, own

g = Golden("discriminator")
for loss, sides, form, labels in games():
    side, _ = sides(form, labels)
    words = f"{sides.__name__} discriminator of {form}, labels {labels}"
    r, f = g.logits(*BINARY), g.logits(*BINARY)
    g.add(loss, own(f"{words}, mean", lambda r, f, s=side: s(r, f).mean()), r, f, both=True)
    r, f = g.logits(9, 1), g.logits(9, 1)
    peer = own(f"{words}, sum", lambda r, f, s=side: s(r, f).sum())
    g.add(loss | {"reduction": "Sum"}, peer, r, f, both=True)
    r, f, w = g.logits(*BINARY), g.logits(*BINARY), g.weights(*BINARY)
    peer = own(f"{words}, times weight, mean", lambda r, f, w, s=side: (s(r, f) * w).mean())
    g.add(loss, peer, r, f, w, both=True)
    if loss["pairing"] != "Average":
        r, f = g.logits(*BINARY), g.logits(*BINARY)
        g.add(loss | {"reduction": "None"}, own(words, lambda r, f, s=side: s(r, f)), r, f, both=True)
    r = torch.tensor([1e4, -1e4, 1e4, -1e4, 300.0]).double()
    f = torch.tensor([1e4, -1e4, -1e4, 1e4, -300.0]).double()
    g.add(loss, own(f"{words}, mean", lambda r, f, s=side: s(r, f).mean()), r, f, both=True)
g.write()
