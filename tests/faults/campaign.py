"""Kill, interrupt and break the verbs that write, and check what is on the disk afterwards.

python tests/faults/campaign.py [--kills 1000] [--step 1] [--only lift] [--calls ENOSPC EROFS]

A parent that has run each verb once, and remembers what writes no file (traces of networks, drawn
figures), forks a process for each run. Three kinds of fault: a signal (KILL, INT, TERM) after a
random time; SIGKILL at the n-th call that changes a file, for every n; and an error (ENOSPC, EROFS,
EIO) of that call, once or from then on. `shim.c`, preloaded, counts the calls, of C libraries too.
After each, earlier results are whole or the new ones are; the next run succeeds and leaves no
temporary file. An error ends in one sentence, exit code 2, or does not matter.
"""

import argparse
import ctypes
import errno
import hashlib
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "support")]

IMPORTED = (
    *("tcpformer.pipeline", "tcpformer.lifting.lifter", "tcpformer.training.train"),
    *("tcpformer.cli.train", "tcpformer.evaluation.open_benchmark", "tcpformer.evaluation.report"),
    *("tcpformer.runtime.export", "matplotlib.figure", "matplotlib.backends.backend_agg"),
    *("accelerate", "onnxscript", "torch.onnx", "torch.export"),
)
Runner = Callable[[Path, int], None]
ERRORS = {
    "SIGKILL at a call": (0, False),
    "EIO once": (errno.EIO, False),
    "ENOSPC once": (errno.ENOSPC, False),
    "ENOSPC from then on": (errno.ENOSPC, True),
    "EROFS from then on": (errno.EROFS, True),
}


@dataclass
class Verb:
    """What is run, and on which folder."""

    name: str
    run: Runner
    """Called with the folder and 0 or 1, which select the results."""
    share: float
    """Of the kills."""
    resumes: bool = False
    """Whether a run continues an earlier one, so that only the end is compared; a folder with an
    end is not used again."""


