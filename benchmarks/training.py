"""How fast a training step is: frames a second against the textbook twin, and what options cost.

usage: python benchmarks/training.py [packaged] [full] [curve] [--out FILE.json]

packaged, full   a step as it is run, compiled, recomputed and accumulated, and the textbook's, with
                 and without the local branch, which the released code trains too
curve            that both learn alike: losses of the first steps from the same weights and clips

Forward, loss and backward of random clips; each form in a process of its own, which waits while
others are measured. They take turns, and medians count.
"""

import argparse
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import torch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(Path(__file__).parent)]

from model import gflop, limits, machine, resident  # noqa: E402

from tcpformer.models.layers import JOINTS  # noqa: E402
from tcpformer.models.tcpformer import Config, TCPFormer  # noqa: E402
from tcpformer.runtime.memory import keep_freed_memory  # noqa: E402
from tcpformer.training.hardware import HardwareConfig, wrap_layers  # noqa: E402
from tcpformer.training.losses import Objective  # noqa: E402
from tcpformer.training.presets import PRESETS  # noqa: E402


def _joints() -> Config:
    """Return the packaged network without its pose layers, which the textbook lacks."""
    network = PRESETS["open"].network
    return replace(network, pose_layers=0, rotary_poses=False)


SIZES = {
    "packaged": (_joints(), PRESETS["open"].batch_size),
    "full": (Config(depth=2), 1),
}
"""Network, and clips of a step; of the full size 2 of the 16 layers, which cost what others do and
let all forms stay in memory side by side."""
FORMS = {
    "textbook+": "textbook, with the local branch",
    "textbook": "textbook",
    "plain": "as it is run",
    "fresh": "... memory given back each time",
    "compile": "... compiled by layer",
    "recompute": "... recomputed by layer",
    "accumulate": "... in 4 parts, gradients added",
}
ONLY_PACKAGED = ("fresh", "compile", "accumulate")
"""Of the full size one clip is a step, and compiling takes minutes."""


class Job(NamedTuple):
    """What one process does."""

    form: str
    size: str
    threads: int


class Textbook(torch.nn.Module):
    """A network computed by the textbook."""

    def __init__(self, model: TCPFormer) -> None:
        super().__init__()
        self.model, self.config = model, model.config

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        import textbook

        return textbook.forward(self.model, x)


def step_of(job: Job) -> Callable[[], float]:
    """One step: the loss and all gradients."""
    config, batch = SIZES[job.size]
    torch.manual_seed(0)
    model = TCPFormer(replace(config, local_branch=job.form == "textbook+"))
    for name, parameter in model.named_parameters():
        if name.endswith(".gain"):
            parameter.data.fill_(0.1)  # every branch counts
    hardware = HardwareConfig(
        device="cpu",
        tracker="none",
        compile=job.form == "compile",
        activation_checkpointing=job.form == "recompute",
    )
    wrap_layers(model, hardware)
    objective = Objective(Textbook(model) if "textbook" in job.form else model, PRESETS["open"])
    parts = 4 if job.form == "accumulate" else 1
    xyc, xyz = clips(batch, config.frames)

    def step() -> float:
        model.zero_grad()
        total = 0.0
        for x, y in zip(xyc.chunk(parts), xyz.chunk(parts), strict=True):
            loss = objective(x, torch.zeros_like(y), y) / parts
            loss.backward()
            total += loss.item()
        return total

    return step


def clips(batch: int, frames: int) -> Iterator[torch.Tensor]:
    """Input and truth, made up."""
    source = torch.Generator().manual_seed(0)
    return (torch.rand(batch, frames, JOINTS, 3, generator=source) - 0.5 for _ in range(2))


def serve(job: Job, pipe: Connection) -> None:
    """Step once to warm up, then at every request."""
    torch.set_num_threads(job.threads)
    torch.set_flush_denormal(True)
    if job.form != "fresh":
        keep_freed_memory()
    step, before = step_of(job), resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    step()
    pipe.send(resident("VmHWM") - before)
    while pipe.recv():
        start = time.perf_counter()
        step()
        pipe.send(time.perf_counter() - start)


