"""Outputs that a change of structure must not move: record them, or compare with the record.

    python tests/frozen_outputs.py record [PREFIX]   # writes tests/golden/frozen_outputs.npz
    python tests/frozen_outputs.py compare           # exit code 1 where an array differs

With a prefix, only the arrays whose names start with it are recorded anew.

Frozen are the detections and the finished and raw motion of the sample clip, its BVH, the scores of
the open benchmark's excerpt, the loss of 20 training steps and the answers of exported networks.
The comparison prints, for every array, whether it is equal to the last bit, and otherwise the
largest relative difference; on another machine 1e-4 is allowed, ten times what single precision
leaves open.
"""

import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS.parent), str(TESTS / "support")]
from trainings import HARDWARE, MOCAP, data_of  # noqa: E402 - found below tests/support

from tcpformer import Lifter, detect_people, open_video, save  # noqa: E402
from tcpformer.evaluation.open_benchmark import evaluate_open  # noqa: E402
from tcpformer.models import joints_of  # noqa: E402
from tcpformer.models.checkpoint import load_weights  # noqa: E402
from tcpformer.runtime.backends import load_exported  # noqa: E402
from tcpformer.runtime.export import export  # noqa: E402
from tcpformer.training.train import train  # noqa: E402

RECORD = TESTS / "golden/frozen_outputs.npz"
TOLERANCE = 1e-4

Arrays = dict[str, np.ndarray]


def sample_clip(folder: Path) -> Arrays:
    """Return detections, finished and raw motions, and the BVH of all people in the sample clip."""
    people = detect_people(open_video(TESTS.parent / "assets/sample.mp4"))
    lifter = Lifter("default")
    arrays: Arrays = {}
    for i, (seen, motion) in enumerate(zip(people, lifter.lift_many(people), strict=True)):
        arrays |= {f"detected_{i}_{k}": getattr(seen, k) for k in ("xy", "confidence", "valid")}
        names = ("xyz", "camera_xyz", "xy", "confidence", "valid", "times", "sigma")
        arrays |= {f"motion_{i}_{k}": np.asarray(getattr(motion, k)) for k in names}
        raw = lifter(seen, focal=motion.focal, postprocess=None)
        arrays |= {f"raw_{i}_{k}": np.asarray(getattr(raw, k)) for k in ("camera_xyz", "sigma")}
        save(motion, folder / "motion.bvh")
        text = (folder / "motion.bvh").read_text()
        joints = " ".join(re.findall(r"(?:ROOT|JOINT) (\S+)", text))
        arrays[f"bvh_{i}_joints"] = np.frombuffer(joints.encode(), np.uint8)
        arrays[f"bvh_{i}_numbers"] = np.array(re.findall(r"-?\d+\.\d+", text), dtype=float)
    fast = Lifter("fast")(people[0])
    return arrays | {"fast_0_xyz": fast.xyz}


def scores() -> Arrays:
    """Return the scores of `evaluate open` on the excerpt, exact and noisy, raw and finished."""
    data = TESTS / "data/open_benchmark_excerpt.npz"
    arrays: Arrays = {}
    for noisy in (False, True):
        report = evaluate_open(Lifter("fast"), data, noisy=noisy)
        arrays[f"scores_{noisy}"] = np.array(list(report.scores.values()), dtype=float)
        for kind, rows in report.tables.items():
            values = [list(row.values()) for row in rows.values()]
            arrays[f"scores_{noisy}_{kind}"] = np.array(values, dtype=float)
    return arrays


def training(folder: Path) -> Arrays:
    """Return the losses of 20 training steps of each optimizer, and a sum of the weights."""
    arrays: Arrays = {}
    for optimizer in ("adamw", "muon"):
        torch.manual_seed(0)
        config = replace(MOCAP, steps=20, optimizer=optimizer)
        rows: list[Any] = []
        data = data_of("mocap", folder)
        network = train(config, data, folder / optimizer, HARDWARE, report=rows.append)
        arrays[f"training_{optimizer}_loss"] = np.array([row["loss"] for row in rows])
        arrays[f"training_{optimizer}_weights"] = np.array(
            [float(p.detach().double().sum()) for p in network.parameters()]
        )
    return arrays


def exports(folder: Path) -> Arrays:
    """Return what an exported `fast` network answers in ONNX Runtime, and the network itself."""
    weights = load_weights("fast")
    generator = torch.Generator().manual_seed(0)
    config = weights.model.config
    size = (2, config.frames, joints_of(config), 3)
    clip = torch.rand(size, generator=generator) * 2 - 1
    with torch.inference_mode():
        arrays = {"network_fast": weights.model(clip).numpy()}
        arrays["network_default"] = load_weights("default").model(clip).numpy()
        export(weights, folder / "fast.onnx", "onnx")
        arrays["onnx_fast"] = load_exported(folder / "fast.onnx").model(clip).numpy()
    return arrays


def collect() -> Arrays:
    """Return every frozen array by name."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return sample_clip(folder) | scores() | training(folder) | exports(folder)


def difference(now: np.ndarray, before: np.ndarray) -> float:
    """Return the largest difference of two arrays, relative to the largest value (inf: shapes)."""
    if now.shape != before.shape:
        return np.inf
    off = np.abs(now.astype(float) - before.astype(float)).max(initial=0.0)
    return float(off / max(np.abs(before.astype(float)).max(initial=0.0), 1e-12))


def compare(now: Arrays, before: Arrays) -> list[str]:
    """Return one line for each array that is missing or differs in any bit."""
    lines = [f"{name}: missing" for name in sorted(before.keys() ^ now.keys())]
    for name in sorted(before.keys() & now.keys()):
        if not np.array_equal(now[name], before[name]):
            lines.append(f"{name}: relative difference {difference(now[name], before[name]):.2g}")
    return lines


def main(verb: str, prefix: str = "") -> int:
    """Record the outputs or compare them with the record; return the exit code."""
    now = collect()
    with np.load(RECORD) as file:
        before = {name: file[name] for name in file.files}
    if verb == "record":
        new = {name: value for name, value in now.items() if name.startswith(prefix)}
        others = {name: value for name, value in before.items() if not name.startswith(prefix)}
        np.savez_compressed(RECORD, **(others | new))  # type: ignore[arg-type]
        print(f"{RECORD}: {len(new)} arrays recorded, {len(others)} left as they are")
        return 0
    lines = compare(now, before)
    print("\n".join(lines) or f"all {len(now)} arrays are equal to the last bit")
    same = now.keys() == before.keys()
    return int(not same or any(difference(now[k], before[k]) > TOLERANCE for k in before))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
