"""The bridge between motions and networks: `Lifter` takes 2D motion and gives 3D motion.

The way: joints by name -> gaps bridged -> the weights' frame rate -> overlapping clips -> what the
network sees -> the network -> back through all of these -> metres -> the pelvis' path -> the world;
and before and after that the links of a `Chain`.

A network that answers for the centre frame of a clip gets a clip around every frame instead.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from ..filtering.repair import fill_gaps, interpolate_at, remove_alternation, resample
from ..models import lifts_center_only
from ..models.checkpoint import Weights, weights_spec
from ..models.uncertainty_head import WithUncertainty
from ..motion import REGION_SCALE, Motion2D, Motion3D, to_skeleton
from ..postprocess.steps import PostprocessConfig, clean_keypoints, postprocess
from ..runtime.backends import Backend, device_for, weights_for
from ..runtime.device import Numbers, pick_device, prepare_for_inference
from ..runtime.memory import hand_back_memory
from ..skeleton import H36M, H36M_NOSE, MPI_INF_3DHP, conversion
from ..world.focal import FROM_MOTION, describe_estimate, estimate_focal
from ..world.ground import ASSUMED_LEVEL
from ..world.scale import Scale, apply_scale
from ..world.together import check_same_camera, on_shared_floor
from ..world.trajectory import (
    choose_focal,
    choose_height,
    median_bone_lengths,
    scale_to_height,
    solve_root_trajectory,
)
from .normalize import NormalizedClips, look_at_rotation, normalize_clips, to_rays
from .predict import predict
from .uncertainty import in_camera, unseen, widened
from .windows import centered_window_indices, split, stitch, window_indices

DEFAULT_POSTPROCESS = PostprocessConfig()
CLIPS_IN_MEMORY = 256
"""The clips of a motion have several times its frames: so many are prepared at a time."""
LONG = 10_000
"""Frames of a motion from which on it pays to hand back what lifting it took."""
FRAMES_AT_ONCE = 4096
"""How sure they are is worked out for so many at a time."""
STEADY_SECONDS = 0.04
"""Where clips take turns, neighbouring frames come from different ones and differ a little: that is
averaged away. It keeps 97 % of a movement at 3 Hz and 81 % at 5 Hz."""
_SKELETONS = {skeleton.name: skeleton for skeleton in (H36M, H36M_NOSE, MPI_INF_3DHP)}


@dataclass(frozen=True)
class _Said:
    """The Human3.6M joints relative to the pelvis, and, if the weights know, how sure that is."""

    pose: Float[np.ndarray, "t 17 3"]
    sigma: Float[np.ndarray, "t 17 3"] | None

    def times(self, factor: float) -> "_Said":
        """The same of somebody so many times as tall."""
        return _Said(self.pose * factor, None if self.sigma is None else self.sigma * factor)


class Lifter:
    """Lifts one person's 2D motion to 3D.

    Args:
        weights: A packaged name, a folder that `save_model` wrote, a released checkpoint or a file
            that `deploy.export` wrote; or what `load_weights` gave, whose network then goes to the
            device.
        device: "auto" takes CUDA, then MPS, then the CPU; or name one.
        flip: Average with the lifted mirror image: twice the work, a little more exact.
        trained_on: For a released checkpoint, which does not say: a key of `RELEASED`.
        heads: Attention heads of a released checkpoint; not of weights already loaded.
        overlap: Share of each window that the next one covers again; 0 is fastest but has seams.
            Of no matter to a network that answers for the centre frame.
        backend: What computes the network: "torch", or on the CPU "onnx" (ONNX Runtime) or
            "openvino". "auto" is what an exported file was written for, and else torch. Weights
            that are not exported yet are, which takes some seconds each time.
        precision: What TCPFormer computes in. "bfloat16" is faster where the processor has it, and
            less exact by some 0.1 mm; "auto" measures which is faster. Other networks: "float32".

    Raises:
        FileNotFoundError: If there are no such weights.
        ValueError: If the weights cannot be used as asked.
        ImportError: If the backend is not installed.
    """

    def __init__(  # noqa: PLR0913 - each is a choice of its own
        self,
        weights: str | Path | Weights = "default",
        device: str = "auto",
        flip: bool = True,
        *,
        trained_on: Literal["h36m", "h36m-cpn", "3dhp"] | None = None,
        heads: int = 8,
        overlap: float = 0.5,
        backend: Backend = "auto",
        precision: Numbers = "float32",
    ) -> None:
        weights = weights_for(weights, backend, heads=heads)
        self.convention = weights_spec(weights, trained_on)
        self.model = weights.model.to(pick_device(device_for(weights, device)))
        self._run = prepare_for_inference(self.model, precision)
        self.spread = getattr(self._run, "spread", None)
        self.region_scale = REGION_SCALE if self.spread is None else float(self.spread.reach)
        if self.spread is not None:
            self._run = WithUncertainty(self._run)
        self.name = weights.name
        self.skeleton = _SKELETONS[self.convention.skeleton]
        self.flip = flip
        self.overlap = overlap

    def __call__(
        self,
        motion: Motion2D,
        *,
        height: float | None = None,
        camera_height: float | None = None,
        length: tuple[str, str, float] | None = None,
        focal: float | Literal["motion"] | None = None,
        chain: PostprocessConfig | None = DEFAULT_POSTPROCESS,
    ) -> Motion3D:
        """Lift a motion of any length, any frame rate and any known skeleton.

        Args:
            motion: One person in the image. Frames in which nobody was seen are bridged, and stay
                False in ``valid``.
            height: The person's height in metres, which sets the scale. By default 1.70.
            camera_height: Or that of the camera above the floor, in metres.
            length: Or that of a bone: the joints at its ends, and metres.
            focal: Focal length in pixels; or "motion": estimate it, by `focal_of`. By default the
                motion's own, else that of a camera that sees 60 degrees across the longer side.
            chain: What makes the network's answer smooth, constant and grounded; None leaves it
                as it is, its gaps bridged.

        Returns:
            The Human3.6M joints in metres; its fields say where scale and focal length come from.

        Raises:
            ValueError: If nobody is ever visible, or an argument is out of range.
        """
        return self.people(
            [motion],
            height=height,
            camera_height=camera_height,
            length=length,
            focal=focal,
            chain=chain,
        )[0]

    def people(
        self,
        motions: Sequence[Motion2D],
        *,
        height: float | None = None,
        camera_height: float | None = None,
        length: tuple[str, str, float] | None = None,
        focal: float | Literal["motion"] | None = None,
        chain: PostprocessConfig | None = DEFAULT_POSTPROCESS,
    ) -> list[Motion3D]:
        """Lift the people of one video into one world; gravity and floor come from all of them.

        Args:
            motions: Of one camera, each as for a call.
            height: As for a call, of each of them.
            camera_height: As for a call.
            length: As for a call, of the first of them; the others grow or shrink along.
            focal: As for a call.
            chain: As for a call.

        Raises:
            ValueError: As of a call, or if more than one camera saw them.
        """
        if isinstance(focal, str) and focal != FROM_MOTION:
            raise ValueError(f"focal must be pixels, {FROM_MOTION!r} or None, got {focal!r}.")
        scale = Scale(height=height, camera_height=camera_height, length=length)
        scale.fits(chain)
        check_same_camera(motions)
        if not motions:
            return []
        told = {}
        if focal == FROM_MOTION:
            unknown = [clean_keypoints(replace(each, focal=None), chain) for each in motions]
            focal, sigma = estimate_focal([self._placed(each, height, None) for each in unknown])
            told = {"focal": describe_estimate(focal, sigma)}

        def lift(motion: Motion2D) -> Motion3D:
            said = self._placed(clean_keypoints(motion, chain), height, focal)
            said = replace(said, provenance={**said.provenance, **told})
            if len(motion) > LONG:
                hand_back_memory()
            return said

        lifted = map(lift, motions)  # one at a time, to save memory
        if chain is None:
            return apply_scale(on_shared_floor(list(lifted)), scale)
        return apply_scale(postprocess(lifted, chain), scale)

    def _placed(self, motion: Motion2D, height: float | None, focal: float | None) -> Motion3D:
        """As the network says it, where the picture shows it; its world is still the camera's."""
        height, scale_source = choose_height(height)
        focal, focal_source = choose_focal(focal, motion.focal, motion.size, motion.focal_source)
        if self.skeleton is H36M:
            motion = to_skeleton(motion, H36M)  # of an hour, half as many bytes
        said = self._scaled(motion, height=height, focal=focal)
        seen = fill_gaps(to_skeleton(motion, H36M))
        rays = to_rays(seen.xy, motion.size, focal)
        root = solve_root_trajectory(said.pose, rays, seen.confidence, motion.times)
        camera = said.pose + root[:, None]
        return Motion3D(
            xyz=camera,
            camera_xyz=camera,
            xy=seen.xy,
            confidence=seen.confidence,
            valid=motion.valid,
            times=motion.times,
            fps=motion.fps,
            skeleton=H36M,
            size=motion.size,
            focal=focal,
            provenance={
                "weights": self.name,
                "focal": focal_source,
                "scale": scale_source,
                "ground": ASSUMED_LEVEL,
            },
            sigma=said.sigma,
            region_scale=self.region_scale,
        )

    def pose(self, motion: Motion2D, *, height: float, focal: float) -> Float[np.ndarray, "t 17 3"]:
        """The network's answer as it is scored: `scaled`, every bone at its median length.

        Args:
            motion: As for a call.
            height: Of the person, in metres.
            focal: In pixels.
        """
        relative = self.scaled(motion, height=height, focal=focal)
        return scale_to_height(
            median_bone_lengths(relative, motion.valid), height, valid=motion.valid
        )

    def scaled(
        self, motion: Motion2D, *, height: float, focal: float
    ) -> Float[np.ndarray, "t 17 3"]:
        """The Human3.6M joints relative to the pelvis, in camera axes and metres.

        Args:
            motion: As for a call.
            height: Of the person, in metres.
            focal: In pixels.
        """
        return self._scaled(motion, height=height, focal=focal).pose

    def _scaled(self, motion: Motion2D, *, height: float, focal: float) -> _Said:
        said = self._said(motion, focal)
        if self.convention.unit == "screen":
            slow = scale_to_height(said.pose, height, valid=motion.valid, times=motion.times)
            return _Said(scale_to_height(slow, height, valid=motion.valid), None)
        pose = scale_to_height(said.pose, height, valid=motion.valid)
        size = float(np.linalg.norm(pose)) / max(float(np.linalg.norm(said.pose)), 1e-9)
        return replace(said.times(size), pose=pose)

    def relative(self, motion: Motion2D, focal: float) -> Float[np.ndarray, "t 17 3"]:
        """What the network says: joints relative to the pelvis, camera axes, the weights' unit.

        Args:
            motion: As for a call.
            focal: Focal length in pixels.
        """
        return self._said(motion, focal).pose

    def _said(self, motion: Motion2D, focal: float) -> _Said:
        """`relative`, and sigma likewise."""
        seen = fill_gaps(to_skeleton(motion, self.skeleton))
        joints = conversion(self.skeleton, H36M)
        pose, spread = self._answer(resample(seen, self.convention.fps), motion.times, focal)
        pose = joints @ pose
        pose -= pose[:, H36M.root, None]
        if self.spread is None:
            return _Said(pose, None)
        wander, memory = self.spread.wander.cpu().numpy(), float(self.spread.memory)
        turn = look_at_rotation(to_rays(seen.xy, motion.size, focal))
        free, sigma = unseen(motion.valid, motion.times), np.empty_like(pose)
        for first in range(0, len(sigma), FRAMES_AT_ONCE):
            part = np.s_[first : first + FRAMES_AT_ONCE]
            turned = in_camera(np.exp(spread[part]), turn[part])
            sigma[part] = np.sqrt(joints**2 @ widened(turned, free[part], wander, memory) ** 2)
        sigma[:, H36M.root] = 0.0
        return _Said(pose, sigma)

    def _answer(
        self, even: Motion2D, times: Float[np.ndarray, " t"], focal: float
    ) -> tuple[Float[np.ndarray, "t j 3"], Float[np.ndarray, "t j s"]]:
        """What `_poses` says, of the whole motion at these times: the pose, and the rest."""
        said = (
            self._centred(even, focal)
            if lifts_center_only(self.model)
            else self._whole(even, focal)
        )
        pose = interpolate_at(said[..., :3], even.times, times)
        return pose, interpolate_at(said[..., 3:], even.times, times, smooth=False)

    def clip_at(
        self, motion: Motion2D, focal: float, start: float = 0.0
    ) -> Float[np.ndarray, "t j 3"]:
        """The network's input for one clip: normalised x, y and confidence.

        Args:
            motion: As for a call.
            focal: Focal length in pixels.
            start: Second of the motion at which the clip begins; past its end, the last frame is
                repeated.
        """
        even = resample(fill_gaps(to_skeleton(motion, self.skeleton)), self.convention.fps)
        frames = self.convention.spacing * np.arange(self.model.config.frames)
        clip = round(start * even.fps) + frames[None]
        return self._see(even, clip, focal).xyc[0].astype(np.float32)

    def _whole(self, even: Motion2D, focal: float) -> Float[np.ndarray, "t j d"]:
        """Overlapping clips, lifted whole and blended."""
        spacing = self.convention.spacing
        clips = window_indices(
            len(even), self.model.config.frames, spacing=spacing, overlap=self.overlap
        )
        pose = stitch(self._in_parts(even, clips, focal), clips, len(even))
        return (
            remove_alternation(pose, STEADY_SECONDS, self.convention.fps) if spacing > 1 else pose
        )

    def _centred(self, even: Motion2D, focal: float) -> Float[np.ndarray, "t j d"]:
        """A clip around every frame, of which the centre is lifted."""
        clips = centered_window_indices(
            len(even), self.model.config.frames, spacing=self.convention.spacing
        )
        return np.concatenate([part[:, 0] for part in self._in_parts(even, clips, focal)])

    def _in_parts(
        self, even: Motion2D, clips: Int[np.ndarray, "n t"], focal: float
    ) -> Iterator[Float[np.ndarray, "m s j d"]]:
        """`_poses` of clips, some at a time."""
        parts = np.split(clips, range(CLIPS_IN_MEMORY, len(clips), CLIPS_IN_MEMORY))
        return (self._poses(even, part, focal) for part in parts)

    def _poses(
        self, even: Motion2D, clips: Int[np.ndarray, "n t"], focal: float
    ) -> Float[np.ndarray, "n s j d"]:
        """The pose, in camera axes; after it, if it is known, the log of sigma in aimed ones."""
        seen = self._see(even, clips, focal)
        said = predict(self._run, seen.xyc, self.skeleton.mirror, flip=self.flip)
        first = (clips.shape[1] - said.shape[1]) // 2
        answered = np.s_[:, first : first + said.shape[1]]
        pose = seen.flat[answered] + said[..., :3]
        pose = np.einsum("ntyx,ntjy->ntjx", seen.rotation[answered], pose)
        return pose if self.spread is None else np.concatenate([pose, said[..., 3:]], axis=-1)

    def _see(self, even: Motion2D, clips: Int[np.ndarray, "n t"], focal: float) -> NormalizedClips:
        """Clips of a motion as the network meets them."""
        xy, sure = split(even.xy, clips), split(even.confidence, clips)
        xyc = np.concatenate([xy, sure[..., None]], axis=-1)
        rule, root = self.convention.rule, self.skeleton.root
        return normalize_clips(xyc, even.size, focal, rule=rule, root=root)
