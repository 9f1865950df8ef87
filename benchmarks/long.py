"""Time and memory of hours of keypoints of one person, with and without the network.

usage: python benchmarks/long.py [--hours 1 10] [--weights fast] [--network]

Without ``--network`` a stand-in answers at once, so that what remains are the other stages: reading
the file, cleaning, resampling, joining clips, post-processing and writing. Each length runs in a
process of its own.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tcpformer import Lifter, save
from tcpformer.io import read_detections
from tcpformer.lifting import lifter
from tcpformer.models.uncertainty_head import WithUncertainty
from tcpformer.skeleton import COCO
from tcpformer.tracking import assemble_people

FPS, SIZE = 30.0, (1280, 720)
_ACROSS = np.array([0, 0.05, 0.1, 0.2, 0.3, 0.3, 0.1, 0.1, 0.1])
_DOWN = np.array([-0.9, -1, -0.95, -0.6, -0.3, 0, 0, 0.5, 1])
BODY = 90 * np.stack([_ACROSS, _DOWN], axis=-1).repeat([1, *[2] * 8], axis=0)
BODY[2::2, 0] *= -1
"""Pixels of the joints of COCO about the hips."""


def write_keypoints(path: Path, frames: int) -> None:
    """Write a person who walks to and fro, with detector noise and absences."""
    rng, t = np.random.default_rng(0), np.arange(frames)[:, None] / FPS
    center = np.stack([640 + 300 * np.sin(0.2 * t), 380 + 20 * np.sin(0.05 * t)], axis=-1)
    xy = center + BODY + rng.normal(0, 2, (frames, 17, 2))
    xy[..., 0] += 30 * np.sin(5 * t) * np.sign(BODY[:, 0]) * (np.abs(BODY[:, 1]) > 20)
    confidence = rng.uniform(0.5, 1, (frames, 17))
    confidence[(np.arange(frames) // 300) % 11 == 7] = 0
    np.savez(path, xy=xy, confidence=confidence, joints=COCO.joints, fps=FPS, size=SIZE)


def stand_in(model: Any, xyc: np.ndarray, *_: Any, **__: Any) -> np.ndarray:
    """Return an answer of the right shape: the flat pose, and sigma if it is predicted."""
    width = 6 if isinstance(model, WithUncertainty) else 3
    return np.zeros((*xyc.shape[:3], width), dtype=np.float32)


def measure(hours: float, weights: str, network: bool) -> dict[str, Any]:
    """Lift a file of some hours; return CPU seconds of each stage and the peak of memory."""
    if not network:
        lifter.run_network = stand_in
    spent: dict[str, float] = {}

    def stage(name: str, work: Any) -> Any:
        start = time.process_time()
        result = work()
        spent[name] = time.process_time() - start
        return result

    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "k.npz", Path(folder)
        write_keypoints(path, round(hours * 3600 * FPS))
        people = stage("read", lambda: assemble_people(read_detections(path)))
        lift = stage("load weights", lambda: Lifter(weights))
        raw = stage("lift", lambda: lift(people.pop()))
        stage("write npz", lambda: save(raw, out / "a.npz"))
        stage("write bvh", lambda: save(raw, out / "a.bvh"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"hours": hours, "spent": spent, "peak": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 10])
    parser.add_argument("--weights", default="fast")
    parser.add_argument("--network", action="store_true")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        print(json.dumps(measure(args.hours[0], args.weights, args.network)))
        return
    for hours in args.hours:
        line = [sys.executable, __file__, "--inside", "--hours", str(hours)]
        line += ["--weights", args.weights, *(["--network"] if args.network else [])]
        found = json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)
        stages = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in found["spent"].items())
        total = sum(found["spent"].values()) - found["spent"]["load weights"]
        print(f"{hours:g} h: {total:.1f} s of CPU, {found['peak']:.0f} MB; {stages}", flush=True)


if __name__ == "__main__":
    main()
