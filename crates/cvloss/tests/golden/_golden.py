"""What the golden scripts share: seeded inputs, autograd, and the file format.

A script draws its inputs from a `Golden`, hands them to a peer, and writes `NAME.safetensors`.
Each case is drawn from its own seed, so adding a case at the end leaves the others as they are.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

PLANE = (2, 3, 5, 7)
VOLUME = (1, 4, 3, 4, 5)
BINARY = (2, 1, 6, 5)
ROWS = (7, 5)

F32_PEER = 1e-5
"""Tolerance of peers that compute in f32 whatever the input is."""

F32_PARTS = 1e-6
"""Tolerance of peers that compute in f64 but round volumes or class weights to f32."""


@dataclass(frozen=True)
class Peer:
    """A reference implementation, and the words that repeat it."""

    package: str
    call: str
    run: Callable[..., Tensor]

    def then(self, words: str, step: Callable[[Tensor], Tensor]) -> Peer:
        """The same call followed by `step`."""
        call = f"{self.call}, then {words}"
        return Peer(self.package, call, lambda *tensors: step(self.run(*tensors)))

    def weighted(self) -> Peer:
        """The same call, the weight being its third argument."""
        return self.given("input, target, weight", lambda *tensors: tensors)

    def given(self, words: str, adapt: Callable[..., tuple[Tensor, ...]]) -> Peer:
        """The same call with the case's tensors adapted to the peer's arguments."""
        call = self.call.replace("input, target", words)
        return Peer(self.package, call, lambda *tensors: self.run(*adapt(*tensors)))


def function(call: Callable[..., Tensor], /, **options: Any) -> Peer:
    """The peer `call(input, target[, weight], **options)`."""
    words = f"{call.__name__}(input, target)"
    if options:
        words = words[:-1] + f", {_words(options)})"
    return Peer(_package(call), words, lambda *tensors: call(*tensors, **options))


def module(loss: type, /, **options: Any) -> Peer:
    """The peer `loss(**options)(input, target[, weight])`."""
    words = f"{loss.__name__}({_words(options)})(input, target)"
    return Peer(_package(loss), words, lambda *tensors: loss(**options)(*tensors))


def own(formula: str, run: Callable[..., Tensor]) -> Peer:
    """A formula written out here in f64, because no peer has it."""
    return Peer("own f64 formula", formula, run)


@dataclass
class Golden:
    """The cases of one loss."""

    name: str
    cases: dict[str, str] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        torch.set_num_threads(1)  # the order of torch's sums, and so the last bit, depends on it
        self._reseed()

    def add(
        self,
        loss: dict[str, Any],
        peer: Peer,
        input: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        rtol: float = 1e-9,
        both: bool = False,
        f32: float | None = None,
    ) -> None:
        """Records the peer's value, and the gradient of its sum with respect to `input`, and to `target` if `both`."""
        leaf = input.detach().clone().requires_grad_()
        other = target.detach().clone().requires_grad_() if both else target
        value = peer.run(leaf, other) if weight is None else peer.run(leaf, other, weight)
        key = f"{len(self.cases):03}"
        tensors = {"input": input, "target": target, "weight": weight, "value": value}
        if both:
            tensors["grad"], tensors["target_grad"] = torch.autograd.grad(
                value.sum(), (leaf, other), materialize_grads=True
            )
        else:
            (tensors["grad"],) = torch.autograd.grad(value.sum(), leaf)
        for part, tensor in tensors.items():
            if tensor is not None:
                dtype = torch.float64 if tensor.is_floating_point() else torch.int64
                self.tensors[f"{key}.{part}"] = tensor.detach().to(dtype).contiguous()
        assert all(bool(torch.isfinite(t).all()) for t in tensors.values() if t is not None), peer.call
        case = {"call": peer.call, "peer": peer.package, "rtol": rtol, "loss": loss}
        if f32:
            case["f32"] = f32
        self.cases[key] = json.dumps(case)
        self._reseed()

    def write(self) -> None:
        """Writes the safetensors file by hand: the library orders its metadata by a random hash."""
        header: dict[str, Any] = {"__metadata__": self.cases}
        body = b""
        for key, tensor in self.tensors.items():
            data = tensor.numpy().tobytes()
            dtype = "F64" if tensor.is_floating_point() else "I64"
            offsets = [len(body), len(body) + len(data)]
            header[key] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": offsets}
            body += data
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        path = Path(__file__).with_name(f"{self.name}.safetensors")
        path.write_bytes(struct.pack("<Q", len(text)) + text + body)
        print(f"{path.name}: {len(self.cases)} cases, {path.stat().st_size} bytes")

    # Inputs. All are exact in bf16, so that every float type can be tested from the same file.

    def logits(self, *shape: int, scale: float = 2.0) -> Tensor:
        """Odd multiples of 1/32, so that no probability equals a soft target."""
        normal = torch.randn(shape, generator=self.rng, dtype=torch.float64) * scale
        return (torch.floor(normal.clamp(-7.9, 7.9) * 16) * 2 + 1) / 32

    def distinct(self, *shape: int) -> Tensor:
        """At most 128 logits of different sizes, for losses whose gradient depends on an order."""
        count = torch.Size(shape).numel()
        sizes = (torch.randperm(128, generator=self.rng)[:count].double() * 2 + 1) / 64
        signs = torch.randint(0, 2, (count,), generator=self.rng) * 2 - 1
        return (sizes * signs).reshape(shape)

    def probabilities(self, *shape: int) -> Tensor:
        """Odd multiples of 1/64 in (0, 1)."""
        return (torch.randint(0, 32, shape, generator=self.rng).double() * 2 + 1) / 64

    def labels(self, shape: Sequence[int], present: Sequence[Sequence[int]]) -> Tensor:
        """Class indices; image `n` holds all the classes in `present[n]` and no other."""
        points = torch.Size(shape[1:]).numel()
        rows = []
        for classes in present:
            drawn = torch.randint(0, len(classes), (points,), generator=self.rng)
            drawn[: len(classes)] = torch.arange(len(classes))
            shuffle = torch.randperm(points, generator=self.rng)
            rows.append(torch.tensor(classes)[drawn][shuffle].reshape(*shape[1:]))
        return torch.stack(rows)

    def indices(self, classes: int, *shape: int) -> Tensor:
        """Class indices drawn uniformly."""
        return torch.randint(0, classes, shape, generator=self.rng)

    def hard(self, *shape: int) -> Tensor:
        """Targets in {0, 1}, one in three positive."""
        return (torch.rand(shape, generator=self.rng) < 1 / 3).double()

    def soft(self, *shape: int) -> Tensor:
        """Multiples of 1/16 in [0, 1]."""
        return torch.randint(0, 17, shape, generator=self.rng).double() / 16

    def distributions(self, n: int, classes: int, *space: int) -> Tensor:
        """Soft labels: multiples of 1/16 that sum to one over axis 1."""
        votes = torch.randint(0, classes, (n, 16, *space), generator=self.rng)
        return one_hot(votes, classes).sum(2) / 16

    def weights(self, *shape: int) -> Tensor:
        """Multiples of 1/8 in [1/8, 2]."""
        return torch.randint(1, 17, shape, generator=self.rng).double() / 8

    def mask(self, *shape: int) -> Tensor:
        """Zeros and ones, three in four one."""
        return (torch.rand(shape, generator=self.rng) < 0.75).double()

    def ignoring(self, target: Tensor, value: int) -> Tensor:
        """`target` with about one point in five replaced by `value`."""
        hit = torch.rand(target.shape, generator=self.rng) < 0.2
        return target.masked_fill(hit, value)

    def _reseed(self) -> None:
        seed = zlib.crc32(f"{self.name} {len(self.cases)}".encode())
        self.rng = torch.Generator().manual_seed(seed)


def one_hot(indices: Tensor, classes: int) -> Tensor:
    """`(N, *)` indices as `(N, C, *)` zeros and ones in f64."""
    return torch.nn.functional.one_hot(indices, classes).movedim(-1, 1).double()


def smooth(numerator: float, denominator: float, floor: float = 0.0) -> dict[str, float]:
    """A `Smooth`; always written out, as the defaults differ between the losses."""
    return {"numerator": numerator, "denominator": denominator, "floor": floor}


def f64(*values: float) -> Tensor:
    """A vector in f64."""
    return torch.tensor(values, dtype=torch.float64)


def per_channel(*values: float) -> Tensor:
    """Values along axis 1 of an `(N, C, H, W)` tensor."""
    return f64(*values).view(-1, 1, 1)


def _words(options: dict[str, Any]) -> str:
    def word(value: Any) -> str:
        return f"tensor({value.flatten().tolist()})" if isinstance(value, Tensor) else repr(value)

    return ", ".join(f"{key}={word(value)}" for key, value in options.items())


def _package(peer: Any) -> str:
    name = peer.__module__.split(".")[0]
    return f"{name} {version(name.replace('_', '-'))}".split("+")[0]