def steps(size: str, rounds: int, threads: int) -> dict[str, Any]:
    """Seconds of a step and peak memory, form by form, in turns."""
    context = multiprocessing.get_context("spawn")
    forms = [f for f in FORMS if size == "packaged" or f not in ONLY_PACKAGED]
    workers: dict[str, tuple[Any, float, list[float]]] = {}
    for form in forms:
        ours, theirs = context.Pipe()
        job = Job(form, size, threads)
        context.Process(target=serve, args=(job, theirs), daemon=True).start()
        workers[form] = (ours, ours.recv(), [])
    for _ in range(rounds):
        for pipe, _, times in workers.values():
            pipe.send(True)
            times.append(pipe.recv())
    for pipe, _, _ in workers.values():
        pipe.send(False)
    base = workers["textbook"][2]
    return {
        form: {
            "seconds": statistics.median(times),
            "faster": statistics.median(a / b for a, b in zip(base, times, strict=True)),
            "peak": peak,
        }
        for form, (_, peak, times) in workers.items()
    }


def curve(count: int) -> list[tuple[float, float]]:
    """Losses of the textbook and of the step as it is run, from the same weights and clips."""
    config = replace(_joints(), depth=2)
    torch.manual_seed(0)
    ours, theirs = TCPFormer(config), TCPFormer(config)
    theirs.load_state_dict(ours.state_dict())
    objectives = [Objective(m, PRESETS["open"]) for m in (Textbook(theirs), ours)]
    optimizers = [torch.optim.AdamW(o.parameters(), lr=1e-3) for o in objectives]
    xyc, xyz = clips(4, config.frames)
    losses: list[tuple[float, float]] = []
    for _ in range(count):
        step_losses = []
        for objective, optimizer in zip(objectives, optimizers, strict=True):
            optimizer.zero_grad()
            loss = objective(xyc, torch.zeros_like(xyz), xyz)
            loss.backward()
            optimizer.step()
            step_losses.append(loss.item())
        losses.append((step_losses[0], step_losses[1]))
    return losses


def table(found: dict[str, Any]) -> str:
    """Everything as Markdown."""
    lines = [found["machine"], ""]
    best = max(found["limits"].values())
    for size, rows in found["sizes"].items():
        config, batch = SIZES[size]
        frames = config.frames * batch
        work = 3 * sum(gflop(config.frames, batch, config))
        lines += [f"{size}: {batch} clips of {config.frames} frames, {work:.0f} GFLOP a step", ""]
        lines += ["| | s a step | frames/s | faster than the textbook | of the limit | peak MB |"]
        lines += ["|---" * 6 + "|"]
        for form, r in rows.items():
            s, share = r["seconds"], 100 * work / best / r["seconds"]
            lines.append(
                f"| {FORMS[form]} | {s:.2f} | {frames / s:.0f} | {r['faster']:.2f} | {share:.0f} % "
                f"| {r['peak']:.0f} |"
            )
        lines.append("")
    if "curve" in found:
        gap = max(abs(a - b) / a for a, b in found["curve"])
        (first, _), (last, _) = found["curve"][0], found["curve"][-1]
        n = len(found["curve"])
        lines.append(f"loss over {n} steps {first:.4f} -> {last:.4f}; largest difference {gap:.0e}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["packaged", "full", "curve"])
    parser.add_argument("--out", type=Path, default=ROOT / "docs/figures/training_speed.json")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    found: dict[str, Any] = json.loads(args.out.read_text()) if args.out.exists() else {}
    found.setdefault("sizes", {})
    found |= {"machine": machine(args.threads), "limits": limits(args.threads)}
    for part in args.parts:
        if part == "curve":
            found["curve"] = curve(20)
        elif part in SIZES:
            found["sizes"][part] = steps(part, args.rounds, args.threads)
        else:
            raise SystemExit(f"parts are {[*SIZES, 'curve']}, got {part!r}.")
        args.out.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))


if __name__ == "__main__":
    main()
