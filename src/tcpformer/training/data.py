"""What a run learns from: batches by number, and the clips that its weights are judged by."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int

from ..datasets.clip_batch import ClipBatch, join_batches, mirror_batch
from ..datasets.custom import load_folder
from ..datasets.h36m_cpn import load_h36m_cpn
from ..datasets.h36m_sh import load_h36m_sh
from ..datasets.mocap import load_mocap
from ..datasets.mpi_inf_3dhp import load_3dhp_train
from ..datasets.synthetic.as_filmed import generate_filmed_clips
from ..datasets.synthetic.benchmark_like import generate_benchmark_clips
from ..datasets.video_dataset import VideoDataset
from ..models.upstream import RELEASED, WeightsSpec
from ..skeleton import H36M
from .config import VALIDATION_SPLIT, TrainConfig

VALIDATION_CLIPS = 512
VALIDATION_SEED = 7
SKIPPED = 97
"""Of so many frames one is looked at to tell data from others."""
_FOOTAGE = {"benchmark-like": generate_benchmark_clips, "as-filmed": generate_filmed_clips}


@runtime_checkable
class Source(Protocol):
    """Where clips come from. A batch depends on nothing but the plan, its number and size."""

    convention: WeightsSpec
    epoch: int
    """Clips in one pass over the data."""
    judges: dict[str, ClipBatch]
    """Clips of people held out, by kind; empty if nobody is."""
    scale: float
    """Millimetres, or whatever ``unit`` says, per unit of the truth."""
    unit: str
    """Of errors: "mm"; "px" for Human3.6M with SH detections, whose truth is in pixels."""
    mark: list[float]
    """A few numbers by which other data are told from these."""
    root: int
    """The joint that all others are seen from."""

    def batch(self, number: int, size: int) -> ClipBatch:
        """The clips of one batch; a run takes those of consecutive numbers."""
        ...


def open_source(plan: TrainConfig, data: str | Path) -> Source:
    """Open the data that a plan asks for.

    Raises:
        FileNotFoundError: If it is not there.
        ValueError: If it is of another format.
    """
    if plan.data == "mocap":
        return Filmed(plan, data)
    if plan.data == "own":
        part = VALIDATION_SPLIT.get(plan.select)
        held_out = load_folder(data, part) if part else None
        return Cut(plan, load_folder(data, plan.split), held_out)
    if plan.data == "3dhp":
        footage = load_3dhp_train(data)
    else:
        load = load_h36m_sh if plan.data == "h36m-sh" else load_h36m_cpn
        footage = load(data, "train", ground_truth=plan.ground_truth)
    if not plan.holdout:
        return Cut(plan, footage, None)
    others = set(footage.subjects) - set(plan.holdout)
    judged = plan.select == "validation"
    return Cut(
        plan,
        footage.select_subjects(others),
        footage.select_subjects(plan.holdout) if judged else None,
    )


class Filmed:
    """Motion capture, filmed by virtual cameras: no clip comes twice."""

    scale, unit = 1000.0, "mm"
    root = H36M.root

    def __init__(self, plan: TrainConfig, data: str | Path) -> None:
        self.plan = plan
        mocap = load_mocap(data, plan.split, by_activity=plan.by_activity)
        self.mocap = replace(mocap, limb_swap_prob=plan.grafts, tilt_prob=plan.tilts)
        self.convention = _convention(plan, self.mocap.fps)
        self.epoch = int(self.mocap.lengths.sum()) // plan.network.frames
        self.mark = [float(len(mocap.xyz)), float(np.abs(mocap.xyz[::SKIPPED]).mean())]
        self.judges = {}
        if plan.select in VALIDATION_SPLIT:
            self.judges = self._judges(data, VALIDATION_SPLIT[plan.select])

    def batch(self, number: int, size: int) -> ClipBatch:
        return join_batches(
            [
                self._drawn(footage, number, part)
                for footage, part in self._parts(size).items()
                if part
            ]
        )

    def _drawn(self, footage: str, number: int, size: int) -> ClipBatch:
        draw = _FOOTAGE[footage]
        return next(draw(self.mocap, **self._how(), batch=size, seed=self.plan.seed, first=number))

    def _parts(self, size: int) -> dict[str, int]:
        """How many clips of a batch are of which footage."""
        if self.plan.footage != "mixed":
            return {self.plan.footage: size}
        return {"benchmark-like": size - size // 2, "as-filmed": size // 2}

    def _how(self) -> dict[str, Any]:
        return {"frames": self.plan.network.frames, "frame_step": self.plan.spacing}

    def _judges(self, data: str | Path, split: str) -> dict[str, ClipBatch]:
        """The same clips whatever the plan's seed: exact ones, and detected ones.

        Whoever learns from clips as people film is judged by such clips as well.
        """
        mocap = load_mocap(data, split)
        how = {**self._how(), "seed": VALIDATION_SEED}
        every = next(generate_benchmark_clips(mocap, **how, batch=VALIDATION_CLIPS))
        exact = (every.xyc[..., 2] == 1).all(axis=(1, 2))
        pick = {"clean": exact, "noisy": ~exact}
        judges = {k: ClipBatch(every.xyc[m], every.flat[m], every.xyz[m]) for k, m in pick.items()}
        if self.plan.footage != "benchmark-like":
            judges["filmed"] = next(
                generate_filmed_clips(mocap, **how, batch=VALIDATION_CLIPS // 2)
            )
        return judges


class Cut:
    """Footage, cut into clips that are shuffled for every pass; half of them mirrored."""

    def __init__(
        self, plan: TrainConfig, footage: VideoDataset, held_out: VideoDataset | None
    ) -> None:
        self.plan = plan
        self.footage = footage
        self.root = footage.skeleton.root
        self.scale = 1000.0 if plan.data in ("own", "h36m-cpn") else 1 / float(footage.units[0])
        self.unit = "px" if plan.data == "h36m-sh" else "mm"
        self.frames = plan.network.frames
        self.cuts = self._cut(footage, plan.stride or max(self.frames // 3, 1), plan.spacing[1])
        self.epoch = len(self.cuts)
        parts = (footage.xy[::SKIPPED], footage.xyz[::SKIPPED])
        self.mark = [float(self.epoch), *(float(np.abs(part).mean()) for part in parts)]
        self.convention = _convention(plan, footage.fps)
        self.judges = {}
        if held_out is not None:
            middle = _middle(plan.spacing)
            every = self._cut(held_out, self.frames, middle)
            some = every[
                np.linspace(0, len(every) - 1, min(len(every), VALIDATION_CLIPS)).astype(int)
            ]
            name = VALIDATION_SPLIT[plan.select]
            self.judges = {name: held_out.cut_clips(some, self.frames, plan.rule, middle)}

    def batch(self, number: int, size: int) -> ClipBatch:
        """Batches are cut from one stream, pass after pass, in which no clip is left out."""
        passes = range(number * size // self.epoch, ((number + 1) * size - 1) // self.epoch + 1)
        stream = np.concatenate([self._pass(turn) for turn in passes])
        rows = stream[number * size - passes[0] * self.epoch :][:size]
        rng = np.random.default_rng([self.plan.seed, 1, number])
        spacing = int(rng.integers(self.plan.spacing[0], self.plan.spacing[1] + 1))
        taken = self.footage.cut_clips(rows[:, :2], self.frames, self.plan.rule, spacing)
        return mirror_batch(taken, self.footage.skeleton, rows[:, 2].astype(bool))

    def _pass(self, turn: int) -> Int[np.ndarray, "n 3"]:
        """All clips, shuffled; of each its sequence, first frame, and whether it is mirrored."""
        rng = np.random.default_rng([self.plan.seed, 0, turn])
        order, turned = rng.permutation(self.epoch), rng.random(self.epoch) < 0.5
        return np.column_stack([self.cuts[order], turned])

    def _cut(self, footage: VideoDataset, stride: int, spacing: int) -> Int[np.ndarray, "n 2"]:
        return footage.clip_starts((self.frames - 1) * spacing + 1, stride)


def _convention(plan: TrainConfig, fps: float) -> WeightsSpec:
    """What the trained weights will expect and give."""
    known = {"h36m-sh": "h36m", "h36m-cpn": "h36m-cpn", "3dhp": "3dhp"}
    if plan.data in known:
        return RELEASED[known[plan.data]]
    return WeightsSpec(rule=plan.rule, fps=fps, spacing=_middle(plan.spacing))


def _middle(spacing: tuple[int, int]) -> int:
    return (spacing[0] + spacing[1]) // 2
