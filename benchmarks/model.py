"""Measure the network against the textbook and the machine: time, memory, growth, runtimes.

usage: python benchmarks/model.py [table] [growth] [memory] [runtimes] [--out FILE]

table, growth, memory: depth 16, width 128, one set of random weights, one input. Every row runs in
a process of its own, which waits while others are measured; the rows take turns, and the median
counts. Results of other parts stay as they are in the file; the figure beside it is drawn from all.
(a) forms every attention matrix in float32 and runs the local branch, as the released code does.

runtimes: the packaged networks in PyTorch and in ONNX Runtime, at the batch that lifting uses, on
one and two threads: the best times of runs in turns, and their ratio.
"""

import argparse
import json
import math
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from tcpformer.models.layers import JOINTS  # noqa: E402
from tcpformer.models.tcpformer import Config, TCPFormer  # noqa: E402
from tcpformer.weights import Weights  # noqa: E402

ROWS = {
    "a": "textbook, float32",
    "b": "PyTorch, float32",
    "c": "PyTorch, bfloat16",
    "d": "PyTorch, compiled, float32",
    "e": "ONNX Runtime, float32",
    "f": "OpenVINO, float32",
    "f16": "OpenVINO, bfloat16",
}
FLOAT32 = ("mm", "onednn")
LONG = 1900
"""Frames in all from which one run is enough, and the textbook takes too much memory."""
LAYERS = 4
"""Layers of the networks whose growth is measured: every layer costs the same."""
PRODUCTS = {"mm": "float32, torch.mm", "onednn": "float32, oneDNN", "mm16": "bfloat16"}
SMALL = 512
"""Side of the matrices that show whether bfloat16 gains; where not, larger ones take minutes."""
PRODUCTS_A_TURN = 2


class Job(NamedTuple):
    """The work of one process."""

    row: str
    frames: int = 243
    batch: int = 1
    depth: int = 16
    file: str = ""
    side: int = 2048
    """Side of the square matrices whose product is the machine's limit."""


def gflop(frames: int, batch: int, config: Config) -> tuple[float, float]:
    """Return GFLOP of the linear layers and of attention, without the local branch."""
    c, n = config.width, frames * JOINTS
    linear = 2 * 88 * c * c * n
    over_time = 4 * JOINTS * c * frames * (4 * frames + 4 * config.proxy_length)
    over_joints = 2 * 4 * frames * c * JOINTS**2
    scale = config.depth * batch / 1e9
    return linear * scale, (over_time + over_joints) * scale


def network(frames: int, depth: int) -> TCPFormer:
    torch.manual_seed(0)
    model = TCPFormer(Config(frames=frames, depth=depth, local_branch=True)).eval()
    for name, parameter in model.requires_grad_(False).named_parameters():
        if name.endswith(".gain"):
            parameter.fill_(0.1)  # every branch counts
    return model


def build_row(job: Job) -> Callable[[torch.Tensor], Any]:
    """Return the function that a row times."""
    import textbook

    from tcpformer.runtime.backends import load_exported
    from tcpformer.runtime.device import in_bfloat16, without_local_branch

    model = network(job.frames, job.depth)
    if job.row == "a":
        return lambda x: textbook.forward(model, x)
    light = without_local_branch(model)
    if job.row == "c":
        return in_bfloat16(light)
    if job.row == "d":
        for layer in (*light.mixers, *light.exchanges):
            layer.compile()
    if job.row == "e":
        return load_exported(job.file).model
    return openvino(job) if job.row in ("f", "f16") else light


