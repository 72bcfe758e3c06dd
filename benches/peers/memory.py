"""How much memory a loss of a frozen network takes, its weights included: cvloss and torch eager.

Each side is a fresh process on the same images, with two threads. Ours grows from before it has the
loss, so that its weights and all that it makes of them count, to the peak of its first value and
gradient. Torch gets its own libraries and buffers for free: its network is built, and one step on
small images is done, before the growth of a step on the large ones is measured; the bytes of its
parameters are added. Both are what Linux counts as resident.

    python benches/peers/memory.py --native target/release/examples/native_timing
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from compare import CASES, Native, native_program, step
from safetensors.torch import load_file, save_file

KEYS = ("vgg16_relu4_3", "lpips_vgg", "lpips_alex", "lpips_squeeze", "dists", "contextual")


def status(name: str) -> int:
    """KiB that Linux counts for this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def parameters(loss: object, seen: set[int]) -> int:
    """Bytes of the parameters of modules that a function holds."""
    if isinstance(loss, torch.nn.Module):
        return sum(p.numel() * p.element_size() for p in loss.parameters() if id(p) not in seen and not seen.add(id(p)))
    return sum(parameters(cell.cell_contents, seen) for cell in getattr(loss, "__closure__", None) or ())


def torch_side(key: str, path: str) -> None:
    torch.set_num_threads(2)
    case = next(case for case in CASES if case.name == key)
    (peer,) = case.peers.values()
    loss = peer.build()
    data = load_file(path)
    x, t = data["input"].clone().requires_grad_(), data["target"].clone()
    step(loss, x.detach()[..., :64, :64].contiguous().requires_grad_(), t[..., :64, :64].contiguous())
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS:")
    value = step(loss, x, t)
    grown = status("VmHWM:") - before
    print(json.dumps({"grown_kib": grown + parameters(loss, set()) // 1024, "value": value}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--native", type=Path, help="our program; built with cargo by default")
    parser.add_argument("--torch", nargs=2, metavar=("KEY", "DATA"), help="measures torch in this process")
    args = parser.parse_args()
    if args.torch:
        torch_side(*args.torch)
        return
    program = args.native.resolve() if args.native else native_program()
    print(f"{'loss':16} {'shape':>14} {'ours MiB':>9} {'torch MiB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for key in KEYS:
            case = next(case for case in CASES if case.name == key)
            torch.manual_seed(0)
            path = Path(folder, f"{key}.safetensors")
            save_file(case.make_data(case.shape), path)
            native = Native(program, 2)
            ours = native.ask({"loss": key, "data": str(path), "memory": True})
            native.quit()
            command = [sys.executable, __file__, "--torch", key, str(path)]
            output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            theirs = json.loads(output.splitlines()[-1])
            shape = "x".join(map(str, case.shape))
            print(f"{key:16} {shape:>14} {ours['grown_kib'] / 1024:9.0f} {theirs['grown_kib'] / 1024:9.0f}")


if __name__ == "__main__":
    main()
