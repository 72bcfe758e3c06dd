"""Writes small files in the formats of `torch.save`, for the test of the converter. Needs torch (made with 2.15.0)."""

from collections import OrderedDict
from pathlib import Path

import torch

HERE = Path(__file__).parent
weight = torch.arange(12, dtype=torch.float32).reshape(2, 3, 1, 2) / 8
# Two tensors of one storage, the second with an offset.
shared = torch.arange(6, dtype=torch.float64)
state = OrderedDict(
    [
        ("features.0.weight", weight),
        ("features.0.bias", torch.nn.Parameter(torch.tensor([0.5, -2.0]))),
        ("first", shared[:2]),
        ("second", shared[2:]),
        ("half", torch.tensor([1.5], dtype=torch.float16)),
        ("count", torch.tensor([7, 8])),
    ]
)
# What state_dict() adds.
state._metadata = OrderedDict([("", {"version": 1})])


class First:
    """A tensor as torch 0.1 pickled it."""

    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce__(self):
        t = self.tensor
        return torch._utils._rebuild_tensor, (t.storage(), t.storage_offset(), tuple(t.size()), t.stride())


torch.save(state, HERE / "zip.pth")
torch.save(state, HERE / "legacy.pth", _use_new_zipfile_serialization=False)
first = OrderedDict((name, First(value.detach())) for name, value in state.items())
torch.save(first, HERE / "first.pth", _use_new_zipfile_serialization=False)
