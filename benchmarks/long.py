"""Time and memory of hours of keypoints of one person, with and without the network.

usage: python benchmarks/long.py [--hours 1 10] [--weights fast] [--network] [--swapped 0.05]

Without ``--network`` a stand-in answers at once, so that what remains are the other stages: reading
the file, cleaning, resampling, joining clips, post-processing and writing. Each length runs in a
process of its own. With ``--swapped`` the detector names all joints after the other side for a
share of each minute.
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

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from motions import SIZE, motion3d, walk
from walk26 import walk26

from tcpformer import Lifter, save
from tcpformer.io import read_detections
from tcpformer.lifting import lifter
from tcpformer.skeleton import H36M
from tcpformer.tracking import assemble_people

FPS, SPEED, RADIUS = 30.0, 1.2, 1.5
NOISE = 3.0
"""Pixels, one sigma at confidence 0.5; half of it at 1."""


def write_keypoints(path: Path, frames: int, swapped: float = 0.0) -> None:
    """Write a person who walks in a circle, with detector noise, absences and exchanged sides."""
    rng, parts, stride = np.random.default_rng(0), [], walk(30, FPS, speed=0.0).xyz
    for first in range(0, frames, 9000):
        body = stride[np.arange(first, min(first + 9000, frames)) % len(stride)]
        turn = SPEED / RADIUS * (first + np.arange(len(body))) / FPS
        c, s = np.cos(turn), np.sin(turn)
        body = np.stack(
            [
                c[:, None] * body[..., 0] - s[:, None] * body[..., 1] - RADIUS * c[:, None],
                s[:, None] * body[..., 0] + c[:, None] * body[..., 1] - RADIUS * s[:, None],
                body[..., 2],
            ],
            axis=-1,
        )
        parts.append(motion3d(body).xy)
    xy, at = np.concatenate(parts), np.arange(frames) / FPS
    confidence = rng.uniform(0.5, 1, xy.shape[:2])
    xy += rng.normal(0, 1, xy.shape) * (NOISE * (1.5 - confidence))[..., None]
    confidence[at // 10 % 11 == 7] = 0
    other = at % 60 < 60 * swapped
    xy[other] = xy[other][:, list(H36M.mirror)]
    np.savez(path, xy=xy, confidence=confidence, joints=H36M.joints, fps=FPS, size=SIZE)


def stand_in(model: Any, xyc: np.ndarray, *_: Any, **__: Any) -> np.ndarray:
    """Return an answer of the right shape: the same pose in every frame, and sigma."""
    answer = np.zeros((*xyc.shape[:3], 3 if model.uncertainty is None else 6), dtype=np.float32)
    pose = (walk(1) if xyc.shape[2] == len(H36M.joints) else walk26(1)).camera_xyz[0]
    answer[..., :3] = pose - pose[H36M.root]
    return answer


def measure(path: Path, weights: str, network: bool) -> dict[str, Any]:
    """Lift a file; return CPU seconds, and the peak of memory so far, MB, of each stage."""
    if not network:
        lifter.run_network = stand_in
    spent: dict[str, tuple[float, int]] = {}

    def stage(name: str, work: Any) -> Any:
        start = time.process_time()
        result = work()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        spent[name] = time.process_time() - start, peak
        return result

    people = stage("read", lambda: assemble_people(read_detections(path)))
    lift = stage("load weights", lambda: Lifter(weights))
    raw = stage("lift", lambda: lift(people.pop()))
    stage("write npz", lambda: save(raw, path.with_name("a.npz")))
    stage("write bvh", lambda: save(raw, path.with_name("a.bvh")))
    return {"spent": spent, "swaps": raw.provenance.get("swaps", "no sides exchanged")}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 10])
    parser.add_argument("--weights", default="fast")
    parser.add_argument("--network", action="store_true")
    parser.add_argument("--swapped", type=float, default=0, help="share of each minute")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        print(json.dumps(measure(args.inside, args.weights, args.network)))
        return
    for hours in args.hours:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "k.npz"
            write_keypoints(path, round(hours * 3600 * FPS), args.swapped)
            line = [sys.executable, __file__, "--inside", path, "--weights", args.weights]
            line += ["--network"] * args.network
            found = json.loads(subprocess.run(line, check=True, stdout=subprocess.PIPE).stdout)
        stages = found["spent"].items()
        total = sum(s for name, (s, _) in stages if name != "load weights")
        print(f"{hours:g} h: {total:.1f} s of CPU; {found['swaps']}")
        for name, (seconds, peak) in stages:
            print(f"    {name}: {seconds:.1f} s, {peak} MB until then", flush=True)


if __name__ == "__main__":
    main()
