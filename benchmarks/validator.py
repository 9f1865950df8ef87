"""How often `tcpformer data check` names a mistake, and how often it sees one that is not there.

usage: python benchmarks/validator.py open_benchmark.npz [--every 1]
       python benchmarks/validator.py --fit mocap_cmu.npz

Every mistake is put into every view of the open benchmark; it counts as named if it comes first
among what is found. Frame rates are estimated from all views together, as in a folder, and
from each alone. --fit computes the constants of the frame rate's rule from motion capture.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from tcpformer.datasets.custom import Sequence, save_sequence
from tcpformer.datasets.mocap import load_mocap
from tcpformer.datasets.validate.check import Finding, check_folder, check_sequence
from tcpformer.datasets.validate.tempo import (
    log_speed_ratio,
    motion_features,
    speed_ratio_limit,
    split_windows,
)
from tcpformer.lifting.normalize import to_screen
from tcpformer.skeleton import COCO, H36M, MPI_INF_3DHP, conversion

MIRROR = list(H36M.mirror)
TO_MPI = conversion(H36M, MPI_INF_3DHP)
X, Y, Z = (np.where(np.arange(3) == i, -1.0, 1.0) for i in range(3))


def views(path: Path, *, noisy: bool, frames: int | None = None) -> Iterator[Sequence]:
    """The views of an open-benchmark file as own sequences."""
    with np.load(path) as data:
        part = {key: data[key] for key in data}
    for i, (start, stop) in enumerate(zip(part["offsets"], part["offsets"][1:], strict=False)):
        cut = slice(start, stop if frames is None else min(stop, start + frames))
        confidence = part["confidence"][cut] / 255
        yield Sequence(
            xy=part["noisy_xy" if noisy else "xy"][cut] / 10,
            xyz=(part["relative"][cut] + part["root"][cut][:, None]) * 1e-4,
            joints=H36M.joints,
            fps=float(part["fps"]),
            size=(int(part["size"][i, 0]), int(part["size"][i, 1])),
            confidence=confidence if noisy else np.ones_like(confidence),
            focal=float(part["focal"][i]),
        )


def pose_only(s: Sequence) -> Sequence:
    """Without the body's place and the camera's focal length."""
    return replace(s, xyz=s.xyz - s.xyz[:, :1], focal=None)


def in_order(s: Sequence, matrix: np.ndarray, *, both: bool = True) -> Sequence:
    """Joints made by a map of them, under the old names."""
    xy = np.einsum("ab,tbc->tac", matrix, s.xy)
    return replace(s, xy=xy, xyz=np.einsum("ab,tbc->tac", matrix, s.xyz) if both else s.xyz)


def as_coco(s: Sequence) -> Sequence:
    """Joints in the order of COCO under the names of Human3.6M; the face is made up."""
    index, rows = H36M.index, []
    # Above the neck, and to the left in half shoulder widths.
    face = {"Nose": (0.3, 0), "LEye": (0.5, 0.2), "REye": (0.5, -0.2)}
    face |= {"LEar": (0.4, 0.45), "REar": (0.4, -0.45)}
    for joint in COCO.joints:
        row = np.zeros(len(H36M.joints))
        if joint in face:
            up, left = face[joint]
            row[[index["Neck"], index["Head"]]] = 1 - up, up
            row[index["LShoulder"]] += left / 2
            row[index["RShoulder"]] -= left / 2
        else:
            row[index[joint]] = 1
        rows.append(row)
    return in_order(s, np.array(rows))


def exchange(s: Sequence, rng: np.random.Generator, *, both: bool) -> Sequence:
    """Any two joints exchanged."""
    i, j = rng.choice(len(H36M.joints), 2, replace=False)
    matrix = np.eye(len(H36M.joints))
    matrix[[i, j]] = matrix[[j, i]]
    return in_order(s, matrix, both=both)


def with_nan(s: Sequence, rng: np.random.Generator) -> Sequence:
    xy = s.xy.copy()
    xy[rng.integers(len(s)), rng.integers(17)] = np.nan
    return replace(s, xy=xy)


def repeated(s: Sequence, index: np.ndarray) -> Sequence:
    return replace(s, xy=s.xy[index], xyz=s.xyz[index], confidence=np.asarray(s.confidence)[index])


def late(s: Sequence, frames: int) -> Sequence:
    """2D that runs behind 3D."""
    confidence = np.asarray(s.confidence)
    return replace(s, xy=s.xy[:-frames], xyz=s.xyz[frames:], confidence=confidence[:-frames])


Mistake = Callable[[Sequence, np.random.Generator], Sequence]
# name -> (how it is made, the fault that must be named, how its detail must begin)
MISTAKES: dict[str, tuple[Mistake, str, str]] = {
    "pixels as 0 to 1": (
        lambda s, _: replace(s, xy=s.xy / np.array(s.size)), "normalized pixels", ""
    ),
    "pixels as -1 to 1": (
        lambda s, _: replace(s, xy=to_screen(s.xy, s.size)), "normalized pixels", ""
    ),
    "left and right, 2D": (
        lambda s, _: replace(s, xy=s.xy[:, MIRROR]), "left and right", "in 2D"
    ),
    "left and right, 3D": (
        lambda s, _: replace(s, xyz=s.xyz[:, MIRROR]), "left and right", "in 3D"
    ),
    "left and right, both": (
        lambda s, _: replace(s, xy=s.xy[:, MIRROR], xyz=s.xyz[:, MIRROR]),
        "left and right", "in 2D and 3D",
    ),
    "order of MPI-INF-3DHP": (
        lambda s, _: in_order(s, TO_MPI), "joint order", "in the order of mpi"
    ),
    "order of MPI-INF-3DHP, 2D": (
        lambda s, _: in_order(s, TO_MPI, both=False), "joint order", "2D: in the order of mpi"
    ),
    "order of COCO": (lambda s, _: as_coco(s), "joint order", "in the order of coco"),
    "two joints": (lambda s, rng: exchange(s, rng, both=True), "joint order", ""),
    "two joints, 2D": (lambda s, rng: exchange(s, rng, both=False), "joint order", "2D"),
    "millimetres": (lambda s, _: replace(s, xyz=s.xyz * 1e3), "unit", "millimetres"),
    "centimetres": (lambda s, _: replace(s, xyz=s.xyz * 1e2), "unit", "centimetres"),
    "inches": (lambda s, _: replace(s, xyz=s.xyz / 0.0254), "unit", "inches"),
    "x mirrored, 3D": (lambda s, _: replace(s, xyz=s.xyz * X), "mirrored axis", "x in xyz"),
    "x mirrored, 2D": (
        lambda s, _: replace(s, xy=np.array([s.size[0], 0]) - s.xy * np.array([1, -1])),
        "mirrored axis", "x in xy",
    ),
    "y up, 3D": (lambda s, _: replace(s, xyz=s.xyz * Y), "mirrored axis", "y in xyz"),
    "y up, 2D": (
        lambda s, _: replace(s, xy=np.array([0, s.size[1]]) - s.xy * np.array([-1, 1])),
        "mirrored axis", "y in xy",
    ),
    "z backwards": (lambda s, _: replace(s, xyz=s.xyz * Z), "mirrored axis", "z in xyz"),
    "axes of OpenGL, 3D": (
        lambda s, _: replace(s, xyz=s.xyz * Y * Z),
        "mirrored axis",
        "y and z in xyz",
    ),
    "upside down, 2D": (
        lambda s, _: replace(s, xy=np.array(s.size) - s.xy),
        "mirrored axis",
        "x and y",
    ),
    "2D 10 frames late": (lambda s, _: late(s, 10), "time shift", "2D 10 frames"),
    "NaN": (with_nan, "not finite", "xy"),
    "every frame twice": (
        lambda s, _: repeated(s, np.arange(2 * len(s)) // 2), "frozen", ""
    ),
}  # fmt: skip
RATES: dict[str, Mistake] = {
    "25 stated, 50 true": lambda s, _: replace(s, fps=s.fps / 2),
    "25 stated, 100 true": lambda s, _: replace(s, fps=s.fps / 4),
    "50 stated, 25 true": lambda s, _: repeated(s, np.arange(0, len(s), 2)),
    "100 stated, 50 true": lambda s, _: replace(s, fps=s.fps * 2),
    "25 stated, 5 true": lambda s, _: replace(repeated(s, np.arange(0, len(s), 10)), fps=s.fps / 2),
}


def named(findings: list[Finding], fault: str, detail: str) -> bool:
    """Whether a mistake comes first among what was found."""
    return bool(findings) and (findings[0].fault == fault and findings[0].detail.startswith(detail))


def rates_found(sequences: list[Sequence], rng: np.random.Generator) -> tuple[float, ...]:
    """Share whose rate is doubted: as one folder, as folders of 20 of them, and each alone."""
    with tempfile.TemporaryDirectory() as folder:
        for i, sequence in enumerate(sequences):
            save_sequence(Path(folder) / f"{i:04}.npz", sequence)
        found = check_folder(folder).findings
    together = len({f.sequence for f in found if f.fault == "frame rate"}) / len(sequences)
    paces = np.array([log_speed_ratio(s.to_h36m(s.xyz), s.fps) for s in sequences], dtype=float)
    some = [abs(rng.choice(paces, min(20, len(paces)), replace=False).mean()) for _ in range(2000)]
    return (
        together,
        float(np.mean(np.array(some) > speed_ratio_limit(20))),
        float((abs(paces) > speed_ratio_limit(1)).mean()),
    )


def table(path: Path, every: int) -> Iterator[str]:
    """The measured rates, line by line, as Markdown."""
    kinds = [
        [make(s) for s in views(path, noisy=noisy)][::every]
        for make in (lambda s: s, pose_only)
        for noisy in (False, True)
    ]
    yield "| mistake | exact 2D | noisy 2D | exact, pose only | noisy, pose only |"
    yield "|---|---|---|---|---|"
    rng = np.random.default_rng(0)
    alarms = [np.mean([bool(check_sequence(s)) for s in kind]) for kind in kinds]
    yield "| none (false alarms) | " + " | ".join(f"{100 * a:.1f} %" for a in alarms) + " |"
    for name, (make, fault, detail) in MISTAKES.items():
        hits = [
            np.mean([named(check_sequence(make(s, rng)), fault, detail) for s in k]) for k in kinds
        ]
        yield f"| {name} | " + " | ".join(f"{100 * h:.1f} %" for h in hits) + " |"
    yield ""
    yield "| frame rate | all together | 20 together | each alone |"
    yield "|---|---|---|---|"
    for name, make in {"right": lambda s, _: s, **RATES}.items():
        shares = rates_found([make(s, rng) for s in kinds[0] if len(s) >= 100], rng)
        yield f"| {name} | " + " | ".join(f"{100 * share:.1f} %" for share in shares) + " |"


STATED = (1 / 6, 1 / 4, 1 / 3, 1 / 2, 0.7, 1.0, 1.4, 2.0, 3.0, 4.0, 6.0)


def fit(path: Path) -> np.ndarray:
    """`TempoConfig.weights` and `TempoConfig.bias` from motions of a known rate."""
    mocap = load_mocap(path, "train+val")
    rows, truth, trust = [], [], []
    for start, length in zip(mocap.starts, mocap.lengths, strict=True):
        if length < 100:
            continue
        parts = split_windows(mocap.xyz[start : start + length].astype(float))
        for factor in STATED:
            for step in (1, 2):
                rows += [motion_features(part[::step], mocap.fps / step * factor) for part in parts]
                truth += [np.log(factor)] * len(parts)
                # The windows of a long sequence are much alike.
                trust += [len(parts) ** -0.25] * len(parts)
    design = np.concatenate([rows, np.ones((len(rows), 1))], axis=1) * np.array(trust)[:, None]
    return np.linalg.lstsq(design, np.array(truth) * trust, rcond=None)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--every", type=int, default=1, help="look at every n-th view")
    parser.add_argument("--fit", action="store_true")
    args = parser.parse_args()
    if args.fit:
        print(fit(args.data).round(3).tolist())
    else:
        for line in table(args.data, args.every):
            print(line, flush=True)


if __name__ == "__main__":
    main()
