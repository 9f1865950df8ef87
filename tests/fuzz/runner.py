"""Runs damaged files through readers in forked children, and decides what is a find.

Accepted is a result whose numbers are finite, or one of `PROMISED` with a message of one sentence
that names the file. All else is a find: another exception, more than `CPU_SECONDS` or
`MEMORY_BYTES`, numbers that are not finite, a process that dies.
"""

import dataclasses
import faulthandler
import json
import mmap
import os
import resource
import shutil
import signal
import sys
import time
import traceback
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from mutators import Mutator, flip_bits, pick

PROMISED = (ValueError, FileNotFoundError, OSError, ImportError)
CPU_SECONDS = 5.0
"""Longest that an input may take, of a processor; on the wall clock `PATIENCE` times that."""
PATIENCE = 12
MEMORY_BYTES = 1 << 30
"""Most that the process may grow."""
LONGEST_MESSAGE = 1500
SAVED_FINDS = 5
"""Inputs that are saved of each kind of find, for each target and worker."""
BATCH = 2000
"""Inputs of one child."""
SHM = Path("/dev/shm")
REPORT, STDERR, TRACE = "report.jsonl", "stderr", "TRACE.txt"

Files = dict[str, bytes]
"""Path in the folder of an input -> content."""


@dataclass(frozen=True)
class Target:
    """A reader, the files it is given, and how they are damaged.

    Attributes:
        seeds: Each writes a good input into an empty folder.
        read: Reads what is in a folder; returns what must be finite.
        mutators: Suffix or name of a file -> its mutators; other files stay as they are.
        share: Inputs relative to other targets; slow readers get fewer.
    """

    name: str
    seeds: tuple[Callable[[Path], object], ...]
    read: Callable[[Path], object]
    mutators: Mapping[str, tuple[Mutator, ...]]
    share: float = 1.0


