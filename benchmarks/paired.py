"""Run the same clip through this commit and another checkout, or another program, in turns."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2

from tcpformer.io.video import Frame, open_video, write_video

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "assets/sample.mp4"
ONE_PERSON = (150, 0, 640, 360)
"""Left, top, width and height of the part of the sample clip that shows the man alone."""
START = 2
"""Frames of the clip by which the time to open networks, no part of a rate, is measured."""
CHILD = """
import json, sys, time
from pathlib import Path
from tcpformer import LiftOptions, lift_file
def lift(clip):
    wall, cpu = time.perf_counter(), time.process_time()
    options = LiftOptions(overlay=False, landmarks=sys.argv[4])
    motions = lift_file(Path(clip), Path(sys.argv[3]) / Path(clip).stem, options)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return len(motions[0]), len(motions), wall, cpu
lift(sys.argv[1])
print(json.dumps([lift(clip) for clip in sys.argv[1:3]]))
"""


@dataclass(frozen=True)
class Run:
    """One run over a clip, without the start of the program and of the networks."""

    frames: int
    people: int
    wall: float
    cpu: float


def make_clip(
    target: Path, height: int, count: int, part: tuple[int, int, int, int] | None = None
) -> None:
    """Write the first frames of the sample clip, or of a part of its picture, at a height.

    The first `START` of them are written beside it as well.
    """
    if count > START:
        make_clip(_start_of(target), height, START, part)
    video = open_video(SAMPLE)
    left, top, width, high = part or (0, 0, *video.size)
    size = (round(width * height / high / 2) * 2, height)
    write_video(
        target,
        (
            Frame(f.index, f.time, cv2.resize(f.image[top : top + high, left : left + width], size))
            for f in islice(video.frames(), count)
        ),
        video.fps,
    )


def run_checkout(checkout: Path, clip: Path, landmarks: str) -> Run:
    """Lift a clip with the package of a checkout, in a new process, less the time of a short one.

    `make_clip` wrote the short one beside it.
    """
    with tempfile.TemporaryDirectory() as out:
        line = [sys.executable, "-c", CHILD, str(_start_of(clip)), str(clip), out, landmarks]
        path = {**os.environ, "PYTHONPATH": str(checkout / "src")}
        done = subprocess.run(line, env=path, check=True, stdout=subprocess.PIPE, text=True)
    (short, _, *start), (frames, people, *whole) = json.loads(done.stdout.splitlines()[-1])
    return Run(frames - short, people, whole[0] - start[0], whole[1] - start[1])


def _start_of(clip: Path) -> Path:
    return clip.with_stem(clip.stem + "_start")


def median(runs: Sequence[Run]) -> Run:
    """Return the medians of several runs."""
    wall, cpu = (statistics.median(getattr(r, each) for r in runs) for each in ("wall", "cpu"))
    return Run(runs[0].frames, runs[0].people, wall, cpu)


def compare_checkouts(other: Path, height: int, count: int, runs: int) -> None:
    """Print frames a second of both checkouts, for one and two people, heavy and full."""
    print("| landmarks, people | before, frames a second | now | CPU ms a frame before | now |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for people, part in ((1, ONE_PERSON), (2, None)):
            clip = Path(folder) / f"{people}.mp4"
            make_clip(clip, height, count, part)
            for landmarks in ("heavy", "full"):
                each: dict[Path, list[Run]] = {other: [], ROOT: []}
                for _ in range(runs):
                    for checkout, found in each.items():
                        found.append(run_checkout(checkout, clip, landmarks))
                before, now = (median(found) for found in each.values())
                rates = [f"{r.frames / r.wall:.1f}" for r in (before, now)]
                work = [f"{1000 * r.cpu / r.frames:.0f}" for r in (before, now)]
                row = [f"{landmarks}, {now.people}", *rates, *work]
                print(f"| {' | '.join(row)} |", flush=True)
