#!/usr/bin/env python3
"""Shows that tests see a mutant of every formula.

    python3 crates/cvloss-testkit/mutants/run.py [--check] [NAME ...]

All mutants of `mutants.toml` are built into one copy of the sources, each where an environment variable names it:
`value` becomes `(if mutant::is(7) { mutated } else { value })`. So there is one build, in `target/mutants`, and then a
mutant is a run of the tests of its loss. Those must be green without a mutant, and with one, its golden test must be red;
with one of a slope, another too: a check of gradients, or the comparison with the composed form. NAME chooses tables.
Their rows in `results.md` are written anew. With --check nothing is built: each mutant must have its place in the
sources, and its row in `results.md`.
"""

import argparse
import json
import os
import subprocess
import sys
import tomllib
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
RESULTS = HERE / "results.md"
COPY = ROOT / "target" / "mutants"
BINARIES = [
    (["--package", "cvloss"], ["golden", "suite", "perceptual", "penalties", "boxes", "distance_transform", "faults"]),
    # As a part of the workspace, so that nothing is built twice with other features.
    (["--workspace"], ["equal"]),
]
HEAD = "| formula | what | is | becomes | red |\n|---|---|---|---|---|"
LONGEST = 600
"""Seconds; a test that takes longer will not end."""

SWITCH = """//! Which mutant is on.

use std::sync::LazyLock;

static CURRENT: LazyLock<u32> = LazyLock::new(|| {
    let chosen = std::env::var("CVLOSS_MUTANT").ok();
    chosen.and_then(|chosen| chosen.parse().ok()).unwrap_or(0)
});

/// Whether this one is.
#[inline]
pub fn is(number: u32) -> bool {
    *CURRENT == number
}
"""


class Mutant:
    def __init__(self, number, table, name, what, at, instead, file):
        self.number, self.name, self.what, self.file = number, name, what, file
        self.before, self.expression, self.after = split(at)
        self.instead = instead
        self.losses = table.get("losses", [name])
        self.tests, self.cases = table.get("tests"), table.get("cases")

    def runs(self):
        """Test binaries with their arguments and environment, those that should be red first."""
        if self.tests:
            cases = {"CVLOSS_CASES": self.cases} if self.cases else {}
            return {test: (*(test.split() + [""])[:2], cases) for test in self.tests}
        slopes = ["gradient", "target_gradient"]
        checks = [*slopes, "composed"] if self.what == "slope" else ["composed", *slopes]
        runs = {}
        for loss in self.losses:
            of = "" if len(self.losses) == 1 else f" {loss}"
            runs[f"golden{of}"] = ("golden", loss, {})
            for check in checks:
                runs[f"{check}{of}"] = ("suite", check, {"CVLOSS_CASES": loss})
        return runs

    def is_seen(self, red):
        """By the golden test, or the first that is listed; of a slope, by another too."""
        return self.is_seen_first(red) and (len(red) > 1 or self.what != "slope" or len(self.runs()) == 1)

    def is_seen_twice(self, red):
        return self.is_seen_first(red) and len(red) > 1

    def is_seen_first(self, red):
        if self.tests:
            return self.tests[0] in red
        return any(name.startswith("golden") for name in red)



def split(at):
    before, rest = at.split("«")
    expression, after = rest.split("»")
    return before, expression, after


def load(chosen):
    with open(HERE / "mutants.toml", "rb") as file:
        tables = tomllib.load(file)
    unknown = set(chosen) - set(tables)
    if unknown:
        sys.exit(f"no table {sorted(unknown)}")
    mutants = []
    for name, table in tables.items():
        for entry in table["mutants"]:
            what, at, instead = entry[:3]
            file = entry[3] if len(entry) > 3 else table["file"]
            mutants.append(Mutant(len(mutants) + 1, table, name, what, at, instead, f"crates/{file}"))
    return mutants


def mutate(text, mutants, path):
    """The text with all mutants of its file."""
    places = defaultdict(list)
    for mutant in mutants:
        whole = mutant.before + mutant.expression + mutant.after
        if text.count(whole) != 1:
            sys.exit(f"{path}: {text.count(whole)} times, expected once:\n{whole}")
        start = text.index(whole) + len(mutant.before)
        places[start, start + len(mutant.expression)].append(mutant)
    is_kernels = "cvloss-kernels" in path
    switch = "crate::mutant::is" if is_kernels else "cvloss_kernels::mutant::is"
    last = len(text)
    for (start, end), there in sorted(places.items(), reverse=True):
        if end > last:
            sys.exit(f"{path}: mutants overlap at {text[start:end]}")
        last = start
        arms = "".join(f"if {switch}({mutant.number}) {{ {mutant.instead} }} else " for mutant in there)
        text = f"{text[:start]}({arms}{{ {text[start:end]} }}){text[end:]}"
    return text


def files(mutants):
    by_file = defaultdict(list)
    for mutant in mutants:
        by_file[mutant.file].append(mutant)
    return by_file


