"""Golden values of `GeneratorLoss`, from formulas in torch: input fake logits, target real ones."""

from __future__ import annotations

import torch

from _games import games
from _golden import BINARY, Golden, own

g = Golden("generator")
for loss, sides, form, labels in games():
    _, side = sides(form, labels)
    words = f"{sides.__name__} generator of {form}, labels {labels}"
    r, f = g.logits(*BINARY), g.logits(*BINARY)
    g.add(loss, own(f"{words}, mean", lambda f, r, s=side: s(r, f).mean()), f, r, both=True)
    r, f = g.logits(9, 1), g.logits(9, 1)
    peer = own(f"{words}, sum", lambda f, r, s=side: s(r, f).sum())
    g.add(loss | {"reduction": "Sum"}, peer, f, r, both=True)
    r, f, w = g.logits(*BINARY), g.logits(*BINARY), g.weights(*BINARY)
    peer = own(f"{words}, times weight, mean", lambda f, r, w, s=side: (s(r, f) * w).mean())
    g.add(loss, peer, f, r, w, both=True)
    if loss["pairing"] != "Average":
        r, f = g.logits(*BINARY), g.logits(*BINARY)
        g.add(loss | {"reduction": "None"}, own(words, lambda f, r, s=side: s(r, f)), f, r, both=True)
    r = torch.tensor([1e4, -1e4, 1e4, -1e4, 300.0]).double()
    f = torch.tensor([1e4, -1e4, -1e4, 1e4, -300.0]).double()
    g.add(loss, own(f"{words}, mean", lambda f, r, s=side: s(r, f).mean()), f, r, both=True)
g.write()
