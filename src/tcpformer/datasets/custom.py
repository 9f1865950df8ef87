"""Own data: a folder of npz files, one for each sequence.

Keys of a file: ``xy`` (t, j, 2) pixels, ``xyz`` (t, j, 3) metres in camera axes (x right, y down,
z forward), ``joints`` (j,) names, ``fps``, ``size`` (width, height); and, where they are known,
``confidence`` (t, j), ``focal`` pixels, ``subject``, ``split``. With the true position of the body
`check_folder` can test most; if only the pose is known, the pelvis is at 0 in every frame.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from ..files import atomic_write, brief
from ..io.safe_npz import read_npz
from ..motion import LIMITS, assumed_focal, check_size_and_rate
from ..skeleton import H36M, conversion, identify
from .mocap import SPLITS, check_bodies, parse_split
from .video_dataset import VideoDataset

MAX_NUMBER = 1e9
"""Pixels and metres beyond which a number is taken for infinite."""


_SHOWN = 1000
"""Characters of an error, which may quote the file."""


@dataclass(frozen=True)
class Sequence:
    """One filmed sequence with its 3D truth. Shapes are checked here, contents by `validate`.

    Attributes:
        xy: Joints in pixels; origin top-left, x right, y down.
        xyz: The same joints in metres, camera axes.
        joints: Names of the joints, in any order.
        size: Picture width and height in pixels.
        confidence: Confidence of the detector, 0 to 1; by default 1 everywhere.
        focal: Focal length in pixels, if known.

    Raises:
        ValueError: If shapes disagree, or joints, rate, size, focal length or split are impossible.
    """

    xy: Float[np.ndarray, "t j 2"]
    xyz: Float[np.ndarray, "t j 3"]
    joints: tuple[str, ...]
    fps: float
    size: tuple[int, int]
    confidence: Float[np.ndarray, "t j"] | None = None
    focal: float | None = None
    subject: str = "unknown"
    split: str = "train"

    def __post_init__(self) -> None:
        t, j = len(self.xy), len(self.joints)
        confidence = np.ones((t, j)) if self.confidence is None else self.confidence
        object.__setattr__(self, "confidence", confidence)
        shapes = (self.xy.shape, self.xyz.shape, confidence.shape)
        if shapes != ((t, j, 2), (t, j, 3), (t, j)) or t == 0:
            raise ValueError(
                f"for {j} joint names, expected xy (t, {j}, 2), xyz (t, {j}, 3) and confidence "
                f"(t, {j}) of at least one frame, got {shapes}."
            )
        positive = (self.fps, *self.size, 1.0 if self.focal is None else self.focal)
        if not all(0 < number < np.inf for number in positive):
            raise ValueError(
                f"fps, size and focal must be positive, got {self.fps}, {self.size}, {self.focal}."
            )
        check_size_and_rate(self.size, self.fps)
        if self.focal is not None and not _is_usual_focal(self.focal):
            low, high = LIMITS.focal
            raise ValueError(f"expected a focal of {low:g} to {high:g} pixels, got {self.focal}.")
        if self.split not in SPLITS:
            raise ValueError(f"split must be one of {SPLITS}, got {brief(repr(self.split))}.")
        identify(self.joints)

    def __len__(self) -> int:
        return len(self.xy)

    def to_h36m(self, values: Shaped[np.ndarray, "t j c"]) -> Float[np.ndarray, "t 17 c"]:
        """Convert ``xy`` or ``xyz`` to the joints of Human3.6M."""
        skeleton, order = identify(self.joints)
        return np.einsum("js,tsc->tjc", conversion(skeleton, H36M), values[:, order])


def save_sequence(path: str | Path, sequence: Sequence) -> None:
    """Write one sequence as npz; `read_sequence` is the inverse."""
    types = {"xy": "f4", "xyz": "f4", "confidence": "f4", "fps": "f8", "focal": "f8"}
    known = {key: value for key, value in vars(sequence).items() if value is not None}
    arrays: Any = {key: np.asarray(x, dtype=types.get(key)) for key, x in known.items()}
    with atomic_write(path) as beside, beside.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_sequence(path: str | Path) -> Sequence:
    """Read one sequence; raise ValueError if the file is not of this format."""
    numbers, labels = ("xy", "xyz", "fps", "size"), ("subject", "split")
    data = read_npz(path, numbers, ("joints",), ("confidence", "focal"), labels)
    xy, xyz, joints = (data[key].shape for key in ("xy", "xyz", "joints"))
    if (len(xy), len(xyz), len(joints)) != (3, 3, 1):
        wanted = "xy (t, j, 2), xyz (t, j, 3) and joints (j,)"
        raise ValueError(f"{path}: expected {wanted}, got {xy}, {xyz} and {joints}.")
    if any(data[key].ndim for key in labels if key in data):
        raise ValueError(f"{path}: expected one text each as {' and '.join(labels)}.")
    if data["size"].shape != (2,) or data["fps"].size != 1 or not np.isfinite(data["size"]).all():
        raise ValueError(f"{path}: expected size (width, height) and one number for fps.")
    try:
        converted: dict[str, Any] = {
            **{key: data[key].astype(float) for key in ("xy", "xyz", "confidence") if key in data},
            **{key: float(data[key].item()) for key in ("fps", "focal") if key in data},
            **{key: str(data[key]) for key in labels if key in data},
        }
        size = (int(data["size"][0]), int(data["size"][1]))
        return Sequence(joints=tuple(map(str, data["joints"])), size=size, **converted)
    except ValueError as error:
        raise ValueError(f"{path}: {brief(error, _SHOWN)}") from error


def sequence_files(folder: str | Path) -> list[Path]:
    """Return the npz files of a folder and its subfolders, sorted; ValueError if there is none."""
    files = sorted(p for p in Path(folder).rglob("*.npz") if not p.name.startswith("."))
    if not files:
        what = "found none" if Path(folder).is_dir() else "there is no such folder"
        raise ValueError(f"{folder}: expected a folder of .npz files, one a sequence; {what}.")
    return files


def load_folder(path: str | Path, split: str) -> VideoDataset:
    """Read the sequences of one split ("train", "val", "test", or several joined by "+").

    Joints become those of Human3.6M. `estimate_focal` fills in an unknown focal length.

    Raises:
        ValueError: If the split is unknown or empty, a file is not of this format, a number is not
            finite, or the rates of the sequences differ.
    """
    wanted = parse_split(split)
    # Read twice, so that only one sequence is in memory besides the result.
    heads = [head for one, head in map(_read_head, sequence_files(path)) if one in wanted]
    if not heads:
        raise ValueError(f"{path}: no sequence belongs to {split!r}; set the key 'split'.")
    files, lengths, rates, sizes, focals, subjects = zip(*heads, strict=True)
    if len(set(rates)) > 1:
        raise ValueError(
            f"{path}: sequences must have one rate, got {sorted(set(rates))} frames per second; "
            "resample them, or train on one rate at a time."
        )
    xyc = np.empty((sum(lengths), len(H36M.joints), 3), dtype=np.float32)
    xyz = np.empty_like(xyc)
    for file, start in zip(files, np.cumsum(lengths) - lengths, strict=True):
        _fill(file, xyc[start:], xyz[start:])
    return VideoDataset(
        xy=xyc[..., :2],
        confidence=xyc[..., 2],
        xyz=xyz,
        lengths=np.array(lengths),
        sizes=np.array(sizes),
        units=np.ones(len(files)),
        subjects=subjects,
        fps=rates[0],
        skeleton=H36M,
        focals=np.array(focals),
    )


def _read_head(file: Path) -> tuple[str, tuple[Path, int, float, tuple[int, int], float, str]]:
    s = read_sequence(file)
    return s.split, (file, len(s), s.fps, s.size, estimate_focal(s), s.subject)


def _fill(file: Path, xyc: Float[np.ndarray, "t 17 3"], xyz: Float[np.ndarray, "t 17 3"]) -> None:
    """Write the frames of one sequence, as joints of Human3.6M, to the start of the arrays."""
    sequence = read_sequence(file)
    t, confidence = len(sequence), np.asarray(sequence.confidence)
    arrays = (sequence.xy, sequence.xyz, confidence)
    if not all((np.abs(array) < MAX_NUMBER).all() for array in arrays):  # false for NaN
        raise ValueError(
            f"{file}: xy, xyz and confidence must be finite; give a joint that was not seen "
            "confidence 0 and any position. `tcpformer data check` lists the frames."
        )
    truth = sequence.to_h36m(sequence.xyz)
    check_bodies(file, truth)
    xyc[:t, :, :2], xyz[:t] = sequence.to_h36m(sequence.xy), truth
    # A joint derived from several has the lowest of their confidences.
    skeleton, order = identify(sequence.joints)
    for joint, row in enumerate(conversion(skeleton, H36M)):
        xyc[:t, joint, 2] = confidence[:, order][:, row != 0].min(axis=1)


def estimate_focal(sequence: Sequence) -> float:
    """Return the focal length in pixels: as given, or as 2D and 3D imply, or assumed.

    Least squares of xy - center = focal * (X, Y) / |Z|, each axis by itself; signs are ignored, so
    that an inverted axis does not disturb it.
    """
    if sequence.focal is not None:
        return sequence.focal
    assumed = assumed_focal(sequence.size)
    if not has_position(sequence):
        return assumed
    centered = (sequence.xy - np.array(sequence.size) / 2)[..., None, :]
    rays = (sequence.xyz[..., :2] / np.abs(sequence.xyz[..., 2:]).clip(1e-6))[..., None, :]
    fits = np.abs(np.nanmean(centered * rays, (0, 1, 2)) / np.nanmean(rays**2, (0, 1, 2)))
    return float(fits.mean()) if all(map(_is_usual_focal, fits)) else assumed


def _is_usual_focal(pixels: float) -> bool:
    low, high = LIMITS.focal
    return bool(low <= pixels <= high)


def has_position(sequence: Sequence) -> bool:
    """Return whether the truth holds the position of the body, not only its pose."""
    hip = sequence.to_h36m(sequence.xyz)[:, H36M.root]
    return bool(np.abs(np.nan_to_num(hip)).max() > 1e-6)
