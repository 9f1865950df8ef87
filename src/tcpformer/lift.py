"""The bridge between motions and networks: `Lifter` takes 2D motion and gives 3D motion.

The way: joints by name -> gaps bridged -> the weights' frame rate -> overlapping clips -> what the
network sees -> the network -> back through all of these -> metres -> the pelvis' path -> the world.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float

from .motion import Motion2D, Motion3D, to_skeleton
from .normalize import aim, flat_pose, to_aimed, to_rays, to_screen
from .place import (
    choose_focal,
    choose_height,
    constant_bones,
    root_path,
    to_height,
    to_world,
)
from .repair import at_times, fill_gaps, resample, steadied
from .skeleton import H36M, H36M_NOSE, MPI_INF_3DHP, conversion
from .weights import RELEASED, Convention, load_weights
from .windows import layout, split, stitch

CLIPS_AT_ONCE = 32
STEADY_SECONDS = 0.02
"""Where clips take turns, neighbouring frames come from different ones and differ a little: that is
averaged away. It keeps 97 % of a movement at 2 Hz and 82 % at 5 Hz."""
_SKELETONS = {skeleton.name: skeleton for skeleton in (H36M, H36M_NOSE, MPI_INF_3DHP)}


@dataclass(frozen=True)
class _Seen:
    """Clips as the network meets them, and how to read what it answers."""

    xyc: Float[np.ndarray, "n t j 3"]
    flat: Float[np.ndarray, "n t j 3"]
    rotation: Float[np.ndarray, "n t 3 3"]


class Lifter:
    """Lifts one person's 2D motion to 3D.

    Args:
        weights: A packaged name, a folder that `save_model` wrote, or a released checkpoint.
        device: "auto" takes CUDA, then MPS, then the CPU; or name one.
        flip: Average with the lifted mirror image: twice the work, a little more exact.
        trained_on: "h36m" or "3dhp" for a released checkpoint, which does not say; None for ours.
        heads: Attention heads of a released checkpoint.
        overlap: Share of each window that the next one covers again; 0 is fastest but has seams.

    Raises:
        FileNotFoundError: If there are no such weights.
        ValueError: If the weights cannot be used as asked.
    """

    def __init__(
        self,
        weights: str | Path = "default",
        device: str = "auto",
        flip: bool = True,
        *,
        trained_on: Literal["h36m", "3dhp"] | None = None,
        heads: int = 8,
        overlap: float = 0.5,
    ) -> None:
        loaded = load_weights(weights, heads=heads, device=pick_device(device))
        self.model = loaded.model
        self.name = loaded.name
        self.convention = _convention(loaded.convention, trained_on, weights)
        self.skeleton = _SKELETONS[self.convention.skeleton]
        self.flip = flip
        self.overlap = overlap

    def __call__(
        self, motion: Motion2D, *, height: float | None = None, focal: float | None = None
    ) -> Motion3D:
        """Lift a motion of any length, any frame rate and any known skeleton.

        Args:
            motion: One person in the image. Frames in which nobody was seen are bridged, and stay
                False in ``valid``.
            height: The person's height in metres, which sets the scale. By default 1.70.
            focal: Focal length in pixels. By default the motion's own, else that of a camera that
                sees 60 degrees across the longer side.

        Returns:
            The Human3.6M joints in metres; its fields say where scale and focal length come from.

        Raises:
            ValueError: If nobody is ever visible, or an argument is out of range.
        """
        height, scale_source = choose_height(height)
        focal, focal_source = choose_focal(focal, motion.focal, motion.size)
        seen = fill_gaps(to_skeleton(motion, H36M))
        relative = self.pose(motion, height=height, focal=focal)
        rays = to_rays(seen.xy, motion.size, focal)
        root = root_path(relative, rays, seen.confidence, motion.fps)
        camera = relative + root[:, None]
        return Motion3D(
            xyz=to_world(camera, motion.valid),
            camera_xyz=camera,
            xy=seen.xy,
            confidence=seen.confidence,
            valid=motion.valid,
            times=motion.times,
            fps=motion.fps,
            skeleton=H36M,
            size=motion.size,
            focal=focal,
            focal_source=focal_source,
            scale_source=scale_source,
            weights=self.name,
        )

    def pose(self, motion: Motion2D, *, height: float, focal: float) -> Float[np.ndarray, "t 17 3"]:
        """The Human3.6M joints relative to the pelvis, in camera axes: metres, bones constant.

        Args:
            motion: As for a call.
            height: Of the person, in metres.
            focal: In pixels.
        """
        relative = self.relative(motion, focal)
        slow = motion.fps if self.convention.unit == "screen" else None
        relative = to_height(relative, height, valid=motion.valid, fps=slow)
        return to_height(constant_bones(relative, motion.valid), height, valid=motion.valid)

    def relative(self, motion: Motion2D, focal: float) -> Float[np.ndarray, "t 17 3"]:
        """What the network says: joints relative to the pelvis, camera axes, the weights' unit.

        Args:
            motion: As for a call.
            focal: Focal length in pixels.
        """
        even = resample(fill_gaps(to_skeleton(motion, self.skeleton)), self.convention.fps)
        clips = layout(
            len(even),
            self.model.config.frames,
            spacing=self.convention.spacing,
            overlap=self.overlap,
        )
        seen = self._see(split(even.xy, clips), split(even.confidence, clips), even.size, focal)
        pose = seen.flat + self._infer(seen.xyc)
        pose = np.einsum("ntyx,ntjy->ntjx", seen.rotation, pose)
        pose = stitch(pose, clips, len(even))
        if self.convention.spacing > 1:
            pose = steadied(pose, STEADY_SECONDS, self.convention.fps)
        pose = at_times(pose, even.times, motion.times)
        pose = conversion(self.skeleton, H36M) @ pose
        return pose - pose[:, H36M.root, None]

    def _see(
        self,
        xy: Float[np.ndarray, "n t j 2"],
        confidence: Float[np.ndarray, "n t j"],
        size: tuple[int, int],
        focal: float,
    ) -> _Seen:
        """Normalise clips in pixels by the rule of the weights."""
        if self.convention.rule == "screen":
            n, t, j = confidence.shape
            seen, flat = to_screen(xy, size), np.zeros((n, t, j, 3))
            rotation = np.broadcast_to(np.eye(3), (n, t, 3, 3))
        else:
            rays = to_rays(xy, size, focal)
            rotation = aim(rays)
            seen = to_aimed(rays, rotation)
            flat = flat_pose(seen, self.skeleton.root)
        return _Seen(np.concatenate([seen, confidence[..., None]], axis=-1), flat, rotation)

    @torch.inference_mode()
    def _infer(self, xyc: Float[np.ndarray, "n t j 3"]) -> Float[np.ndarray, "n t j 3"]:
        """Run the network over all clips, with the mirror image if asked for."""
        device = next(self.model.parameters()).device
        mirror = list(self.skeleton.mirror)
        sign = torch.tensor([-1.0, 1.0, 1.0], device=device)
        results = []
        for part in torch.from_numpy(xyc.astype(np.float32)).split(CLIPS_AT_ONCE):
            x = part.to(device)
            y = self.model(x)
            if self.flip:
                y = (y + self.model(x[:, :, mirror] * sign)[:, :, mirror] * sign) / 2
            results.append(y.float().cpu())
        return torch.cat(results).numpy().astype(np.float64)


def pick_device(name: str) -> str:
    """Turn "auto" into the best device there is.

    Raises:
        ValueError: If the named device is not one of ours or not on this machine.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return next(device for device, found in there.items() if found)
    kind, _, number = name.partition(":")
    if kind not in there or (number and not (kind == "cuda" and number.isdecimal())):
        raise ValueError(f"device must be 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps', got {name!r}.")
    if not there[kind]:
        found = [device for device, yes in there.items() if yes]
        raise ValueError(f"no {kind} device on this machine; there is {', '.join(found)}.")
    return name


def _convention(said: Convention | None, trained_on: str | None, weights: str | Path) -> Convention:
    """What the weights say, or else what the caller says; never a guess."""
    if said is not None:
        if trained_on is not None:
            raise ValueError(f"{weights} says what it was trained on; leave trained_on out.")
        return said
    if trained_on not in RELEASED:
        raise ValueError(
            f"{weights} does not say what it was trained on, and the data sets differ in joint "
            f"order, normalisation and unit: say trained_on (--trained-on), one of "
            f"{list(RELEASED)}, got {trained_on!r}."
        )
    return RELEASED[trained_on]
