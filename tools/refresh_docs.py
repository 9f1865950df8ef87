"""Measure what depends on the packaged weights, draw its figures, and fill the tables of the docs.

usage: python tools/refresh_docs.py OPEN_BENCHMARK.npz CACHE [--jobs 2] [--only MEASUREMENT ...]

Each measurement is a command; its output is stored in the folder CACHE and not measured again, so
an interrupted run resumes. Other weights or other post-processing need another folder.

A table stands in a page between `<!-- table: NAME -->` and `<!-- end -->`. Everything else is
written by hand; compare numbers in sentences with the tables afterwards. The whole takes 15 minutes
on two cores. What is timed (`cost`) runs last and alone.
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
Command = tuple[str, ...]
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}
"""Threads of several commands that wait for each other take ten times as long."""


def commands(benchmark: Path, cache: Path) -> dict[str, tuple[Command, ...]]:
    """Return the commands of each measurement, in order; the output of the last one counts."""
    data, out = str(benchmark), str(cache / "sample")
    evaluate = (TCPFORMER, "evaluate", "open", "--data", data)
    fourth = (*evaluate, "--view-step", "4")
    lift = (TCPFORMER, "lift", "assets/sample.mp4", "--out", out, "--save-raw")
    figure = (PYTHON, "tools/figures.py")
    drawn = [(*figure, name, out) for name in ("sample", "people", "uncertainty")]
    sigma = (PYTHON, "benchmarks/uncertainty.py", data, "docs/figures/uncertainty.png")
    return {
        "open": (evaluate,),
        "raw": (fourth,),
        "finished": ((*fourth, "--postprocess"),),
        "fast": ((*evaluate, "--weights", "fast"),),
        "excerpt": ((TCPFORMER, "evaluate", "open", "--data", EXCERPT),),
        "quality": (lift, *drawn, (TCPFORMER, "quality", f"{out}/person_0/motion.npz")),
        "worst": ((*figure, "worst", data, "--quick"),),
        "sure": ((*sigma, "--every", "13"),),
        "gravity": ((PYTHON, "benchmarks/gravity.py", data, "--every", "8"),),
        "scale": ((PYTHON, "benchmarks/scale.py", data),),
        "focal": ((PYTHON, "benchmarks/focal.py", data),),
        "cost": ((PYTHON, "benchmarks/sizes.py", "--rounds", "3"),),
    }


def find_tables(text: str) -> list[list[str]]:
    """Return the Markdown tables in a text, each as its lines."""
    found = re.findall(r"(?:^\|.*\|\n?)+", text, flags=re.MULTILINE)
    return [table.strip().splitlines() for table in found]


def copy_table(name: str, number: int = 0) -> Callable[[Path], list[str]]:
    """Copy a table as the measurement prints it."""
    return lambda cache: find_tables(read_output(cache, name))[number]


def score_tables(cache: Path, name: str) -> list[list[str]]:
    """Return the tables of an evaluation that hold the scores of the 17 joints."""
    return [t for t in find_tables(read_output(cache, name)) if "N-MPJPE" in t[0]]


def rows_over_all(name: str) -> Callable[[Path], list[str]]:
    """Return the rows "all" of an evaluation, for exact and noisy 2D."""

    def make(cache: Path) -> list[str]:
        exact, noisy = score_tables(cache, name)[:2]
        rows = [_relabel(exact[-1], "exact"), _relabel(noisy[-1], "noisy")]
        return [_relabel(exact[0], "2D"), exact[1], *rows]

    return make


def compare_postprocess(cache: Path) -> list[str]:
    """Return the scores without and with post-processing, without the last two columns."""
    lines = ["| 2D | post-processing | MPJPE | N-MPJPE | P-MPJPE | MPJVE mm/s | acc. err. mm/s² |"]
    lines.append("|---" * 7 + "|")
    both = {x: score_tables(cache, x) for x in ("raw", "finished")}
    for i, kind in enumerate(("exact", "noisy")):
        for x, done in (("raw", "no"), ("finished", "yes")):
            cells = both[x][i][-1].strip("|").split("|")[2:7]
            lines.append(f"| {kind} | {done} |{'|'.join(cells)}|")
    return lines


def calibration(cache: Path) -> list[str]:
    """Return how well sigma predicts the error on every fourth view."""
    found = [t for t in find_tables(read_output(cache, "finished")) if "sigma" in t[0]]
    rows = [_relabel(t[-1], kind) for t, kind in zip(found, ("exact", "noisy"), strict=True)]
    return [_relabel(found[0][0], "2D"), found[0][1], *rows]


def quality(cache: Path) -> list[str]:
    """Return the measures of the sample clip's first person, without their change."""
    lines = ["| sample clip | before | after |", "|---|---|---|"]
    for line in read_output(cache, "quality").splitlines():
        match = re.match(r"(.+?)\s{2,}(-?[\d.]+)\s+(-?[\d.]+)(?:\s+[+-]\d+ %)?$", line)
        if match:
            name, *numbers = match.groups()
            before, after = (f"{float(x):.0f}" if float(numbers[0]) >= 50 else x for x in numbers)
            lines.append(f"| {name} | {before} | {after} |")
    return lines


