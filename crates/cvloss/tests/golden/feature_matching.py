"""Golden values of `FeatureMatchingLoss`: input fake features, target real ones."""

from __future__ import annotations

import torch
from torch.nn.functional import l1_loss, mse_loss

from _golden import PLANE, ROWS, VOLUME, Golden, function, own

g = Golden("feature_matching")
for distance, call in (("Absolute", l1_loss), ("Squared", mse_loss)):
    for shape in (PLANE, ROWS, VOLUME):
        f, r = g.logits(*shape), g.logits(*shape)
        loss = {"distance": distance}
        for name, reduction in (("Mean", "mean"), ("Sum", "sum"), ("None", "none")):
            g.add(loss | {"reduction": name}, function(call, reduction=reduction), f, r, both=True)
        loss |= {"pooling": "BatchMeans"}
        for name, reduction in (("Mean", "mean"), ("Sum", "sum")):
            peer = own(
                f"{call.__name__} of means over the batch, {reduction} (StudioGAN)",
                lambda f, r, c=call, how=reduction: c(f.mean(0), r.mean(0), reduction=how),
            )
            g.add(loss | {"reduction": name}, peer, f, r, both=True)
    f, r, w = g.logits(*PLANE), g.logits(*PLANE), g.weights(2, 5, 7)
    peer = own(
        f"{call.__name__} none, times weight, mean",
        lambda f, r, w, c=call: (c(f, r, reduction="none") * w.unsqueeze(1)).mean(),
    )
    g.add({"distance": distance}, peer, f, r, w, both=True)
    peer = own(
        f"{call.__name__} of means over the batch of weight times features",
        lambda f, r, w, c=call: c((f * w[:, None]).mean(0), (r * w[:, None]).mean(0)),
    )
    g.add({"distance": distance, "pooling": "BatchMeans"}, peer, f, r, w, both=True)
g.write()