@dataclass
class Campaign:
    """Counts of one verb."""

    verb: Verb
    folder: Path
    expected: list[dict[str, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    """Of an undisturbed run."""
    calls: int = 0
    """That change files, in an undisturbed run."""
    started: float = field(default_factory=time.monotonic)

    def report(self) -> None:
        """Print the counts so far."""
        found = ", ".join(f"{kind}: {count}" for kind, count in self.counts.items())
        seconds = time.monotonic() - self.started
        print(f"{self.verb.name}: {found} ({self.calls} calls, {seconds:.0f} s)", flush=True)

    def measure(self) -> None:
        """Run both variants undisturbed, in folders of their own."""
        for variant in (0, 1):
            out = self.folder / f"expected{variant}"
            start = time.monotonic()
            code, calls = forked(self.verb.run, out, variant, at=10**9)
            self.seconds, self.calls = time.monotonic() - start, max(calls, self.calls)
            assert code == 0, f"{self.verb.name} ends with {code}"
            self.expected.append(results(out))
        assert self.verb.resumes or self.expected[0] != self.expected[1]

    def interrupt(self, number: int, signals: tuple[int, ...], chance: random.Random) -> None:
        """Send a signal after a random time, again and again into one folder."""
        out = self.folder / "interrupted"
        for i in range(number):
            sent = signals[i % len(signals)]
            delay = chance.uniform(0, self.seconds)
            code, _ = forked(self.verb.run, out, i % 2, after=delay, send=sent)
            self.check(out, i % 2, code, signal.Signals(sent).name)
            ended = code == 0 and self.verb.resumes
            if i % 10 == 9 or i == number - 1 or ended:
                self.finish(out, i % 2)

    def break_calls(self, kind: str, step: int) -> None:
        """Let every call fail in turn, or every step-th."""
        error, stays = ERRORS[kind]
        out = self.folder / "broken"
        for i, at in enumerate(range(1, self.calls + 1, step)):
            code, calls = forked(self.verb.run, out, at % 2, at=at, error=error, stays=stays)
            assert code in ((0, 2) if error else (0, -9)), f"{kind}, call {at}: exit code {code}"
            self.counts["call not reached"] += code >= 0 and calls < at
            self.check(out, at % 2, code, kind)
            if self.verb.resumes or i % 5 == 4 or at + step > self.calls:
                self.finish(out, at % 2)

    def check(self, out: Path, variant: int, code: int, kind: str) -> None:
        """Check that results are whole, those of before or those of this run."""
        from tcpformer.result_folder import recover

        self.counts[kind] += 1
        if self.verb.resumes:
            return  # the end is compared
        found = results(out)
        if mixed(found, self.expected):
            self.counts["between two renames"] += 1
            for folder in {name.split("/")[0] for name in found if "/" in name}:
                one, *whole = (below(each, folder) for each in (found, *self.expected))
                assert not mixed(one, whole), f"{kind}: {out / folder} is of two runs"
            assert code < 0 or code == 2, f"{kind}: mixed results, exit code {code}"
            recover(out)
            assert not mixed(results(out), self.expected), f"{kind}: {out} is of two runs"
        elif code == 0:
            assert found == self.expected[variant], f"{kind}: exit code 0, other results in {out}"
        else:
            assert code in (-9, 1, 2, 130, 143, -2, -15), f"{kind}: exit code {code}"

    def finish(self, out: Path, variant: int) -> None:
        """Check that an undisturbed run succeeds and leaves no temporary file."""
        code, _ = forked(self.verb.run, out, variant)
        assert code == 0, f"{self.verb.name} ends with {code} in {out}"
        assert results(out) == self.expected[variant], f"other results in {out}"
        hidden = list(out.rglob(".*"))
        assert not hidden, f"left behind: {hidden}"
        if self.verb.resumes:
            shutil.rmtree(out)  # the next run starts from nothing


def mixed(found: dict[str, str], expected: list[dict[str, str]]) -> bool:
    """Whether results are neither none nor those of one run."""
    return bool(found) and found not in expected


def below(found: dict[str, str], folder: str) -> dict[str, str]:
    """Return the results in one folder."""
    return {name: each for name, each in found.items() if name.startswith(f"{folder}/")}


def results(out: Path) -> dict[str, str]:
    """Path -> hash of the results, without what names the run or the time."""
    from tcpformer.manifest import MANIFEST

    skipped = {MANIFEST, "run.json", "log.jsonl", "checkpoint.pt", "curves.png"}
    return {
        p.relative_to(out).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in out.rglob("*")
        if p.is_file() and p.name not in skipped and not hidden_below(p, out)
    }


def hidden_below(path: Path, out: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(out).parts)


def forked(  # noqa: PLR0913 - one place
    run: Runner,
    out: Path,
    variant: int,
    *,
    after: float | None = None,
    send: int = signal.SIGKILL,
    at: int | None = None,
    error: int = 0,
    stays: bool = False,
) -> tuple[int, int]:
    """Run in a process of its own; return its exit code, or minus the signal, and the calls."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os._exit(in_child(run, out, variant, writer, (at, error, stays)))
    os.close(writer)
    if after is not None:
        time.sleep(after)
        os.kill(child, send)
    with os.fdopen(reader) as pipe:
        counted = pipe.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), int(counted or 0)


def in_child(
    run: Runner, out: Path, variant: int, writer: int, fault: tuple[int | None, int, bool]
) -> int:
    at, error, stays = fault
    signal.signal(signal.SIGINT, signal.default_int_handler)
    quiet = os.open(os.devnull, os.O_WRONLY)
    if not os.environ.get("FAULTS_VERBOSE"):
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
    shim = ctypes.CDLL(None)
    try:
        if at is not None:
            shim.fault_arm(ctypes.c_long(at), error, int(stays))
        run(out, variant)
        return 0
    except SystemExit as ended:
        return int(ended.code or 0)
    except BaseException as other:  # a traceback that a user would see
        print(repr(other), file=sys.stderr)
        return 99 if not isinstance(other, KeyboardInterrupt) else 130
    finally:
        if at is not None:
            shim.fault_calls.restype = ctypes.c_long
            count = shim.fault_calls()
            shim.fault_arm(ctypes.c_long(-1), 0, 0)
            os.write(writer, str(count).encode())


def make_verbs(folder: Path) -> list[Verb]:
    """Return the verbs, on inputs made in a folder."""
    from commands import run, tiny_weights
    from keypoint_files import openpose, people
    from paths import EXCERPT
    from trainings import OWN, own_folder

    from tcpformer.skeleton import BODY25
    from tcpformer.training.presets import config_to_dict

    for module in IMPORTED:  # once, not in every process
        importlib.import_module(module)
    weights = tiny_weights(folder / "weights")
    two_people = openpose(folder / "json", people(BODY25))
    (folder / "own").mkdir()
    own = own_folder(folder / "own")
    config = folder / "config.json"
    config.write_text(json.dumps(config_to_dict(replace(OWN, steps=2))))

    def lift(out: Path, variant: int) -> None:
        height = ("1.6", "1.9")[variant]
        run("lift", two_people, "--fps", 30, "--size", 1280, 720, "--out", out, "--weights",
            weights, "--height", height, "--save-raw", "--no-flip", "--no-postprocess")  # fmt: skip

    def evaluate(out: Path, variant: int) -> None:
        flip = ("--flip", "--no-flip")[variant]
        run("evaluate", "open", "--data", EXCERPT, "--weights", weights, "--out", out, flip,
            "--view-step", "40")  # fmt: skip

    def export(out: Path, variant: int) -> None:
        static = ("--static", "--no-static")[variant]
        run("export", weights, "--format", "onnx", "--out", out / "net.onnx", static)

    def train(out: Path, variant: int) -> None:
        run("train", config, "--data", own, "--out", out, "--hardware.device", "cpu",
            "--hardware.tracker", "none", "--hardware.checkpoint-seconds", 0)  # fmt: skip

    return [
        Verb("lift", lift, 0.5),
        Verb("train", train, 0.2, resumes=True),
        Verb("evaluate", evaluate, 0.15),
        Verb("export", export, 0.15),
    ]


def remember() -> None:
    """Trace a network once, and draw no figure, but write the files: other faults take as long."""
    from matplotlib.figure import Figure

    from tcpformer.runtime import export

    trace, to_onnx = export._trace, torch.onnx.export
    traces: dict[bool, Any] = {}
    programs: dict[int, Any] = {}

    def trace_once(network: Any, description: Any, precision: Any) -> Any:
        if description.static not in traces:
            traces[description.static] = trace(network, description, precision)
        return traces[description.static]

    def to_onnx_once(traced: Any, **options: Any) -> Any:
        if id(traced) not in programs:
            programs[id(traced)] = to_onnx(traced, **options)
        return programs[id(traced)]

    export._trace, torch.onnx.export = trace_once, to_onnx_once  # type: ignore[assignment]
    Figure.savefig = lambda _, path, **__: Path(path).write_bytes(b"figure")  # type: ignore[assignment]


def preload() -> None:
    """Compile `shim.c`, and start this program again with it."""
    library = Path(tempfile.gettempdir()) / f"tcpformer-faults-{os.getpid()}.so"
    source = str(HERE / "shim.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    added = {"LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1"}
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **added})


def main() -> None:
    """Run the campaign, and print a table."""
    parser = argparse.ArgumentParser(description="Kill, interrupt and break verbs.")
    parser.add_argument("--kills", type=int, default=1000, help="random moments, in all")
    parser.add_argument("--step", type=int, default=1, help="break every n-th call")
    parser.add_argument("--only", default="", help="one verb")
    parser.add_argument(
        "--calls", nargs="*", default=list(ERRORS), help=f"how calls fail, of {list(ERRORS)}"
    )
    options = parser.parse_args()
    if "tcpformer-faults" not in os.environ.get("LD_PRELOAD", ""):
        preload()
    chance = random.Random(0)
    with tempfile.TemporaryDirectory() as name:
        verbs = make_verbs(Path(name))
        remember()
        for verb in verbs:
            if options.only not in ("", verb.name):
                continue
            campaign = Campaign(verb, Path(name) / verb.name)
            for variant in (0, 1):
                verb.run(Path(name) / f"warm{verb.name}{variant}", variant)
            campaign.measure()
            share = 1.0 if options.only else verb.share
            number = round(options.kills * share)
            for i in range(0, number, 50):
                campaign.interrupt(min(50, number - i), (signal.SIGKILL,), chance)
                campaign.report()
            campaign.interrupt(number // 5, (signal.SIGINT, signal.SIGTERM), chance)
            campaign.report()
            for kind in ERRORS:
                if not any(kind.startswith(name) for name in options.calls):
                    continue
                campaign.break_calls(kind, options.step)
                campaign.report()
    Path(os.environ["LD_PRELOAD"]).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
