"""Pack motion capture and train the packaged weights: one command, on a GPU if there is one.

usage: python tools/train_packaged.py MOCAP.npz [OUT] [--device cuda] [--dry-run]

OUT is an ignored folder, runs/packaged by default: the training data are packed into OUT/mocap.npz
(compressed, only what training reads), the run is OUT/run. The command resumes after it was
stopped; a checkpoint is written every three minutes. `--dry-run` trains 2 steps of 2 clips on the
CPU. `tools/pack_weights.py OUT/run` puts the result into the package.
"""

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from tcpformer.files import atomic_write
from tcpformer.training.hardware import HardwareConfig
from tcpformer.training.presets import PRESETS
from tcpformer.training.train import train

KEYS = ("relative", "root", "offsets", "split", "activity", "joints", "fps")


def pack(source: Path, target: Path) -> None:
    """Write the arrays that training reads, compressed, unless they are there."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with np.load(source) as file, atomic_write(target) as beside, beside.open("wb") as out:
        np.savez_compressed(out, **{key: file[key] for key in KEYS})


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("mocap", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=Path("runs/packaged"))
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--dry-run", action="store_true")
    args = parser.parse_args(arguments)
    config = PRESETS["open"]
    hardware = HardwareConfig(precision="tf32", workers=os.cpu_count() or 1, compile=True)
    if args.dry_run:
        config = replace(config, steps=2, batch_size=2, grad_accum_steps=1)
    if args.dry_run or args.device == "cpu":
        hardware = HardwareConfig(device="cpu", tracker="none")
    elif not torch.cuda.is_available():
        raise SystemExit("expected a CUDA device, found none; pass --device cpu or --dry-run.")
    else:  # one large batch instead of many small ones
        clips = config.batch_size * config.grad_accum_steps
        config = replace(config, batch_size=clips, grad_accum_steps=1)
    torch.set_flush_denormal(True)
    pack(args.mocap, args.out / "mocap.npz")
    start = time.monotonic()

    def progress(done: int, total: int) -> None:
        print(f"\rstep {done} of {total}, {time.monotonic() - start:.0f} s", end="", flush=True)

    train(
        config,
        args.out / "mocap.npz",
        args.out / "run",
        hardware,
        report=lambda row: print(f"\n{row}"),
        progress=progress,
    )
    print(f"\n{args.out / 'run' / 'weights'}")


if __name__ == "__main__":
    main()
