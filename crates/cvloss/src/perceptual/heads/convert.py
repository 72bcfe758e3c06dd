"""Writes the learned weights of LPIPS and DISTS as safetensors, from the packages of their authors.

    python3 convert.py        # in an environment with lpips 0.1.4, DISTS-pytorch 0.1 and torch

The packages hold them in torch's old format. Nothing is trained or rounded here: the numbers are f32 as they are.
"""

from __future__ import annotations

import hashlib
import json
import struct
from importlib.util import find_spec
from pathlib import Path

import torch

HERE = Path(__file__).parent
LPIPS = {"alex": "df73285e", "vgg": "a78928a0", "squeeze": "4a5350f2"}
DISTS = "f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218"
DISTS_CHANNELS = (3, 64, 128, 256, 512, 512)
SUMS: list[str] = []


def folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec and spec.origin, package
    return Path(spec.origin).parent


def load(path: Path, digest: str) -> dict[str, torch.Tensor]:
    """The tensors of a file, whose SHA-256 begins with `digest`."""
    assert hashlib.sha256(path.read_bytes()).hexdigest().startswith(digest), path
    return torch.load(path, map_location="cpu", weights_only=True)


def write(name: str, credit: str, tensors: dict[str, torch.Tensor]) -> None:
    """A safetensors file whose bytes depend on its contents alone."""
    header: dict[str, object] = {"__metadata__": {"source": credit}}
    body = b""
    for key in sorted(tensors):
        data = tensors[key].to(torch.float32).contiguous().numpy().tobytes()
        offsets = [len(body), len(body) + len(data)]
        header[key] = {"dtype": "F32", "shape": list(tensors[key].shape), "data_offsets": offsets}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    content = struct.pack("<Q", len(text)) + text + body
    (HERE / f"{name}.safetensors").write_bytes(content)
    SUMS.append(f"{hashlib.sha256(content).hexdigest()}  {name}.safetensors\n")


def main() -> None:
    for net, digest in LPIPS.items():
        heads = load(folder("lpips") / "weights" / "v0.1" / f"{net}.pth", digest)
        tensors = {key.replace(".model.1", ""): head.flatten() for key, head in heads.items()}
        write(f"lpips_{net}", "lpips 0.1.4, weights v0.1, BSD-2-Clause", tensors)
    weights = load(folder("DISTS_pytorch") / "weights.pt", DISTS)
    tensors = {}
    for name in ("alpha", "beta"):
        parts = weights[name].flatten().split(DISTS_CHANNELS)
        tensors |= {f"{name}{stage}": part for stage, part in enumerate(parts)}
    write("dists", "DISTS-pytorch 0.1, MIT", tensors)
    (HERE / "SHA256SUMS").write_text("".join(SUMS))


main()
