"""Filmed data sets in one form, real 2D beside real 3D, from which clips are cut.

The large arrays may be memory-mapped: only the frames of a batch are read.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from ..lifting.normalize import Normalization, to_rays, to_screen
from ..skeleton import STANDARD_HEIGHT, Skeleton, stature
from .clip_batch import ClipBatch, normalize_batch


@dataclass(frozen=True)
class VideoDataset:
    """Sequences of one data set, concatenated.

    Attributes:
        xy: Joints in pixels.
        confidence: Confidence of the detector; 1 where the data set has none.
        xyz: Truth in camera axes and the data set's unit; the pelvis need not be at 0.
        lengths: Frames of each sequence.
        sizes: Image width and height of each sequence, in pixels.
        units: Factor of each sequence from the data set's unit to the unit trained on.
        subjects: Person of each sequence.
        focals: Focal length of each sequence in pixels; "centered-camera" needs it.
        starts: First frame of each sequence; by default they follow one another.
    """

    xy: Float[np.ndarray, "n j 2"]
    confidence: Float[np.ndarray, "n j"]
    xyz: Float[np.ndarray, "n j 3"]
    lengths: Int[np.ndarray, " s"]
    sizes: Int[np.ndarray, "s 2"]
    units: Float[np.ndarray, " s"]
    subjects: tuple[str, ...]
    fps: float
    skeleton: Skeleton
    focals: Float[np.ndarray, " s"] | None = None
    starts: Int[np.ndarray, " s"] = None  # type: ignore[assignment]  # filled in when made

    def __post_init__(self) -> None:
        if self.starts is None:
            object.__setattr__(self, "starts", np.cumsum(self.lengths) - self.lengths)

    def select_subjects(self, subjects: Iterable[str]) -> "VideoDataset":
        """Return the sequences of some of its people; the frames are shared, not copied."""
        wanted, there = set(subjects), set(self.subjects)
        if not wanted or not wanted <= there:
            raise ValueError(f"expected subjects among {sorted(there)}, got {sorted(wanted)}.")
        keep = np.array([i for i, who in enumerate(self.subjects) if who in wanted])
        arrays = {x: getattr(self, x) for x in ("starts", "lengths", "sizes", "units", "focals")}
        kept = {name: None if x is None else x[keep] for name, x in arrays.items()}
        return replace(self, subjects=tuple(self.subjects[i] for i in keep), **kept)

    def frames_of(self, sequence: int) -> slice:
        """Return where the frames of a sequence are."""
        return slice(self.starts[sequence], self.starts[sequence] + self.lengths[sequence])

    def size_of(self, sequence: int) -> tuple[int, int]:
        """Return the image width and height of a sequence, in pixels."""
        width, height = self.sizes[sequence].tolist()
        return width, height

    def clip_starts(self, frames: int, hop: int) -> Int[np.ndarray, "n 2"]:
        """Return (sequence, first frame in it) of every whole clip, ``hop`` frames apart.

        The remainder of a sequence is left out; a sequence shorter than a clip gives one clip,
        whose last frame is repeated.
        """
        found = [
            (i, first)
            for i, length in enumerate(self.lengths)
            for first in range(0, max(int(length) - frames, 0) + 1, hop)
        ]
        return np.array(found, dtype=np.int64).reshape(-1, 2)

    def cut_clips(
        self,
        starts: Int[np.ndarray, "b 2"],
        frames: int,
        normalization: Normalization,
        frame_step: int = 1,
    ) -> ClipBatch:
        """Cut and normalize clips, as `clip_starts` starts them, with frames ``frame_step`` apart.

        Raises:
            ValueError: If the normalization needs focal lengths and they are not known.
        """
        which, first = starts.T
        local = first[:, None] + frame_step * np.arange(frames)
        local = np.minimum(local, self.lengths[which][:, None] - 1)
        index = self.starts[which][:, None] + local
        xy, confidence, xyz = self.xy[index], self.confidence[index], self.xyz[index]
        xyz = xyz * self.units[which][:, None, None, None]
        relative = xyz - xyz[:, :, self.skeleton.root, None]
        sizes = [self.size_of(int(i)) for i in which]
        if normalization == "screen":
            screen = np.stack([to_screen(part, size) for part, size in zip(xy, sizes, strict=True)])
            xyc = np.concatenate([screen, confidence[..., None]], axis=-1).astype(np.float32)
            relative = relative.astype(np.float32)
            return ClipBatch(xyc, np.zeros_like(relative), relative)
        if self.focals is None:
            raise ValueError(
                "normalization 'centered-camera' needs the focal length of each sequence, and this "
                "data set has none; use 'screen'."
            )
        parts = zip(xy, sizes, self.focals[which], strict=True)
        rays = np.stack([to_rays(part, size, float(focal)) for part, size, focal in parts])
        scale = STANDARD_HEIGHT / stature(relative).mean(axis=1)
        return normalize_batch(rays, confidence, relative * scale[:, None, None, None])
