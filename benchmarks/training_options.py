"""What the options of training cost: processor time and peak memory, beside plain float32.

usage: python benchmarks/training_options.py MOCAP.npz [--steps 25] [--rounds 3]

The network and the batch are those of the packaged weights; drawing the clips counts. Every option
runs in a process of its own, on one thread. They take turns, and each is measured by the plain run
of its turn.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch

from tcpformer.training.hardware import HardwareConfig
from tcpformer.training.presets import PRESETS
from tcpformer.training.train import train

WARM_UP = 5
"""Steps that are not counted; compiling is in the first."""
OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain float32": ({}, {}),
    "bf16": ({}, {"precision": "bf16"}),
    "compile": ({}, {"compile": True}),
    "recompute": ({}, {"activation_checkpointing": True}),
    "moving average": ({"ema_decay": 0.999}, {}),
    "gradient clipping": ({"grad_clip_norm": 1.0}, {}),
    "4 clips, 4 times": ({"batch_size": 4, "grad_accum_steps": 4}, {}),
}
"""Changes of the plan and of the machine."""


def measure(option: str, data: str, steps: int) -> dict[str, float]:
    """Median seconds of processor time of a step, and MiB held at most, in this process."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    of_plan, of_machine = OPTIONS[option]
    how = {
        "grad_clip_norm": 0.0,
        "ema_decay": 0.0,
        "checkpoint_selection": "last",
        "grad_accum_steps": 1,
    }
    plan = replace(PRESETS["open"], steps=steps, **how)
    machine = HardwareConfig(device="cpu", tracker="none", **of_machine)
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        train(
            replace(plan, **of_plan),
            data,
            folder,
            machine,
            progress=lambda done, total: times.append(time.process_time()),
        )
    spent = [b - a for a, b in pairwise(times[WARM_UP:-1])]  # the last step is saved, too
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": statistics.median(spent), "peak": peak}


def in_a_process(option: str, data: str, steps: int) -> dict[str, float]:
    call = [sys.executable, __file__, data, "--steps", str(steps), "--option", option]
    return json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--option", choices=OPTIONS, help="measure this one alone, as JSON")
    args = parser.parse_args()
    if args.option:
        print(json.dumps(measure(args.option, args.data, args.steps)))
        return
    turns = [
        {option: in_a_process(option, args.data, args.steps) for option in OPTIONS}
        for _ in range(args.rounds)
    ]
    print(f"torch {torch.__version__}, one thread, {args.rounds} rounds of {args.steps} steps\n")
    print("| option | ms a step | time, of plain | peak MiB | peak, of plain |")
    print("|---|---|---|---|---|")
    for option in OPTIONS:
        found = {
            key: (
                statistics.median(turn[option][key] for turn in turns),
                statistics.median(
                    turn[option][key] / turn[next(iter(OPTIONS))][key] for turn in turns
                ),
            )
            for key in ("seconds", "peak")
        }
        (seconds, slower), (peak, larger) = found["seconds"], found["peak"]
        print(f"| {option} | {1000 * seconds:.0f} | {slower:.2f} | {peak:.0f} | {larger:.2f} |")


if __name__ == "__main__":
    main()
