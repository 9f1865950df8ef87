"""Human3.6M with 2D from Stacked Hourglass: the file of MotionBERT and TCPFormer.

The file (h36m_sh_conf_cam_source_final.pkl) is one pickle of both splits. On first use it is
converted to plain arrays in a folder beside it, which are memory-mapped from then on.
"""

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int

from ..files import brief
from ..io.safe_pickle import read_pickle
from ..skeleton import H36M_NOSE
from .video_dataset import VideoDataset

FPS = 50.0
SIZES = {
    "54138969": (1000, 1002),
    "55011271": (1000, 1000),
    "58860488": (1000, 1000),
    "60457274": (1000, 1002),
}
"""Camera -> image width and height in pixels."""

Split = Literal["train", "test"]

_ARRAYS = {
    "xy": ("joint_2d", (17, 2)),
    "confidence": ("confidence", (17,)),
    "xyz": ("joint3d_image", (17, 3)),
}
_TEST_ARRAYS = {"factors": ("2.5d_factor", ()), "millimetres": ("joints_2.5d_image", (17, 3))}
"""Array -> its key in the pickle, and the shape of a frame."""
_LISTS = ("source", "camera_name", "action")
_CHECKED_AT_ONCE = 100_000
"""Frames of an array that are in memory while it is checked."""


@dataclass(frozen=True)
class ShTest:
    """The test split with what its evaluation needs; an action for each video.

    Attributes:
        dataset: The 2D, and the truth in pixels: x, y as seen, depth in the same scale.
        sources: Name of each video, such as "s_09_act_02_subact_01_ca_01".
        factors: Millimetres per pixel of each frame, from the truth.
        millimetres: Truth of each frame; the pelvis need not be at 0.
    """

    dataset: VideoDataset
    sources: tuple[str, ...]
    actions: tuple[str, ...]
    factors: Float[np.ndarray, " n"]
    millimetres: Float[np.ndarray, "n 17 3"]


def load_h36m_sh(
    path: str | Path, split: Split, *, ground_truth: bool = False, cache: str | Path | None = None
) -> VideoDataset:
    """Read the videos of a split; times ``units``, the truth is in half image widths.

    Args:
        path: The pickle.
        split: Subjects 1, 5, 6, 7, 8 ("train") or subjects 9, 11 ("test").
        ground_truth: Use the true x, y instead of the detected ones, with confidence 1.
        cache: Folder for the arrays; by default beside the pickle or, if that is not writable, in
            ~/.cache/tcpformer. It takes one gigabyte, and up to four while it is made.

    Raises:
        OSError: If the file is missing, or the arrays cannot be written: choose another ``cache``.
        ValueError: If the file is not of this format.
    """
    return _load_arrays(_cache_folder(Path(path), cache) / split, ground_truth)[0]


def load_h36m_sh_test(
    path: str | Path, *, ground_truth: bool = False, cache: str | Path | None = None
) -> ShTest:
    """Read the test split with what its evaluation needs; arguments as `load_h36m_sh`."""
    folder = _cache_folder(Path(path), cache) / "test"
    dataset, videos = _load_arrays(folder, ground_truth)
    return ShTest(
        dataset,
        tuple(video["source"] for video in videos),
        tuple(video["action"] for video in videos),
        *(np.load(folder / f"{name}.npy", mmap_mode="r") for name in _TEST_ARRAYS),
    )


def scored_clip_indices(
    length: int, frames: int, rng: np.random.Generator
) -> Int[np.ndarray, "n frames"]:
    """Return the clips in which a video is scored: end to end, without the remainder.

    A video shorter than a clip is stretched to one: evenly spaced times, each rounded up or down
    at random.
    """
    if length >= frames:
        return np.arange(length // frames * frames).reshape(-1, frames)
    times = np.arange(frames) * (length / frames)
    rounded = np.where(rng.random(frames) < 0.5, np.floor(times), np.ceil(times))
    return np.minimum(np.sort(rounded), length - 1).astype(np.int64)[None]


def _load_arrays(folder: Path, ground_truth: bool) -> tuple[VideoDataset, list[dict[str, Any]]]:
    """Return a split, and of each video its length, source, camera and action."""
    videos = json.loads((folder / "videos.json").read_text())
    xy, confidence, xyz = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS)
    if ground_truth:
        xy, confidence = xyz[..., :2], np.broadcast_to(np.float32(1), confidence.shape)
    sizes = np.array([SIZES[video["camera_name"]] for video in videos])
    dataset = VideoDataset(
        xy=xy,
        confidence=confidence,
        xyz=xyz,
        lengths=np.array([video["length"] for video in videos]),
        sizes=sizes,
        units=2 / sizes[:, 0],
        subjects=tuple(f"S{int(video['source'].split('_')[1])}" for video in videos),
        fps=FPS,
        skeleton=H36M_NOSE,
    )
    return dataset, videos


