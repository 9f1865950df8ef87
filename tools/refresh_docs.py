"""Measure all that depends on the packaged weights, and put the tables into the docs.

usage: python tools/refresh_docs.py OPEN_BENCHMARK.npz KEPT [--jobs 2] [--only MEASUREMENT ...]

Each measurement is a command, and what it prints is kept in KEPT, so a run that was cut off goes
on. Other weights, or another chain, need another folder, for nothing in it is measured again.

A table stands in a document between `<!-- table: NAME -->` and `<!-- end -->`; everything else
there is written by hand, numbers in sentences too, which have to be compared with the tables
afterwards. A quarter of an hour of two cores. What is timed (`cost`) comes last and alone.
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHON, TCPFORMER = sys.executable, str(Path(sys.executable).parent / "tcpformer")
EXCERPT = "tests/data/open_benchmark_excerpt.npz"
Words = tuple[str, ...]
ALONE = os.environ | {"OMP_NUM_THREADS": "1"}
"""One thread each: threads of several commands that wait for each other take ten times as long."""


def commands(benchmark: Path, kept: Path) -> dict[str, tuple[Words, ...]]:
    """By name, what is run for it, one after the other; the output of the last is what counts."""
    data, out = str(benchmark), str(kept / "sample")
    opened = (TCPFORMER, "evaluate", "open", "--data", data)
    every = (*opened, "--every", "4")
    lift = (TCPFORMER, "lift", "assets/sample.mp4", "--out", out, "--raw")
    quality = (TCPFORMER, "quality", f"{out}/person_0/motion.npz")
    tool = {x: f"tools/make_{x}picture.py" for x in ("people_", "uncertainty_", "worst_")}
    bench = {x: f"benchmarks/{x}.py" for x in ("uncertainty", "gravity", "scale", "focal", "sizes")}
    drawn = (
        (PYTHON, "tools/make_pictures.py", out, "docs"),
        (PYTHON, tool["people_"], out),
        (PYTHON, tool["uncertainty_"], out, "docs"),
    )
    return {
        "open": (opened,),
        "raw": (every,),
        "finished": ((*every, "--finish"),),
        "fast": ((*opened, "--weights", "fast"),),
        "excerpt": ((TCPFORMER, "evaluate", "open", "--data", EXCERPT),),
        "quality": (lift, *drawn, quality),
        "worst": ((PYTHON, tool["worst_"], data, "docs/worst.png", "--quick"),),
        "sure": ((PYTHON, bench["uncertainty"], data, "docs/uncertainty.png", "--every", "13"),),
        "gravity": ((PYTHON, bench["gravity"], data, "--every", "8"),),
        "scale": ((PYTHON, bench["scale"], data),),
        "focal": ((PYTHON, bench["focal"], data),),
        "cost": ((PYTHON, bench["sizes"], "--rounds", "3"),),
    }


def tables(text: str) -> list[list[str]]:
    """The Markdown tables in a text, each as its lines."""
    found = re.findall(r"(?:^\|.*\|\n?)+", text, flags=re.MULTILINE)
    return [table.strip().splitlines() for table in found]


def whole(name: str, number: int = 0) -> Callable[[Path], list[str]]:
    """A table as the measurement prints it."""
    return lambda kept: tables(said(kept, name))[number]


def over_all(name: str) -> Callable[[Path], list[str]]:
    """The rows over all of an evaluation, exact and noisy 2D."""

    def made(kept: Path) -> list[str]:
        exact, noisy = tables(said(kept, name))[:2]
        rows = [_renamed(exact[-1], "exact"), _renamed(noisy[-1], "noisy")]
        return [_renamed(exact[0], "2D"), exact[1], *rows]

    return made


def chain(kept: Path) -> list[str]:
    """The scores without and with the chain, without the last two columns."""
    lines = ["| 2D | chain | MPJPE | N-MPJPE | P-MPJPE | MPJVE mm/s | acc. err. mm/s² |"]
    lines.append("|---" * 7 + "|")
    both = {x: [t for t in tables(said(kept, x)) if "N-MPJPE" in t[0]] for x in ("raw", "finished")}
    for i, kind in enumerate(("exact", "noisy")):
        for x, done in (("raw", "no"), ("finished", "yes")):
            cells = both[x][i][-1].strip("|").split("|")[2:7]
            lines.append(f"| {kind} | {done} |{'|'.join(cells)}|")
    return lines


def region(kept: Path) -> list[str]:
    """How honest sigma is on every fourth view."""
    found = [t for t in tables(said(kept, "finished")) if "sigma" in t[0]]
    rows = [_renamed(t[-1], kind) for t, kind in zip(found, ("exact", "noisy"), strict=True)]
    return [_renamed(found[0][0], "2D"), found[0][1], *rows]


def quality(kept: Path) -> list[str]:
    """The measures of the sample clip's first person, without their change."""
    lines = ["| sample clip | before | after |", "|---|---|---|"]
    for line in said(kept, "quality").splitlines():
        match = re.match(r"(.+?)\s{2,}(-?[\d.]+)\s+(-?[\d.]+)\s+[+-]\d+ %$", line)
        if match:
            name, *numbers = match.groups()
            before, after = (f"{float(x):.0f}" if float(numbers[0]) >= 50 else x for x in numbers)
            lines.append(f"| {name} | {before} | {after} |")
    return lines