TABLES: dict[str, Callable[[Path], list[str]]] = {
    "open, exact": lambda cache: score_tables(cache, "open")[0],
    "open, noisy": lambda cache: score_tables(cache, "open")[1],
    "open, all": rows_over_all("open"),
    "fast": rows_over_all("fast"),
    "excerpt": rows_over_all("excerpt"),
    "chain": compare_postprocess,
    "quality": quality,
    "worst": copy_table("worst"),
    "sure": copy_table("sure"),
    "region": calibration,
    "gravity": copy_table("gravity"),
    "scale": copy_table("scale"),
    "focal": copy_table("focal"),
    "cost": copy_table("cost"),
}


def fill_tables(text: str, cache: Path) -> str:
    """Return a page with its tables replaced by those that were measured.

    Raises:
        ValueError: If it has a table of an unknown name.
    """

    def table(match: re.Match[str]) -> str:
        head, name, old, tail = match.groups()
        if name not in TABLES:
            raise ValueError(f"no table {name!r}: expected one of {list(TABLES)}.")
        try:
            return head + "\n".join(TABLES[name](cache)) + "\n" + tail
        except FileNotFoundError:
            return head + old + tail

    return _MARKED.sub(table, text)


def read_output(cache: Path, name: str) -> str:
    """Return what a measurement printed.

    Raises:
        FileNotFoundError: If it has not run.
    """
    return (cache / f"{name}.txt").read_text()


def measure(name: str, todo: tuple[Command, ...], cache: Path) -> None:
    """Run the commands of a measurement, unless its output is stored."""
    target = cache / f"{name}.txt"
    if target.exists():
        return
    print(f"{name} ...", flush=True)
    printed = ""
    for command in todo:
        done = subprocess.run(
            command, cwd=ROOT, env=ONE_THREAD, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
        printed = done.stdout
    target.write_text(printed)


_MARKED = re.compile(r"(<!-- table: ([^\n]*?) -->\n\n)(.*?)(\n<!-- end -->)", re.DOTALL)


def _relabel(row: str, name: str) -> str:
    """Return a row with another first cell."""
    return f"| {name} |" + row.split("|", 2)[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("benchmark", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="*", choices=commands(Path(), Path()), default=None)
    args = parser.parse_args()
    cache = args.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    todo = commands(args.benchmark.resolve(), cache)
    todo = {x: todo[x] for x in (todo if args.only is None else args.only)}
    with ThreadPoolExecutor(args.jobs) as threads:
        parallel = [x for x in todo if x != "cost"]
        list(threads.map(lambda x: measure(x, todo[x], cache), parallel))
    if "cost" in todo:
        measure("cost", todo["cost"], cache)
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = path.read_text()
        new = fill_tables(text, cache)
        if new != text:
            path.write_text(new)
            print(path)


if __name__ == "__main__":
    main()