def check(mutants):
    for name, there in files(mutants).items():
        mutate((ROOT / name).read_text(), there, name)
    listed = [row.rsplit(" | ", 1)[0] for row in RESULTS.read_text().splitlines()[2:]]
    if listed != [described(mutant) for mutant in mutants]:
        differ = {described(mutant) for mutant in mutants} ^ set(listed)
        sys.exit("\n".join([f"{RESULTS.name} is not of these mutants, run those that differ:", *sorted(differ)]))


def copy(mutants):
    """Brings the copy up to date; what stays as it was is not built again."""
    by_file = files(mutants)
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=ROOT, check=True, capture_output=True).stdout
    names = {name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()}
    kernels = "crates/cvloss-kernels/src"
    for old in (COPY / "crates").rglob("*"):
        name = str(old.relative_to(COPY))
        if old.is_file() and name not in names and name != f"{kernels}/mutant.rs":
            old.unlink()
    for name in names:
        content = (ROOT / name).read_bytes()
        if name in by_file:
            content = mutate(content.decode(), by_file.pop(name), name).encode()
        elif name == f"{kernels}/lib.rs":
            content += b"\npub mod mutant;\n"
        write(COPY / name, content)
    write(COPY / kernels / "mutant.rs", SWITCH.encode())
    if by_file:
        sys.exit(f"no such files: {sorted(by_file)}")


def write(path, content):
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def build():
    """The test binaries, each with the folder that it runs in."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(COPY / "target")}
    found = {}
    for packages, names in BINARIES:
        tests = [argument for name in names for argument in ("--test", name)]
        command = ["cargo", "test", *packages, "--release", "--no-run", "--message-format", "json", *tests]
        done = subprocess.run(command, cwd=COPY, env=environment, stdout=subprocess.PIPE, check=False)
        messages = [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode:
            for message in messages:
                print(message.get("message", {}).get("rendered", ""), end="", file=sys.stderr)
            sys.exit("the mutants do not build")
        for message in messages:
            if message.get("executable") and message["target"]["name"] in names:
                found[message["target"]["name"]] = (message["executable"], Path(message["manifest_path"]).parent)
    return found


def is_red(binaries, number, run):
    """Whether a test fails; it is an error if there is none."""
    binary, test, environment = run
    environment = {**os.environ, **environment, "CVLOSS_MUTANT": str(number)}
    executable, package = binaries[binary]
    exact = ["--exact"] if binary in ("golden", "suite") else []
    arguments = [test, *exact] if test else []
    command = [executable, *arguments]
    try:
        done = subprocess.run(command, cwd=package, env=environment, capture_output=True, check=False, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return True
    if "running 0 tests" in done.stdout.decode():
        sys.exit(f"{binary}: no test {test}")
    return done.returncode != 0


def seen_by(binaries, mutant):
    """The tests that are red: two, if there are as many."""
    red = []
    for name, run in mutant.runs().items():
        if is_red(binaries, mutant.number, run):
            red.append(name)
        if mutant.is_seen_twice(red):
            break
    return red


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="tables, all if none")
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    parser.add_argument("--check", action="store_true", help="only whether mutants have places and results")
    options = parser.parse_args()
    mutants = load(options.names)
    if options.check:
        check(mutants)
        return
    copy(mutants)
    binaries = build()
    chosen = [mutant for mutant in mutants if not options.names or mutant.name in options.names]
    plain = {}
    for mutant in chosen:
        plain.update({str(run): run for run in mutant.runs().values()})
    with ThreadPoolExecutor(options.jobs) as pool:
        reds = pool.map(lambda run: is_red(binaries, 0, run), plain.values())
        broken = [name for name, red in zip(plain, reds) if red]
        if broken:
            sys.exit("red without a mutant: " + ", ".join(broken))
        red = dict(pool.map(lambda mutant: (mutant.number, seen_by(binaries, mutant)), chosen))
    rows = {mutant.number: row(mutant, red[mutant.number]) for mutant in chosen}
    print("\n".join(rows.values()))
    known = {line.rsplit(" | ", 1)[0]: line for line in RESULTS.read_text().splitlines()[2:]}
    lines = [rows.get(mutant.number) or known.get(described(mutant)) for mutant in mutants]
    RESULTS.write_text("\n".join([HEAD, *filter(None, lines)]) + "\n")
    survivors = [mutant for mutant in chosen if not mutant.is_seen(red[mutant.number])]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants are seen")
    for mutant in survivors:
        print(f"not seen: {mutant.name} {mutant.what}: «{mutant.expression}» → {mutant.instead}, red: {red[mutant.number]}")
    sys.exit(bool(survivors))


def described(mutant):
    escape = lambda code: " ".join(code.split()).replace("|", "\\|")
    return f"| {mutant.name} | {mutant.what} | `{escape(mutant.expression)}` | `{escape(mutant.instead)}`"


def row(mutant, red):
    return f"{described(mutant)} | {', '.join(red) or 'nothing'} |"


if __name__ == "__main__":
    main()