def openvino(job: Job) -> Callable[[torch.Tensor], Any]:
    import openvino as ov

    kind = "bf16" if job.row == "f16" else "f32"
    how = {"INFERENCE_PRECISION_HINT": kind, "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    compiled = ov.Core().compile_model(job.file, "CPU", how)
    return lambda x: torch.from_numpy(compiled(x.numpy())[0])


def product(row: str, side: int) -> Callable[[torch.Tensor], Any]:
    """Return products of square matrices, which ignore the input."""
    x = torch.randn(side, side, dtype=torch.bfloat16 if row == "mm16" else torch.float32)
    if row == "onednn":
        bias = torch.zeros(side)
        multiply = torch.ops.mkldnn._linear_pointwise
        return lambda _: [multiply(x, x, bias, "none", [], "none") for _ in range(PRODUCTS_A_TURN)]
    return lambda _: [x @ x for _ in range(PRODUCTS_A_TURN)]


def resident(line: str) -> float:
    """Return MB of this process: VmRSS now, VmHWM at most."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(s for s in status if s.startswith(line)).split()[1]) / 1024


@torch.inference_mode()
def serve(job: Job, threads: int, pipe: Connection) -> None:
    """Run once to warm up, then for every message, until a false one."""
    torch.set_num_threads(threads)
    x = torch.rand(job.batch, job.frames, JOINTS, 3, generator=torch.Generator().manual_seed(0))
    run = product(job.row, job.side) if job.row in PRODUCTS else build_row(job)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    start = time.perf_counter()
    output = run(x - 0.5)
    first = time.perf_counter() - start
    peak = resident("VmHWM") - before
    output = output[0, ::9].numpy() if job.row in ROWS else np.zeros(1)
    pipe.send({"output": output, "peak": peak, "first": first})
    while pipe.recv():
        start = time.perf_counter()
        run(x - 0.5)
        pipe.send(time.perf_counter() - start)


def measure(jobs: list[Job], rounds: int, threads: int) -> list[dict[str, Any]]:
    """Return the times of all jobs, which take turns."""
    context = multiprocessing.get_context("spawn")
    workers = []
    for job in jobs:
        pipe, other_end = context.Pipe()
        process = context.Process(target=serve, args=(job, threads, other_end), daemon=True)
        process.start()
        workers.append((pipe, {"job": job._asdict(), **pipe.recv(), "seconds": []}))
    print("measuring", flush=True)
    for _ in range(rounds):
        for pipe, result in workers:
            pipe.send(True)
            result["seconds"].append(pipe.recv())
    print("measured", flush=True)
    for pipe, _ in workers:
        pipe.send(False)
    return [result for _, result in workers]


def table(rounds: int, threads: int, without: list[str]) -> dict[str, Any]:
    """Measure the rows (a) to (f) at T = 243, one clip."""
    from tcpformer.runtime.device import without_local_branch
    from tcpformer.runtime.export import export

    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "network.onnx")
        rows = [r for r in ROWS if has_bfloat16(threads) or "bfloat16" not in ROWS[r]]
        rows = [r for r in rows if r not in without]
        if {"e", "f"} & set(rows):
            export(Weights(without_local_branch(network(243, 16)), None, "random"), file, "onnx")
        jobs = [Job(row) for row in FLOAT32] + [Job(row, file=file) for row in rows]
        results = {r["job"]["row"]: r for r in measure(jobs, rounds, threads)}
    expected = results["a"]["output"]
    found: dict[str, Any] = {"machine": machine(threads), "rows": {}, "limits": limits(threads)}
    for row in FLOAT32:  # measured in turn with the others
        found["limits"][row] = rate(results[row])
    for row in rows:
        times = results[row]["seconds"]
        found["rows"][row] = {
            "seconds": statistics.median(times),
            "faster": statistics.median(
                a / b for a, b in zip(results["a"]["seconds"], times, strict=True)
            ),
            "peak": results[row]["peak"],
            "difference": float(np.abs(results[row]["output"] - expected).max()),
        }
    return found


def growth(rounds: int, threads: int) -> list[dict[str, Any]]:
    """Measure time against length and number of clips; long clips run once, cold."""
    found = []
    for frames in (27, 81, 243, 729):
        for batch in (1, 8):
            size = frames * batch
            rows = [r for r in curves(threads) if r != "a" or size < LONG]
            jobs = [Job(row, frames, batch, LAYERS) for row in rows]
            turns = rounds if size < LONG else 0
            parts = [jobs] if turns else [[job] for job in jobs]
            for result in (r for part in parts for r in measure(part, turns, threads)):
                seconds = statistics.median(result["seconds"] or [result["first"]])
                found.append(result["job"] | {"seconds": seconds})
    return found


def memory(threads: int) -> list[dict[str, Any]]:
    """Measure peak memory above the weights against clip length; depth 2 stands for any."""
    found = []
    for frames in (243, 729, 2187):
        for row in curves(threads):
            if row == "a" and frames > LONG:
                continue
            result = measure([Job(row, frames, 1, 2)], 0, threads)[0]
            found.append(result["job"] | {"peak": result["peak"]})
    return found


def curves(threads: int) -> list[str]:
    """Return the rows whose growth is measured."""
    return ["a", "b", *(["c"] if has_bfloat16(threads) else [])]


@cache
def limits(threads: int) -> dict[str, float]:
    """Return GFLOP/s of matrix products, by library and precision."""
    small = {r["job"]["row"]: rate(r) for r in measure(_products(SMALL), 2, threads)}
    worth = small["mm16"] > max(small[row] for row in FLOAT32)
    jobs = [job for job in _products(2048) if worth or job.row in FLOAT32]
    return small | {r["job"]["row"]: rate(r) for r in measure(jobs, 2, threads)}


def _products(side: int) -> list[Job]:
    return [Job(row, side=side) for row in PRODUCTS]


def rate(result: dict[str, Any]) -> float:
    """Return GFLOP/s of a product, at its best."""
    return PRODUCTS_A_TURN * 2 * result["job"]["side"] ** 3 / 1e9 / min(result["seconds"])


def has_bfloat16(threads: int) -> bool:
    """Return whether the processor multiplies faster in bfloat16 than in float32."""
    rates = limits(threads)
    return rates["mm16"] > max(rates[row] for row in FLOAT32)


@torch.inference_mode()
def runtimes(rounds: int) -> str:
    """Return a table of PyTorch against ONNX Runtime at the packaged clip length."""
    from tcpformer.lifting.run_network import CLIPS_AT_ONCE
    from tcpformer.models.checkpoint import load_weights
    from tcpformer.runtime.backends import weights_for
    from tcpformer.weights import packaged_names

    lines = ["| network | threads | clips | PyTorch, ms | ONNX Runtime, ms | ratio |"]
    lines.append("|---" * 6 + "|")
    for threads in (1, 2):
        torch.set_num_threads(threads)
        for name in packaged_names():
            weights = load_weights(name)
            forms = (weights.model, weights_for(weights, "onnx").model)
            for clips in (1, CLIPS_AT_ONCE):
                x = torch.rand(clips, weights.model.config.frames, JOINTS, 3) - 0.5
                best = [math.inf, math.inf]
                for _ in range(rounds + 1):  # the first warms up
                    for i, form in enumerate(forms):
                        start = time.perf_counter()
                        form(x)
                        best[i] = min(best[i], 1000 * (time.perf_counter() - start))
                lines.append(
                    f"| {name} | {threads} | {clips} | {best[0]:.1f} | {best[1]:.1f} | "
                    f"{best[0] / best[1]:.2f} |"
                )
    return "\n".join(lines)


def machine(threads: int) -> str:
    cpu = Path("/proc/cpuinfo").read_text().split("model name\t: ")[1].split("\n")[0]
    return f"{cpu}, {threads} of {os.cpu_count()} cores, torch {torch.__version__}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["table", "growth", "memory"])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "figures" / "performance.json")
    parser.add_argument("--without", nargs="*", default=[], choices=ROWS, help="rows of the table")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    found = json.loads(args.out.read_text()) if args.out.exists() else {}
    for part in args.parts:
        if part == "table":
            found["table"] = table(args.rounds, args.threads, args.without)
        elif part == "growth":
            found["growth"] = growth(args.rounds, args.threads)
        elif part == "memory":
            found["memory"] = memory(args.threads)
        elif part == "runtimes":
            print(runtimes(args.rounds))
            continue
        else:
            raise SystemExit(f"parts are table, growth, memory and runtimes, got {part!r}.")
        args.out.write_text(json.dumps(found, indent=1) + "\n")
    from model_pictures import draw, tables

    print(tables(found))
    draw(found, args.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
