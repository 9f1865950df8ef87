"""Footage: real 2D beside real 3D, many sequences of it, from which clips are cut.

Every data set that was filmed becomes this one form; a file for each data set says how. The large
arrays may be memory-mapped: only the frames of a batch are read.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from ..lifting.normalize import Normalization, to_rays, to_screen
from ..skeleton import STANDARD_HEIGHT, Skeleton, stature
from .synthetic.clips import Clips, aimed


@dataclass(frozen=True)
class Footage:
    """Sequences of one data set, laid end to end.

    Attributes:
        xy: Joints in pixels.
        confidence: Of the detector; 1 where the data set has none.
        xyz: The truth in camera axes and the data set's unit; the pelvis need not be at 0.
        starts: First frame of each sequence.
        lengths: Frames of each sequence.
        sizes: Image width and height of each sequence, in pixels.
        units: What the truth of each sequence is multiplied by to be in the unit trained on.
        subjects: Who is seen in each sequence.
        fps: Frames per second.
        skeleton: The joints.
        focals: Focal length of each sequence in pixels; only the rule "aimed" needs it.
    """

    xy: Float[np.ndarray, "n j 2"]
    confidence: Float[np.ndarray, "n j"]
    xyz: Float[np.ndarray, "n j 3"]
    starts: Int[np.ndarray, " s"]
    lengths: Int[np.ndarray, " s"]
    sizes: Int[np.ndarray, "s 2"]
    units: Float[np.ndarray, " s"]
    subjects: tuple[str, ...]
    fps: float
    skeleton: Skeleton
    focals: Float[np.ndarray, " s"] | None = None

    def of(self, subjects: Iterable[str]) -> "Footage":
        """The sequences of some people; the frames are shared, not copied.

        Raises:
            ValueError: If one of them is not in it.
        """
        wanted, there = set(subjects), set(self.subjects)
        if not wanted or not wanted <= there:
            raise ValueError(f"expected subjects among {sorted(there)}, got {sorted(wanted)}.")
        keep = np.array([i for i, who in enumerate(self.subjects) if who in wanted])
        return replace(
            self,
            starts=self.starts[keep],
            lengths=self.lengths[keep],
            sizes=self.sizes[keep],
            units=self.units[keep],
            subjects=tuple(self.subjects[i] for i in keep),
            focals=None if self.focals is None else self.focals[keep],
        )

    def clips(self, frames: int, stride: int) -> Int[np.ndarray, "n 2"]:
        """(sequence, first frame in it) of every whole clip, ``stride`` frames apart.

        What remains at the end of a sequence is left out; of a sequence shorter than a clip there
        is one, whose last frame is repeated.
        """
        found = [
            (i, first)
            for i, length in enumerate(self.lengths)
            for first in range(0, max(int(length) - frames, 0) + 1, stride)
        ]
        return np.array(found, dtype=np.int64).reshape(-1, 2)

    def take(
        self, clips: Int[np.ndarray, "b 2"], frames: int, rule: Normalization, spacing: int = 1
    ) -> Clips:
        """The clips that begin at the given frames, as a network meets them.

        Raises:
            ValueError: If the rule is "aimed" and focal lengths are not known.
        """
        which, first = clips[:, 0], clips[:, 1]
        local = np.minimum(
            first[:, None] + spacing * np.arange(frames), self.lengths[which][:, None] - 1
        )
        index = self.starts[which][:, None] + local
        xy, confidence, xyz = self.xy[index], self.confidence[index], self.xyz[index]
        xyz = xyz * self.units[which][:, None, None, None]
        if rule == "screen":
            return self._on_screen(xy, confidence, xyz, which)
        if self.focals is None:
            raise ValueError("the rule 'aimed' needs each sequence's focal length in pixels.")
        rays = np.stack(
            [
                to_rays(part, (int(self.sizes[i, 0]), int(self.sizes[i, 1])), float(self.focals[i]))
                for part, i in zip(xy, which, strict=True)
            ]
        )
        relative = xyz - xyz[:, :, self.skeleton.root, None]
        scale = STANDARD_HEIGHT / stature(relative).mean(axis=1)
        return aimed(rays, confidence, relative * scale[:, None, None, None])

    def _on_screen(
        self,
        xy: Float[np.ndarray, "b t j 2"],
        confidence: Float[np.ndarray, "b t j"],
        xyz: Float[np.ndarray, "b t j 3"],
        which: Int[np.ndarray, " b"],
    ) -> Clips:
        sizes = ((int(w), int(h)) for w, h in self.sizes[which])
        seen = np.stack([to_screen(part, size) for part, size in zip(xy, sizes, strict=True)])
        xyc = np.concatenate([seen, confidence[..., None]], axis=-1).astype(np.float32)
        relative = (xyz - xyz[:, :, self.skeleton.root, None]).astype(np.float32)
        return Clips(xyc, np.zeros_like(relative), relative)


def mirrored_clips(clips: Clips, skeleton: Skeleton, which: np.ndarray) -> Clips:
    """Exchange some clips (``which``: one truth value each) for their mirror images."""
    mirror, sign = list(skeleton.mirror), np.array([-1, 1, 1], dtype=np.float32)
    turned = [
        np.where(which[:, None, None, None], x[:, :, mirror] * sign, x)
        for x in (clips.xyc, clips.flat, clips.xyz)
    ]
    return Clips(*turned)
