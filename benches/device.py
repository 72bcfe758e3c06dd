"""Times cvloss's kernels on a CUDA device beside torch, eager and compiled, and fused-ssim.

Our side is the program `device_timing`, which needs no Rust and no torch:

    cargo build --release -p cvloss-kernels --features cuda --example device_timing
    strip target/release/examples/device_timing
    python benches/device.py --native device_timing --json device.json

Every round runs our program and then each peer on the same shapes, so that a device that slows down
disturbs all alike. A time is one value and its gradient, warm, by events; the table has medians over
all rounds. `of copy` is the least time that moving inputs and gradients takes, at the speed of a
copy measured in the same round, over our time. Peers that are not installed are named and left out.
`--smoke` runs our program alone, with tiny sizes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

Key = tuple[str, tuple[int, ...]]


def native(program: str, arguments: list[str]) -> dict[str, Any]:
    """What our program measures."""
    output = subprocess.run([program, *arguments], check=True, capture_output=True, text=True)
    return json.loads(output.stdout)


def dims(result: dict[str, Any]) -> tuple[int, ...]:
    """The shape as peers have it."""
    items, channels, size = result["shape"]
    if result["key"] == "ciou":
        return (items, size)
    return (items, channels, *result["space"])


def losses(torch: Any) -> dict[str, Callable[..., Any]]:
    """Our losses in torch, as people write them."""
    functional = torch.nn.functional

    def focal(x: Any, t: Any) -> Any:
        p = torch.sigmoid(x)
        loss = functional.binary_cross_entropy_with_logits(x, t, reduction="none")
        p_t = p * t + (1 - p) * (1 - t)
        return ((0.25 * t + 0.75 * (1 - t)) * (1 - p_t) ** 2 * loss).mean()

    def dice(x: Any, t: Any) -> Any:
        p = torch.softmax(x, 1)
        hot = functional.one_hot(t, x.shape[1]).movedim(-1, 1).to(p.dtype)
        overlap = (p * hot).flatten(2).sum(2)
        sizes = p.flatten(2).sum(2) + hot.flatten(2).sum(2)
        return (1 - (2 * overlap + 1e-5) / (sizes + 1e-5)).mean()

    found = {
        "l1": functional.l1_loss,
        "focal": focal,
        "cross_entropy": functional.cross_entropy,
        "dice": dice,
    }
    if find_spec("torchvision"):
        from torchvision.ops import complete_box_iou_loss

        found["ciou"] = lambda a, b: complete_box_iou_loss(a, b, reduction="mean")
    return found


def inputs(torch: Any, key: str, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Input and target on the device."""
    generator = torch.Generator("cuda").manual_seed(1)
    options = {"device": "cuda", "generator": generator}
    x = torch.rand(shape, **options)
    if key in ("cross_entropy", "dice"):
        pixels = (shape[0], *shape[2:])
        return x.requires_grad_(), torch.randint(shape[1], pixels, **options)
    t = torch.rand(shape, **options)
    if key == "ciou":
        x, t = (torch.cat([box[:, :2], box[:, :2] + box[:, 2:] + 0.1], 1) for box in (x, t))
    return x.requires_grad_(), t


def timed(torch: Any, loss: Callable[..., Any], x: Any, t: Any, repeat: int) -> float:
    """The median of value and gradient, in milliseconds."""

    def step() -> None:
        x.grad = None
        loss(x, t).backward()

    for _ in range(5):
        step()
    times = []
    for _ in range(repeat):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        step()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return median(times)


def peers(torch: Any) -> dict[str, dict[str, Callable[..., Any]]]:
    """By loss, the peers by name."""
    found: dict[str, dict[str, Callable[..., Any]]] = {}
    for key, loss in losses(torch).items():
        found[key] = {"eager": loss, "compile": torch.compile(loss, dynamic=False)}
    if find_spec("fused_ssim"):
        from fused_ssim import fused_ssim

        found["ssim"] = {"fused-ssim": lambda x, t: 1 - fused_ssim(x, t, padding="valid")}
    else:
        print("SKIPPED: fused-ssim is not installed")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--native", required=True, help="the program device_timing")
    parser.add_argument("--only", help="one loss")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=30)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    arguments = ["--repeat", str(options.repeat)]
    arguments += ["--only", options.only] if options.only else []
    program = str(Path(options.native).resolve())
    if options.smoke:
        found = native(program, [*arguments, "--smoke"])
        assert found["results"], "nothing was timed"
        print(json.dumps(found))
        return

    torch = None
    if find_spec("torch"):
        import torch as found_torch

        torch = found_torch if found_torch.cuda.is_available() else None
    if torch is None:
        print("SKIPPED: torch with CUDA is not installed")
    others = peers(torch) if torch else {}
    ours: dict[Key, list[dict[str, Any]]] = {}
    theirs: dict[Key, dict[str, list[float]]] = {}
    device, speeds = "", []
    for _ in range(options.rounds):
        measured = native(program, arguments)
        device = measured["device"]
        speeds.append(measured["copy_gb_per_s"])
        for result in measured["results"]:
            key = (result["key"], dims(result))
            ours.setdefault(key, []).append(result)
            for name, loss in others.get(key[0], {}).items():
                x, t = inputs(torch, *key)
                times = theirs.setdefault(key, {}).setdefault(name, [])
                times.append(timed(torch, loss, x, t, options.repeat))
                del x, t

    print(f"{device}: a copy moves {median(speeds):.0f} GB/s")
    rows = []
    for (name, shape), results in ours.items():
        row = {"loss": name, "shape": shape, "ms": median(result["ms"] for result in results)}
        row["of_copy"] = median(result["fraction"] for result in results)
        row["peers_ms"] = {peer: median(times) for peer, times in theirs.get((name, shape), {}).items()}
        rows.append(row)
        beside = "  ".join(
            f"{peer} {time:.3f} ms ({time / row['ms']:.1f}x)" for peer, time in row["peers_ms"].items()
        )
        print(f"{name:14} {shape!s:24} {row['ms']:8.3f} ms  {row['of_copy']:4.0%} of copy  {beside}")
    if options.json:
        report = {"device": device, "copy_gb_per_s": median(speeds), "rows": rows}
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
