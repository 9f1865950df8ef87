"""Training clips: batches by number, and the clips that weights are validated on."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import Dataset

from ..datasets.clip_batch import ClipBatch, join_batches, mirror_batch
from ..datasets.custom import load_folder
from ..datasets.h36m_cpn import load_h36m_cpn
from ..datasets.h36m_sh import load_h36m_sh
from ..datasets.mocap import load_mocap
from ..datasets.mpi_inf_3dhp import load_3dhp_train
from ..datasets.synthetic.as_filmed import generate_filmed_clips
from ..datasets.synthetic.benchmark_like import generate_benchmark_clips
from ..datasets.video_dataset import VideoDataset
from ..models import joints_of
from ..skeleton import BODY, H36M
from ..weights import RELEASED, WeightsSpec
from .config import VALIDATION_SPLIT, TrainConfig

VALIDATION_CLIPS = 512
VALIDATION_SEED = 7
FINGERPRINT_STEP = 97
"""Every n-th frame enters the fingerprint of the data."""
_RELEASED = {"h36m-sh": "h36m", "h36m-cpn": "h36m-cpn", "3dhp": "3dhp"}


@runtime_checkable
class Source(Protocol):
    """Where clips come from. A batch depends on the configuration, its number and its size."""

    spec: WeightsSpec
    """What the trained weights expect and give."""
    clips_per_epoch: int
    val_clips: dict[str, ClipBatch]
    """Validation clips by kind; may be empty."""
    error_scale: float
    """Millimetres, or what ``error_unit`` names, per unit of the truth."""
    error_unit: str
    """"mm"; "px" for Human3.6M with SH detections, whose truth is in pixels."""
    fingerprint: list[float]
    """A few numbers that tell these data from others."""
    root: int
    """The joint that all others are relative to."""

    def batch(self, number: int, size: int) -> ClipBatch:
        """Return the clips of one batch; a run takes those of consecutive numbers."""
        ...


def open_source(config: TrainConfig, data: str | Path) -> Source:
    """Open the data that a configuration names.

    Raises:
        FileNotFoundError: If they are missing.
        ValueError: If they have another format.
    """
    selection = config.checkpoint_selection
    if config.data == "mocap":
        return SyntheticSource(config, data)
    if config.data == "own":
        split = VALIDATION_SPLIT.get(selection)
        val_videos = load_folder(data, split) if split else None
        return VideoSource(config, load_folder(data, config.split), val_videos)
    if config.data == "3dhp":
        videos = load_3dhp_train(data)
    else:
        load = load_h36m_sh if config.data == "h36m-sh" else load_h36m_cpn
        videos = load(data, "train", ground_truth=config.ground_truth)
    if not config.val_subjects:
        return VideoSource(config, videos, None)
    val_videos = None
    if selection == "validation":
        val_videos = videos.select_subjects(config.val_subjects)
    others = set(videos.subjects) - set(config.val_subjects)
    return VideoSource(config, videos.select_subjects(others), val_videos)


class SyntheticSource:
    """Motion capture seen by virtual cameras: no clip comes twice."""

    error_scale, error_unit = 1000.0, "mm"
    root = H36M.root

    def __init__(self, config: TrainConfig, data: str | Path) -> None:
        self.config = config
        mocap = load_mocap(data, config.split, by_activity=config.balance_activities)
        self.joints = joints_of(config.network)
        if mocap.xyz.shape[1] < self.joints:
            raise ValueError(
                f"{data}: the network has {self.joints} joints, the motion {mocap.xyz.shape[1]}; "
                "expected motion capture with feet, hands and face."
            )
        mocap = replace(mocap, xyz=mocap.xyz[:, : self.joints])
        self.mocap = replace(
            mocap,
            limb_swap_prob=config.limb_swap_prob,
            tilt_prob=config.tilt_prob,
            blur_prob=config.blur_prob,
        )
        self.spec = _spec_of(config, self.mocap.fps)
        self.clips_per_epoch = int(self.mocap.lengths.sum()) // config.network.frames
        sample = mocap.xyz[::FINGERPRINT_STEP, BODY]
        self.fingerprint = [float(len(mocap.xyz)), float(np.abs(sample).mean())]
        self._clip = {"frames": config.network.frames, "frame_step": config.frame_step}
        self.val_clips = {}
        if config.checkpoint_selection in VALIDATION_SPLIT:
            self.val_clips = self._val_clips(data, VALIDATION_SPLIT[config.checkpoint_selection])

    def batch(self, number: int, size: int) -> ClipBatch:
        parts = {self.config.camera_domain: size}
        if self.config.camera_domain == "mixed":
            parts = {"benchmark-like": size - size // 2, "as-filmed": size // 2}
        how = {**self._clip, "seed": self.config.seed, "first": number}
        kinds = {"benchmark-like": generate_benchmark_clips, "as-filmed": generate_filmed_clips}
        batches = [kinds[k](self.mocap, **how, batch=n) for k, n in parts.items() if n]
        return join_batches([next(each) for each in batches])

    def _val_clips(self, data: str | Path, split: str) -> dict[str, ClipBatch]:
        """Return the same clips for every seed: exact and detected, and as filmed if trained on.

        "sure" has the errors of the detected ones, and confidence 1.
        """
        mocap = load_mocap(data, split)
        mocap = replace(mocap, xyz=mocap.xyz[:, : self.joints])
        how = {**self._clip, "seed": VALIDATION_SEED}
        every = next(generate_benchmark_clips(mocap, **how, batch=VALIDATION_CLIPS))
        exact = (every.xyc[..., BODY, 2] == 1).all(axis=(1, 2))
        pick = {"clean": exact, "noisy": ~exact}
        clips = {k: ClipBatch(every.xyc[m], every.flat[m], every.xyz[m]) for k, m in pick.items()}
        if self.config.blur_prob:
            xyc = clips["noisy"].xyc.copy()
            xyc[..., 2] = xyc[..., 2] > 0
            clips["sure"] = replace(clips["noisy"], xyc=xyc)
        if self.config.camera_domain != "benchmark-like":
            filmed = generate_filmed_clips(mocap, **how, batch=VALIDATION_CLIPS // 2)
            clips["filmed"] = next(filmed)
        return clips


class VideoSource:
    """Recorded videos cut into clips, shuffled in every epoch; half of them mirrored."""

    def __init__(
        self, config: TrainConfig, videos: VideoDataset, val_videos: VideoDataset | None
    ) -> None:
        self.config = config
        self.videos = videos
        self.root = videos.skeleton.root
        metres = config.data in ("own", "h36m-cpn")
        self.error_scale = 1000.0 if metres else 1 / float(videos.units[0])
        self.error_unit = "px" if config.data == "h36m-sh" else "mm"
        self.frames = config.network.frames
        hop = config.hop or max(self.frames // 3, 1)
        self.starts = self._clip_starts(videos, hop, config.frame_step[1])
        self.clips_per_epoch = len(self.starts)
        samples = (videos.xy[::FINGERPRINT_STEP], videos.xyz[::FINGERPRINT_STEP])
        means = (float(np.abs(sample).mean()) for sample in samples)
        self.fingerprint = [float(self.clips_per_epoch), *means]
        self.spec = _spec_of(config, videos.fps)
        self.val_clips = {}
        if val_videos is not None:
            step = _middle(config.frame_step)
            every = self._clip_starts(val_videos, self.frames, step)
            count = min(len(every), VALIDATION_CLIPS)
            some = every[np.linspace(0, len(every) - 1, count).astype(int)]
            clips = val_videos.cut_clips(some, self.frames, config.normalization, step)
            self.val_clips = {VALIDATION_SPLIT[config.checkpoint_selection]: clips}

    def batch(self, number: int, size: int) -> ClipBatch:
        """Return clips of one stream, epoch after epoch, in which no clip is left out."""
        start, n = number * size, self.clips_per_epoch
        epochs = range(start // n, (start + size - 1) // n + 1)
        stream = np.concatenate([self._shuffled(epoch) for epoch in epochs])
        rows = stream[start - epochs[0] * n :][:size]
        rng = np.random.default_rng([self.config.seed, 1, number])
        step = int(rng.integers(self.config.frame_step[0], self.config.frame_step[1] + 1))
        clips = self.videos.cut_clips(rows[:, :2], self.frames, self.config.normalization, step)
        return mirror_batch(clips, self.videos.skeleton, rows[:, 2].astype(bool))

    def _shuffled(self, epoch: int) -> Int[np.ndarray, "n 3"]:
        """Return sequence, first frame and whether it is mirrored, of all clips, shuffled."""
        rng = np.random.default_rng([self.config.seed, 0, epoch])
        order, mirrored = rng.permutation(self.clips_per_epoch), rng.random(self.clips_per_epoch)
        return np.column_stack([self.starts[order], mirrored < 0.5])

    def _clip_starts(self, videos: VideoDataset, hop: int, step: int) -> Int[np.ndarray, "n 2"]:
        return videos.clip_starts((self.frames - 1) * step + 1, hop)


@dataclass(frozen=True)
class ProcessBatches(Dataset[tuple[Tensor, ...]]):
    """The part of every batch, by number, that one process trains on."""

    source: Source
    size: int
    process: int
    processes: int

    def __getitem__(self, number: int) -> tuple[Tensor, ...]:
        clips = self.source.batch(number, self.size * self.processes)
        part = slice(self.process * self.size, (self.process + 1) * self.size)
        return tuple(torch.from_numpy(x[part]) for x in (clips.xyc, clips.flat, clips.xyz))


def _spec_of(config: TrainConfig, fps: float) -> WeightsSpec:
    if config.data in _RELEASED:
        return RELEASED[_RELEASED[config.data]]
    step = _middle(config.frame_step)
    skeleton = "h36m" if joints_of(config.network) == BODY.stop else "body26"
    return WeightsSpec(
        skeleton=skeleton,
        normalization=config.normalization,
        fps=fps,
        frame_step=step,
        last_frames=config.last_frames,
    )


def _middle(frame_step: tuple[int, int]) -> int:
    return (frame_step[0] + frame_step[1]) // 2