TABLES: dict[str, Callable[[Path], list[str]]] = {
    "open, exact": whole("open", 0),
    "open, noisy": whole("open", 1),
    "open, all": over_all("open"),
    "fast": over_all("fast"),
    "excerpt": over_all("excerpt"),
    "chain": chain,
    "quality": quality,
    "worst": whole("worst"),
    "sure": whole("sure"),
    "region": region,
    "gravity": whole("gravity"),
    "scale": whole("scale"),
    "focal": whole("focal"),
    "cost": whole("cost"),
}


def filled(text: str, kept: Path) -> str:
    """A document with the tables of what has been measured put in the place of those it has.

    Raises:
        ValueError: If it asks for a table that nothing makes.
    """

    def table(match: re.Match[str]) -> str:
        begin, name, old, end = match.groups()
        if name not in TABLES:
            raise ValueError(f"no table {name!r}: expected one of {list(TABLES)}.")
        try:
            return begin + "\n".join(TABLES[name](kept)) + "\n" + end
        except FileNotFoundError:
            return begin + old + end

    return _MARKED.sub(table, text)


def said(kept: Path, name: str) -> str:
    """What a measurement printed.

    Raises:
        FileNotFoundError: If it has not been made.
    """
    return (kept / f"{name}.txt").read_text()


def measure(name: str, todo: tuple[Words, ...], kept: Path) -> None:
    """Run what is run for a name, unless that has been done."""
    target = kept / f"{name}.txt"
    if target.exists():
        return
    print(f"{name} ...", flush=True)
    printed = ""
    for words in todo:
        done = subprocess.run(
            words, cwd=ROOT, env=ALONE, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(words)}\n{done.stdout}\n{done.stderr}")
        printed = done.stdout
    target.write_text(printed)


_MARKED = re.compile(r"(<!-- table: ([^\n]*?) -->\n\n)(.*?)(\n<!-- end -->)", re.DOTALL)


def _renamed(row: str, name: str) -> str:
    """A row with another first cell."""
    return f"| {name} |" + row.split("|", 2)[2]


def main() -> None:
    bar = argparse.ArgumentParser(description=__doc__)
    bar.add_argument("benchmark", type=Path)
    bar.add_argument("kept", type=Path)
    bar.add_argument("--jobs", type=int, default=2)
    bar.add_argument("--only", nargs="*", choices=commands(Path(), Path()), default=None)
    args = bar.parse_args()
    kept = args.kept.resolve()
    kept.mkdir(parents=True, exist_ok=True)
    todo = commands(args.benchmark.resolve(), kept)
    todo = {x: todo[x] for x in (todo if args.only is None else args.only)}
    with ThreadPoolExecutor(args.jobs) as threads:
        beside = [x for x in todo if x != "cost"]
        list(threads.map(lambda x: measure(x, todo[x], kept), beside))
    if "cost" in todo:
        measure("cost", todo["cost"], kept)
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = path.read_text()
        new = filled(text, kept)
        if new != text:
            path.write_text(new)
            print(path)


if __name__ == "__main__":
    main()