def _cache_folder(path: Path, cache: str | Path | None) -> Path:
    """Return the folder of the arrays of a pickle, by its size and time; make it if missing."""
    if not path.is_file():
        what = "a folder, not the pickle" if path.is_dir() else "no such file"
        raise FileNotFoundError(f"{path}: {what}; expected h36m_sh_conf_cam_source_final.pkl.")
    writable, state = os.access(path.parent, os.W_OK), path.stat()
    usual = path.with_suffix(".cache") if writable else Path.home() / ".cache" / "tcpformer"
    name = f"{path.stem}-{state.st_size}-{state.st_mtime_ns}"
    folder = Path(usual if cache is None else cache) / name
    if not folder.is_dir():
        _convert(path, folder)
    return folder


def _convert(path: Path, folder: Path) -> None:
    """Write the arrays to a temporary folder, rename it, and remove folders of older pickles."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=".", ignore_cleanup_errors=True) as temporary:
        made, spill = Path(temporary, "made"), Path(temporary, "spill")
        spill.mkdir()
        content = read_pickle(path, spill=spill)
        for split, arrays in (("train", _ARRAYS), ("test", _ARRAYS | _TEST_ARRAYS)):
            if not isinstance(content, dict) or not isinstance(content.get(split), dict):
                raise ValueError(f"{path}: expected a dict with the splits 'train' and 'test'.")
            (made / split).mkdir(parents=True)
            _write_split(content[split], arrays, made / split, f"{path}, {split}")
        del content
        # Another process may have been faster; its arrays are the same.
        if not folder.is_dir():
            made.rename(folder)
    for older in folder.parent.iterdir():
        if older.name.startswith(f"{path.stem}-") and older != folder:
            shutil.rmtree(older, ignore_errors=True)


def _write_split(
    content: dict[str, Any], arrays: Mapping[str, tuple[str, tuple]], folder: Path, where: str
) -> None:
    missing = [k for k in (*_LISTS, *(key for key, _ in arrays.values())) if k not in content]
    if missing:
        raise ValueError(f"{where}: keys {missing} are missing; found {brief(list(content))}.")
    videos = _group_videos([_names(content[key], key, where) for key in _LISTS], where)
    (folder / "videos.json").write_text(json.dumps(videos))
    total = sum(video["length"] for video in videos)
    for name, (key, frame) in arrays.items():
        array = _check_array(content[key], key, (total, *frame), where)
        np.save(folder / f"{name}.npy", array.astype(np.float32, copy=False))


def _check_array(value: Any, key: str, shape: tuple[int, ...], where: str) -> np.ndarray:
    """Return an array of finite numbers of a shape, which may have an axis of length 1 at its end.

    A memory map stays one, and is looked at piece by piece.
    """
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        raise ValueError(f"{where}: {key} must be an array of numbers, got {_kind(value)}.")
    if value.shape not in (shape, (*shape, 1)):
        raise ValueError(f"{where}: {key} must be {shape}, got {value.shape}.")
    for start in range(0, len(value), _CHECKED_AT_ONCE):
        with np.errstate(over="ignore"):  # becomes infinite in single precision
            part = value[start : start + _CHECKED_AT_ONCE].astype(np.float32)
        if not np.isfinite(part).all():
            raise ValueError(f"{where}: {key} must be finite numbers.")
    return value.reshape(shape)


def _kind(value: Any) -> str:
    return str(value.dtype) if isinstance(value, np.ndarray) else type(value).__name__


def _names(values: Any, key: str, where: str) -> list[str]:
    """Return a text for every frame."""
    flat = not isinstance(values, np.ndarray) or values.ndim == 1
    if not isinstance(values, list | tuple | np.ndarray) or not flat:
        raise ValueError(f"{where}: {key} must be a list of texts, got {_kind(values)}.")
    return [str(value) for value in values]


def _group_videos(lists: Sequence[Sequence[str]], where: str) -> list[dict[str, Any]]:
    """Group frames of equal source, camera and action into videos, in their order."""
    lengths = [*map(len, lists)]
    if len(set(lengths)) > 1 or not lengths[0]:
        raise ValueError(f"{where}: {_LISTS} must have a value for every frame, got {lengths}.")
    videos = [
        {**dict(zip(_LISTS, names, strict=True)), "length": sum(1 for _ in run)}
        for names, run in groupby(zip(*lists, strict=True))
    ]
    unknown = sorted({video["camera_name"] for video in videos} - set(SIZES))
    if unknown:
        raise ValueError(f"{where}: cameras must be of {list(SIZES)}, got {brief(unknown)}.")
    sources = [video["source"] for video in videos]
    twice = sorted({a for a, b in pairwise(sources) if a == b})
    if twice:
        raise ValueError(f"{where}: camera or action change within {brief(twice[:3])}.")
    wrong = [source for source in sources if not re.match(r"s_\d+_", source)]
    if wrong:
        raise ValueError(
            f"{where}: expected sources like 's_01_act_02_...', got {brief(wrong[:3])}."
        )
    return videos
