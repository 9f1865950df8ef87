"""Read damaged files of every format, and print the outcome.

    python tests/fuzz/campaign.py --inputs 1000000 --seed 1 --jobs 2

Counters are kept in the output folder: the same command resumes. Finds are saved there, each with
its input and what happened. Exit code 1 if there are any. To read one input again:

    python tests/fuzz/campaign.py --again out/fuzz/finds/bvh/ValueError-in-x/0
"""

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
for each in (HERE.parents[1], HERE.parent / "support", HERE):
    sys.path.insert(0, str(each))

import torch  # noqa: E402
from runner import TRACE, Job, Tally, Target, find_not_finite, run_inputs, write_seeds  # noqa: E402
from targets import TARGETS, lifter  # noqa: E402

BLOCK = 200
"""Inputs of one task, for a target with share 1."""


def main() -> None:
    """Run a campaign."""
    options = parse_arguments()
    torch.set_num_threads(1)
    lifter()  # its imports take seconds, which would count as those of the first input
    if options.again:
        read_again(options.again)
        return
    chosen = [t for t in TARGETS if not options.targets or t.name in options.targets]
    options.out.mkdir(parents=True, exist_ok=True)
    tallies = run_campaign(chosen, options)
    print(table(tallies))
    for name, tally in tallies.items():
        for kind, count in sorted(tally.kinds.items()):
            print(f"{name}: {count} x {kind}")
    raise SystemExit(1 if any(tally.finds for tally in tallies.values()) else 0)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--inputs", type=int, default=10_000, help="in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after this time")
    parser.add_argument("--targets", nargs="*", help=", ".join(t.name for t in TARGETS))
    parser.add_argument("--out", type=Path, default=Path("out/fuzz"))
    parser.add_argument("--again", type=Path, help="folder of a find to read again")
    return parser.parse_args()


def read_again(folder: Path) -> None:
    """Read the input of a find; whatever it raises is shown."""
    target = next(t for t in TARGETS if t.name == folder.resolve().parents[1].name)
    (folder / TRACE).rename(folder.parent / TRACE)
    try:
        print(find_not_finite(target.read(folder)) or "read; all numbers are finite")
    finally:
        (folder.parent / TRACE).rename(folder / TRACE)


def run_campaign(chosen: list[Target], options: Any) -> dict[str, Tally]:
    """Run blocks of inputs of all targets in turn, so that an early stop has some of each."""
    state = options.out / f"counters-seed{options.seed}.json"
    saved = json.loads(state.read_text()) if state.exists() else {}
    tallies = {t.name: Tally(**saved.get(t.name, {})) for t in chosen}
    total = sum(t.share for t in chosen)
    wanted = {t.name: max(round(options.inputs * t.share / total), 1) for t in chosen}
    finds = options.out / "finds"
    seeds = {t.name: write_seeds(t) for t in chosen}
    until = time.monotonic() + options.seconds
    with ProcessPoolExecutor(options.jobs) if options.jobs > 1 else _Inline() as pool:
        while time.monotonic() < until:
            left = [t for t in chosen if tallies[t.name].inputs < wanted[t.name]]
            if not left:
                break
            tasks = {}
            for target in left:
                done = tallies[target.name].inputs
                count = min(round(BLOCK * target.share) or 1, wanted[target.name] - done)
                job = (target.name, seeds[target.name], options.seed, finds)
                task = pool.submit(work, job, done, count)
                tasks[task] = target.name
            for task in as_completed(tasks):
                tallies[tasks[task]].add(task.result())
                state.write_text(json.dumps({**saved, **{n: vars(t) for n, t in tallies.items()}}))
    return tallies


class _Inline:
    """Runs tasks at once, in this process."""

    def __enter__(self) -> "_Inline":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, function: Any, *arguments: Any) -> Any:
        from concurrent.futures import Future

        future: Any = Future()
        future.set_result(function(*arguments))
        return future


def work(job: Any, first: int, count: int) -> Tally:
    """Run some inputs of a target; a name travels to another process, a target does not."""
    name, *others = job
    target = next(t for t in TARGETS if t.name == name)
    return run_inputs(Job(target, *others), first, count)


def table(tallies: dict[str, Tally]) -> str:
    """Return a Markdown table of the targets and their sum."""
    whole = Tally()
    for tally in tallies.values():
        whole.add(tally)
    lines = ["| reader | inputs | refused | read | finds | s |", "|---|--:|--:|--:|--:|--:|"]
    for name, t in {**tallies, "all": whole}.items():
        row = (name, t.inputs, t.refused, t.read, t.finds, f"{t.seconds:.0f}")
        lines.append(f"| {' | '.join(map(str, row))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