@dataclass
class Tally:
    """Outcomes of the inputs of a target."""

    inputs: int = 0
    read: int = 0
    refused: int = 0
    finds: int = 0
    seconds: float = 0.0
    kinds: dict[str, int] = field(default_factory=dict)
    """Signature of a find -> how often it came."""

    def add(self, other: "Tally") -> None:
        for name in ("inputs", "read", "refused", "finds", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for kind, count in other.kinds.items():
            self.kinds[kind] = self.kinds.get(kind, 0) + count


def write_seeds(target: Target) -> list[Files]:
    """Write the good inputs of a target; each must be read."""
    made = []
    for seed in target.seeds:
        with TemporaryDirectory() as name:
            seed(Path(name))
            files = sorted(p for p in Path(name).rglob("*") if p.is_file())
            made.append({str(p.relative_to(name)): p.read_bytes() for p in files})
    return made


@dataclass(frozen=True)
class Job:
    """A target with the good inputs that are damaged, by a seed; finds are saved in a folder."""

    target: Target
    seeds: list[Files]
    seed: int
    finds: Path


def make_input(job: Job, index: int) -> Files:
    """Return the input of a number; the same for the same seed."""
    rng = np.random.default_rng([job.seed, zlib.crc32(job.target.name.encode()), index])
    files = dict(pick(rng, job.seeds))
    able = [name for name in files if _mutators(job.target, name)]
    for _ in range(1 if rng.random() < 0.7 else int(rng.integers(2, 5))):
        name = pick(rng, able)
        mutate = pick(rng, _mutators(job.target, name))
        try:
            files[name] = mutate(files[name], rng)
        except Exception:  # a parser met what an earlier mutation had damaged
            files[name] = flip_bits(files[name], rng)
    return files


def _mutators(target: Target, name: str) -> tuple[Mutator, ...]:
    path = Path(name)
    return target.mutators.get(path.name) or target.mutators.get(path.suffix, ())


def run_inputs(job: Job, first: int, count: int) -> Tally:
    """Run the inputs from a number on, a batch at a time, each in a child of its own."""
    tally, start, end = Tally(), first, first + count
    before = time.monotonic()
    with TemporaryDirectory(dir=SHM if SHM.is_dir() else None, prefix="fuzz-") as scratch:
        while start < end:
            numbers = range(start, min(start + BATCH, end))
            start, part = _run_batch(job, numbers, Path(scratch))
            tally.add(part)
    tally.seconds = time.monotonic() - before
    return tally


def _run_batch(job: Job, numbers: range, scratch: Path, *, again: bool = True) -> tuple[int, Tally]:
    """Run one child; return the number of the first input not done, and the tally of the rest.

    An input that takes long by the clock, not of the processor, is read ``again``: the machine may
    have stood still.
    """
    at = mmap.mmap(-1, 8)
    (scratch / REPORT).unlink(missing_ok=True)
    sys.stdout.flush()
    with warnings.catch_warnings(action="ignore"):  # of threads that numpy may have
        child = os.fork()
    if child == 0:
        _run_child(job, numbers, scratch, at)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    tally = Tally()
    for line in (scratch / REPORT).read_text().splitlines():
        tally.add(Tally(**json.loads(line)))
    if status == 0:
        return numbers.stop, tally
    reached = int.from_bytes(at[:8], "little")
    if status == -signal.SIGALRM and again:
        start, rest = _run_batch(job, range(reached, numbers.stop), scratch, again=False)
        tally.add(rest)
        return start, tally
    last = (scratch / STDERR).read_text(errors="replace")[-6000:]
    signature = f"{_DEATHS.get(status, f'process died ({status})')} in {_place(last)}"
    tally.add(Tally(inputs=1, finds=1, kinds={signature: 1}))
    save_find(job, signature, reached, last)
    return reached + 1, tally


_DEATHS = {-signal.SIGPROF: "hang", -signal.SIGALRM: "hang", -signal.SIGKILL: "killed"}


def _place(trace: str) -> str:
    """Return the innermost line of the package in what faulthandler wrote."""
    lines = [line.strip() for line in trace.splitlines() if "tcpformer/" in line]
    return lines[0].split("tcpformer/")[-1][:120] if lines else "no Python of ours"


def _run_child(job: Job, numbers: range, scratch: Path, at: mmap.mmap) -> None:
    """Run inputs, one line of the report for each, and leave the process."""
    code = 1
    try:
        _prepare_child(scratch / STDERR)
        base = _peak_bytes()
        with (scratch / REPORT).open("w", buffering=1) as report:
            for index in numbers:
                at[:8] = index.to_bytes(8, "little")
                files = make_input(job, index)
                outcome, trace = try_input(job.target, files, scratch / f"in{index % 7}", base)
                if outcome in _FINE:
                    counts: dict[str, Any] = {outcome: 1}
                else:
                    counts = {"finds": 1, "kinds": {outcome: 1}}
                    save_find(job, outcome, index, trace)
                report.write(json.dumps({"inputs": 1, **counts}) + "\n")
                base = _peak_bytes() if outcome == _MEMORY else base
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


_ADDRESSES = 6
"""Address space of a child over `MEMORY_BYTES`, so that more than that is seen, not refused."""
_FINE = ("read", "refused")
_MEMORY = "more than 1 GB"


def _prepare_child(stderr: Path) -> None:
    """Send what is printed to a file, and limit memory."""
    handle = os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    faulthandler.enable()
    for number in (signal.SIGPROF, signal.SIGALRM):
        faulthandler.register(number, chain=True)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = size + _ADDRESSES * MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def try_input(target: Target, files: Files, folder: Path, base: int) -> tuple[str, str]:
    """Read an input; return "read", "refused" or the signature of a find, and a trace."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, CPU_SECONDS * PATIENCE)
    try:
        result = target.read(folder)
        wrong = find_not_finite(result)
        outcome, trace = (f"not finite: {wrong}", "") if wrong else ("read", "")
    except PROMISED as error:
        outcome, trace = _check_message(error, folder, files), traceback.format_exc()
    except (Exception, SystemExit) as error:
        outcome, trace = _signature(error), traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
    if outcome in _FINE and _peak_bytes() - base > MEMORY_BYTES:
        outcome = _MEMORY
    return outcome, trace[-6000:]


def _check_message(error: Exception, folder: Path, files: Files) -> str:
    text = " ".join(str(error).split())
    names = (str(folder), *(Path(name).name for name in files))
    if isinstance(error, ImportError):
        return "refused" if text else "empty message"
    if not any(name in text for name in names):
        return f"message names no file: {_signature(error)}"
    if len(text) > LONGEST_MESSAGE + len(str(folder)) or "Traceback" in text:
        return f"message of more than a sentence: {_signature(error)}"
    return "refused"


def _signature(error: BaseException) -> str:
    """Return type and place of an exception: what makes two finds one."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "/tcpformer/" in f.filename] or list(frames)
    last = ours[-1]
    return f"{type(error).__name__} in {Path(last.filename).name} {last.name}"


def find_not_finite(value: object, where: str = "result") -> str:
    """Return where a number is NaN or infinite; "" if all are finite."""
    if isinstance(value, np.ndarray):
        bad = value.dtype.kind in "fc" and not np.isfinite(value).all()
        return where if bad else ""
    if isinstance(value, float):
        return "" if np.isfinite(value) else where
    return next((w for each, name in _parts(value) if (w := find_not_finite(each, name))), "")


def _parts(value: Any) -> Iterator[tuple[object, str]]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from ((getattr(value, f.name), f.name) for f in dataclasses.fields(value))
    elif isinstance(value, dict):
        yield from ((each, str(key)[:40]) for key, each in value.items())
    elif isinstance(value, list | tuple):
        yield from ((each, "item") for each in value)


def save_find(job: Job, signature: str, index: int, trace: str) -> None:
    """Save the first inputs of a kind of find, with what happened."""
    kind = "".join(c if c.isalnum() else "-" for c in signature)[:100]
    for i in range(SAVED_FINDS):
        place = job.finds / job.target.name / kind / str(i)
        if place.exists():
            continue
        for name, content in make_input(job, index).items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
        (place / TRACE).write_text(f"seed {job.seed}, input {index}\n{signature}\n{trace}")
        return
