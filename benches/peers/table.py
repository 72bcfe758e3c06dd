"""Writes the tables of README.md and benches/RESULTS.md from benches/results.json; with --check, compares them.

    python3 benches/peers/table.py

`compare.py --json benches/results.json` makes the records. Needs Python alone.
"""

from __future__ import annotations

import json
import sys
from math import prod
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- bench:begin -->\n", "<!-- bench:end -->"

IN_README = (
    "focal_sigmoid cross_entropy dice_multiclass dice_ce_3d lovasz_softmax hausdorff cl_dice_3d "
    "giou ssim ms_ssim charbonnier vgg16_relu4_3 lpips_alex"
).split()
"""One or two of each family; the rest is in RESULTS.md."""

Row = dict[str, Any]


def digits(number: float | None) -> str:
    """Three of them."""
    if number is None:
        return "–"
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def shape(row: Row) -> str:
    return "×".join(map(str, row["shape"]))


def strongest(rows: list[Row]) -> list[Row]:
    """Of each key and thread count, the peer that comes closest to ours, or is ahead of it."""
    best: dict[tuple[str, int], Row] = {}
    for row in rows:
        key = row["loss"], row["threads"]
        if key not in best or row["ratio"] < best[key]["ratio"]:
            best[key] = row
    return list(best.values())


def conditions(results: Row) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    return f"{results['machine']}; {versions}"


def readme(results: Row) -> str:
    large = [row for row in strongest(results["records"]) if "@" not in row["loss"] and row["threads"] == 2]
    small = [row["ours_ms"] * 1e3 for row in results["records"] if prod(row["shape"]) < 10_000]
    least, most = (pick(large, key=lambda row: row["ratio"]) for pick in (min, max))
    missing = set(IN_README) - {row["loss"] for row in large}
    if missing:
        sys.exit(f"results.json lacks {sorted(missing)}")
    rows = [
        [
            row["loss"],
            shape(row),
            f"{row['peer']}, {row['mode']}",
            *(digits(row[column]) for column in ("peer_ms", "ours_ms", "floor_ms")),
            f"**{row['ratio']:.1f}**",
        ]
        for key in IN_README
        for row in large
        if row["loss"] == key
    ]
    return (
        f"Value and gradient, f32, two threads, medians; {results['machine']}.\n"
        "The peer is the strongest of all, eager or torch.compile, in the same run on the same tensors. `floor` is a\n"
        "streaming pass over the same bytes.\n\n"
        + table(["loss", "shape", "strongest peer", "its ms", "ours ms", "floor ms", "ratio"], rows)
        + f"\nOver all {len(large)} keys the ratio is {least['ratio']:.1f} ({least['loss']}) to {most['ratio']:.0f} "
        f"({most['loss']}), {median(row['ratio'] for row in large):.1f} in the middle; small\n"
        f"tensors take {min(small):.0f} to {max(small):.0f} µs. All rows: [benches/RESULTS.md](benches/RESULTS.md).\n"
    )


def all_rows(results: Row) -> str:
    head = ["loss", "shape", "threads", "peer", "mode", "peer ms", "ours ms", "tape ms", "floor ms", "ratio", "extra KiB"]
    rows = [
        [
            row["loss"],
            shape(row),
            str(row["threads"]),
            row["peer"],
            row["mode"],
            *(digits(row[column]) for column in ("peer_ms", "ours_ms", "ours_tape_ms", "floor_ms")),
            f"{row['ratio']:.2f}",
            digits(row["peak_extra_bytes"] and row["peak_extra_bytes"] / 1024),
        ]
        for row in results["records"]
    ]
    return f"{conditions(results)}.\n\n" + table(head, rows)


def main() -> None:
    results = json.loads((ROOT / "benches/results.json").read_text())
    stale = []
    for path, block in (("README.md", readme(results)), ("benches/RESULTS.md", all_rows(results))):
        text = (ROOT / path).read_text()
        before, rest = text.split(BEGIN)
        expected = before + BEGIN + block + END + rest.split(END)[1]
        if text != expected:
            stale.append(path)
            if "--check" not in sys.argv:
                (ROOT / path).write_text(expected)
    if stale and "--check" in sys.argv:
        sys.exit(f"not as benches/results.json: {', '.join(stale)}; run python3 benches/peers/table.py")


if __name__ == "__main__":
    main()
