"""Lift 2D motion to 3D motion: `Lifter` is the one bridge between motions and networks.

| step | frame of reference | unit | joints | frames |
|---|---|---|---|---|
| `fix_body_swaps`, `clean_keypoints` | image | pixels | the detector's | the video's |
| `to_skeleton`, `fill_gaps` | image | pixels | the weights' | the video's |
| `resample` | image | pixels | the weights' | evenly at the weights' rate |
| `window_indices`, `split` | image | pixels | the weights' | overlapping clips |
| `normalize_clips` | virtual camera, or screen | 1 | the weights' | clips |
| network, with the mirror image | the same, root-relative | the weights' | the weights' | clips |
| `NormalizedClips.to_camera` | camera, root-relative | the weights' | the weights' | clips |
| `stitch` | camera, root-relative | the weights' | the weights' | evenly at the weights' rate |
| `interpolate_at` | camera, root-relative | the weights' | the weights' | the video's |
| conversion by name | camera, root-relative | the weights' | the body's | the video's |
| `scale_to_height` | camera, root-relative | metres | the body's | the video's |
| `solve_root_trajectory` | camera | metres | the body's | the video's |
| `widen_by_height` | camera | metres | the body's | the video's |
| `postprocess` | world, and camera | metres | the body's | the video's |
| `apply_scale` | world, and camera | metres | the body's | the video's |

The body's joints are the 17 of Human3.6M, and with weights that have them feet, hands and face: the
26 of `BODY_26`, of which the 17 are the first.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int

from ..checks import check_type, describe
from ..detections import drop_origin
from ..filtering.gaps import fill_gaps
from ..filtering.resample import (
    interpolate_at,
    reach_of_alternation,
    remove_alternation,
    resample,
)
from ..motion import (
    REGION_SCALE,
    Motion2D,
    Motion3D,
    give,
    in_single_precision,
    to_skeleton,
)
from ..postprocess.stages import PostprocessConfig, clean_keypoints, postprocess
from ..runtime.choose import Backend, Precision, open_for_lifting
from ..skeleton import (
    BODY,
    BODY_26,
    H36M,
    H36M_NOSE,
    MPI_INF_3DHP,
    Skeleton,
    body_skeleton,
    conversion,
)
from ..weights import Weights, weights_spec
from ..world.camera import FROM_MOTION, choose_focal, describe_estimate, estimate_focal, to_rays
from ..world.ground import ASSUMED_LEVEL, check_same_camera, on_shared_floor
from ..world.lines import SceneLines
from ..world.scale import (
    Scale,
    apply_scale,
    choose_height,
    median_stature,
    rescale,
    scale_to_height,
    widen_by_height,
)
from ..world.trajectory import median_bone_lengths, solve_root_trajectory
from ..world.vertical import Hints, hints_from
from .body_swaps import BodySwaps, fix_body_swaps, swap_sides
from .causal import CausalClips, ClipShape, causal_clips, hold_last
from .normalize import NormalizedClips, look_at_rotation, normalize_clips
from .run_network import run_network
from .uncertainty import DEFINITION_STD, rotate_sigma, seconds_unseen, widen_unseen
from .windows import centered_window_indices, cut_spans, split, stitch, window_indices

log = logging.getLogger(__name__)

DEFAULT_POSTPROCESS = PostprocessConfig()
NO_HINTS = Hints()
CLIPS_IN_MEMORY = 256
"""Clips normalized at a time: overlapping clips have several times the frames of a motion."""
MAX_LOOKAHEAD = 120
"""Frames."""
FRAMES_AT_ONCE = 4096
"""Frames for which sigma is computed at a time."""
LEAST_DOUBT = 1e-6
"""Probability of exchanged sides from which on sigma tells it: bodies that are half a metre apart
make sigma of 20 mm wider by 0.03 %."""
SPAN, SPAN_MARGIN = 20_000, 100
"""Frames at the weights' rate for which the network's answer is kept at a time, and frames on
either side, beyond the reach of `remove_alternation`, on which the answer for them depends: splines
forget a frame within 30."""
STEADY_SECONDS = 0.04
"""Standard deviation of the kernel that removes what alternates between interleaved clips; it keeps
97 % of a movement at 3 Hz and 81 % at 5 Hz."""
_SKELETONS = {skeleton.name: skeleton for skeleton in (H36M, BODY_26, H36M_NOSE, MPI_INF_3DHP)}


@dataclass(frozen=True)
class _Prediction:
    """The body relative to the pelvis, camera axes, and its sigma if it is predicted."""

    pose: Float[np.ndarray, "t j 3"]
    sigma: Float[np.ndarray, "t j 3"] | None


class Lifter:
    """Lifts 2D motion of any length, frame rate and known skeleton to 3D.

    Args:
        weights: A packaged name, a folder that `save_model` wrote, a released checkpoint, a file
            that `export` wrote, or the result of `load_weights`, whose network then moves to the
            device.
        device: "auto" (CUDA, then MPS, then CPU), "cpu", "cuda", "cuda:N" or "mps".
        flip: Average with the lifted mirror image: twice the work, a little more exact.
        checkpoint_protocol: Protocol that a released checkpoint was trained by, which the file
            does not tell: a key of `RELEASED`.
        heads: Attention heads of a released checkpoint, which the file does not tell either.
        overlap: Share of each clip that the next one covers again; 0 is fastest but has seams.
            Networks that lift the center frame ignore it.
        backend: Runtime of the network: "torch", or on the CPU "onnx" (ONNX Runtime) or
            "openvino". "auto" is the one an exported file was written for; packaged weights on a
            CPU run in ONNX Runtime, all else in torch. Weights that are not exported yet are
            exported first, which takes some seconds.
        joints: Joints of the result: 17, or 26 with feet, hands and face. By default those that the
            weights give.
        lookahead: Frames after each one that may be known; by default all of them, with weights for
            live use none.
        precision: Numbers that TCPFormer computes in: "float32"; "bfloat16", faster where the
            processor has it and less exact by some 0.1 mm; "auto" measures which is faster.

    Raises:
        FileNotFoundError: If there are no such weights.
        ValueError: If the weights do not fit the other arguments.
        ImportError: If the backend is not installed.
    """

    def __init__(  # noqa: PLR0913 - each is a choice of its own
        self,
        weights: str | Path | Weights = "default",
        device: str = "auto",
        flip: bool = True,
        *,
        checkpoint_protocol: Literal["h36m", "h36m-cpn", "3dhp"] | None = None,
        heads: int = 8,
        overlap: float = 0.5,
        backend: Backend = "auto",
        precision: Precision = "float32",
        joints: Literal[17, 26] | None = None,
        lookahead: int | None = None,
    ) -> None:
        check_type("weights", weights, str | Path | Weights)
        check_type("device", device, str, "such as 'cpu' or 'cuda:0'")
        check_type("flip", flip, bool)
        check_type("overlap", overlap, float)
        check_type("joints", joints, Literal[17, 26] | None)
        check_type("precision", precision, Precision)
        opened = open_for_lifting(weights, device, backend, precision, heads)
        self.spec = weights_spec(opened.weights, checkpoint_protocol)
        self.model, self.name = opened.weights.model, opened.weights.name
        self.skeleton = _SKELETONS[self.spec.skeleton]
        self.body = _choose_body(self.skeleton, joints, self.name)
        self.flip = flip
        self.overlap = overlap
        self.clip_shape = ClipShape(
            self.model.config.frames, self.spec.frame_step / self.spec.fps, self.spec.last_frames
        )
        self.lookahead = _choose_lookahead(lookahead, self.clip_shape, self.name)
        self.uncertainty, self.center_only = opened.uncertainty, opened.center_only
        self._network = opened.network

    @property
    def region_scale(self) -> float:
        """Half-axes, in sigma, of the ellipsoid that holds a joint with probability 0.9."""
        return REGION_SCALE if self.uncertainty is None else self.uncertainty.region_scale

    def __call__(self, motion: Motion2D, **options: Any) -> Motion3D:
        """Lift one person; options, result and errors are those of `lift_many`."""
        if isinstance(motion, list | tuple):
            raise ValueError(
                f"motion must be one Motion2D, got {describe(motion)}; lift_many(motions) lifts "
                "several people."
            )
        return self.lift_many([motion], **options)[0]

    def lift_many(  # noqa: PLR0913 - each is a choice of its own
        self,
        motions: Sequence[Motion2D],
        *,
        height: float | Mapping[int, float] | None = None,
        camera_height: float | None = None,
        bone_length: tuple[str, str, float] | None = None,
        focal: float | Literal["motion"] | None = None,
        up: tuple[float, float, float] | None = None,
        camera_tilt: float | None = None,
        camera_roll: float | None = None,
        scene: SceneLines | None = None,
        postprocess: PostprocessConfig | None = DEFAULT_POSTPROCESS,
    ) -> list[Motion3D]:
        """Lift the people of one video into one world; gravity and floor come from all of them.

        Args:
            motions: People seen by one camera. Frames in which a person is not seen are bridged,
                and stay False in ``valid``.
            height: Height of every person in metres, or of each by number, which sets the scale. By
                default 1.70.
            camera_height: Height of the camera above the floor in metres, which sets it instead.
            bone_length: Length of a bone of the first person, which sets it instead: the joints at
                its ends, and metres.
            focal: Focal length in pixels, or "motion" to estimate it from the motion. By default
                the motion's own, else that of a camera that sees 60 degrees across the longer side.
            up: Direction against gravity in camera axes (x right, y down, z forward), if known: a
                level camera has (0, -1, 0).
            camera_tilt: Degrees that the camera looks down, if known.
            camera_roll: Degrees that the camera is turned clockwise, if known.
            scene: Straight edges of the scene, which show the vertical too.
            postprocess: Steps that clean the keypoints and smooth, constrain and ground the
                result; None leaves the network's answer as it is, its gaps bridged.

        Returns:
            The joints ``Lifter.body`` of each person in metres; ``provenance`` tells where scale,
            focal length and ground come from.

        Raises:
            ValueError: If a person is never visible, the motions are of several cameras, or an
                argument is out of range.
        """
        return self.lift_with_raw(
            motions,
            scale=Scale(height=height, camera_height=camera_height, bone_length=bone_length),
            focal=focal,
            hints=hints_from(up, camera_tilt, camera_roll, scene),
            config=postprocess,
        )[0]

    def lift_with_raw(
        self,
        motions: Sequence[Motion2D],
        *,
        scale: Scale,
        focal: float | Literal["motion"] | None = None,
        hints: Hints = NO_HINTS,
        config: PostprocessConfig | None = DEFAULT_POSTPROCESS,
        keep_raw: bool = False,
    ) -> tuple[list[Motion3D], list[Motion3D]]:
        """Lift as `lift_many` does; with ``keep_raw``, return the raw motions of the same pass too.

        A raw motion is the network's answer to the cleaned keypoints, at the scale of the finished
        motion, on a level floor.
        """
        _check_arguments(motions, focal, config)
        scale.check_floor(found=config is not None and config.ground)
        hints.check_used(found=config is not None and config.ground)
        check_same_camera(motions)
        if not motions:
            return [], []
        _warn_of_people(scale, motions)
        motions = [drop_origin(motion) for motion in motions]
        hints = replace(hints, focal_known=focal is not None or motions[0].focal is not None)
        focal, source = self._choose_focal(motions, scale, focal, config)
        raw: list[Motion3D] = []

        def lift(motion: Motion2D) -> Motion3D:
            height = scale.height_of(motion.person)
            motion = in_single_precision(motion)
            swaps = self._fix_body_swaps(motion, focal, config)
            # An hour of keypoints is large: those that are lifted have no name here.
            cleaned = [clean_keypoints(swaps.motion, config)]
            swaps = replace(swaps, motion=motion)
            lifted = self._lift(cleaned.pop(), height, focal)
            if swaps.swapped.any():
                lifted = self._doubt_swaps(lifted, swaps, height, focal)
            lifted = widen_by_height(lifted, scale)
            lifted = replace(lifted, provenance={**lifted.provenance, **source})
            if keep_raw:
                raw.append(lifted)
            return lifted

        lifted = map(lift, motions)  # one at a time, to save memory
        if config is None:
            finished = on_shared_floor(list(lifted))
        else:
            finished = postprocess(lifted, config, hints if config.ground else None)
        scaled = apply_scale(finished, scale)
        if not keep_raw:
            return scaled, []
        level = on_shared_floor(raw)
        return scaled, list(map(_rescale_like, level, finished, scaled))

    def predict(self, motion: Motion2D, focal: float) -> Float[np.ndarray, "t j 3"]:
        """Predict joints relative to the pelvis, camera axes, weights' unit; focal in pixels."""
        return self._predict(self._prepare(motion), focal).pose

    def predict_metric(
        self, motion: Motion2D, *, height: float, focal: float
    ) -> Float[np.ndarray, "t j 3"]:
        """Predict joints relative to the pelvis, camera axes, metres; height in metres."""
        return self._predict_metric(self._prepare(motion), height=height, focal=focal).pose

    def predict_rigid(
        self, motion: Motion2D, *, height: float, focal: float
    ) -> Float[np.ndarray, "t j 3"]:
        """Predict as `predict_metric`, with every bone at its median length: the scored answer."""
        pose = self.predict_metric(motion, height=height, focal=focal)
        return scale_to_height(median_bone_lengths(pose, motion.valid), height, valid=motion.valid)

    def network_input(
        self, motion: Motion2D, focal: float, start: float = 0.0
    ) -> Float[np.ndarray, "t j 3"]:
        """Return the network's input for the clip from second ``start`` on: x, y and confidence.

        Past the end of the motion, its last frame is repeated.
        """
        even = resample(self._prepare(motion), self.spec.fps)
        frames = self.spec.frame_step * np.arange(self.model.config.frames)
        clip = round(start * even.fps) + frames[None]
        return self._normalize(even, clip, focal).xyc[0].astype(np.float32)

    def _fix_body_swaps(
        self, motion: Motion2D, focal: float | None, config: PostprocessConfig | None
    ) -> BodySwaps:
        if config is None or not config.fix_swaps:
            return BodySwaps(motion, np.zeros(len(motion), dtype=bool), 0.0)
        focal, _ = choose_focal(focal, motion.focal, motion.size, motion.focal_source)
        return fix_body_swaps(motion, partial(_fast_lifter()._run_on_body, focal=focal), focal)

    def _doubt_swaps(
        self, lifted: Motion3D, swaps: BodySwaps, height: float | None, focal: float | None
    ) -> Motion3D:
        """Add to sigma, and to the provenance, that the other frames may be the swapped ones.

        With probability p of the other pose b, the variance of pose a grows by p (1 - p) (a - b)^2.
        The motion of ``swaps`` is the one before sides were exchanged.
        """
        frames, p = int(swaps.swapped.sum()), swaps.doubt
        text = f"left and right exchanged in {frames} of {len(lifted)} frames, doubt {p:.2g}"
        lifted = replace(lifted, provenance={**lifted.provenance, "swaps": text})
        if lifted.sigma is None or p < LEAST_DOUBT:
            return lifted
        quick = copy(self)
        quick.flip = False  # how far apart two bodies are needs no average
        other = quick._lift(  # without a name for the keypoints: an hour of them is large
            swap_sides(swaps.motion, ~swaps.swapped), height, focal, solve_root=False
        ).camera_xyz
        sigma = np.empty_like(lifted.sigma)
        for first in range(0, len(sigma), FRAMES_AT_ONCE):
            part = np.s_[first : first + FRAMES_AT_ONCE]
            apart = _relative(lifted.camera_xyz[part]) - _relative(other[part])
            sigma[part] = np.sqrt(lifted.sigma[part] ** 2 + p * (1 - p) * apart**2)
        return replace(lifted, sigma=give(sigma))

    def _choose_focal(
        self,
        motions: Sequence[Motion2D],
        scale: Scale,
        focal: float | Literal["motion"] | None,
        config: PostprocessConfig | None,
    ) -> tuple[float | None, dict[str, str]]:
        """Return the focal length to use, and its provenance if it is estimated."""
        if not isinstance(focal, str):
            return focal, {}
        if focal != FROM_MOTION:
            raise ValueError(f"focal must be pixels, {FROM_MOTION!r} or None, got {focal!r}.")
        unknown = (
            clean_keypoints(in_single_precision(replace(motion, focal=None)), config)
            for motion in motions
        )
        estimate, sigma = estimate_focal(
            [
                self._lift(motion, scale.height_of(motion.person), None, solve_root=False)
                for motion in unknown
            ]
        )
        return estimate, {"focal": describe_estimate(estimate, sigma)}

    def _lift(
        self,
        motion: Motion2D,
        height: float | None,
        focal: float | None,
        *,
        solve_root: bool = True,
    ) -> Motion3D:
        """Lift one person in the camera frame; its world is still the camera's."""
        height, scale_source = choose_height(height)
        focal, focal_source = choose_focal(focal, motion.focal, motion.size, motion.focal_source)
        prepared = self._prepare(motion)
        same = self.body == self.skeleton
        motion = prepared if same else motion  # an hour of keypoints is large
        prediction = self._predict_metric(prepared, height=height, focal=focal)
        seen = prepared if same else fill_gaps(to_skeleton(motion, self.body))
        camera = prediction.pose
        if solve_root:
            rays = to_rays(seen.xy, motion.size, focal)
            root = solve_root_trajectory(camera, rays, seen.confidence, motion.times)
            camera += root[:, None]
        camera = give(camera)
        return Motion3D(
            xyz=camera,
            camera_xyz=camera,
            xy=seen.xy,
            confidence=seen.confidence,
            valid=motion.valid,
            times=motion.times,
            fps=motion.fps,
            skeleton=self.body,
            size=motion.size,
            focal=focal,
            provenance={
                "weights": self.name,
                "focal": focal_source,
                "scale": scale_source,
                "ground": ASSUMED_LEVEL,
            },
            sigma=None if prediction.sigma is None else give(prediction.sigma),
            region_scale=self.region_scale,
            person=motion.person,
        )

    def _prepare(self, motion: Motion2D) -> Motion2D:
        """Return the weights' joints, gaps filled; those for live use know no later frames."""
        fill = hold_last if self.spec.last_frames else fill_gaps
        return fill(to_skeleton(motion, self.skeleton))

    def _predict_metric(self, motion: Motion2D, *, height: float, focal: float) -> _Prediction:
        """Scale the prediction for a prepared motion to metres."""
        prediction = self._predict(motion, focal)
        pose, sigma, valid = prediction.pose, prediction.sigma, motion.valid
        if self.spec.unit == "screen":  # the unit changes as the person comes nearer
            pose = scale_to_height(pose, height, valid=valid, times=motion.times)
        size = median_stature(pose, valid)
        metric = scale_to_height(pose, height, valid=valid, out=pose)
        if sigma is None or self.spec.unit == "screen":
            return _Prediction(metric, None)
        sigma *= height / size
        return _Prediction(metric, sigma)

    def _predict(self, motion: Motion2D, focal: float) -> _Prediction:
        """Predict the body and its sigma of a prepared motion, in the weights' unit."""
        pose, log_sigma = self._run(motion, focal)
        if self.body != self.skeleton:
            pose = conversion(self.skeleton, self.body).astype(pose.dtype) @ pose
        pose -= pose[:, H36M.root, None]
        if self.uncertainty is None:
            return _Prediction(pose, None)
        rays = to_rays(motion.xy[:, BODY], motion.size, focal)
        unseen = seconds_unseen(motion.valid, motion.times)
        out = log_sigma if self.body == self.skeleton else None
        return _Prediction(pose, self.camera_sigma(log_sigma, rays, unseen, out))

    def _run(
        self, motion: Motion2D, focal: float
    ) -> tuple[Float[np.ndarray, "t j 3"], Float[np.ndarray, "t j s"]]:
        """Run the network over a prepared motion: every step there, and its way back.

        Returns the pose in camera axes, and log sigma in those of the virtual camera (s is 3, or 0
        for weights that do not predict it).
        """
        if self.spec.last_frames:
            return self._run_causally(motion, focal)
        even = resample(motion, self.spec.fps)
        clips = self._clips(len(even))
        size = len(motion), len(self.skeleton.joints)
        pose = np.empty((*size, 3), dtype=motion.xy.dtype)
        log_sigma = np.empty((*size, 0 if self.uncertainty is None else 3), dtype=motion.xy.dtype)
        margin = SPAN_MARGIN + reach_of_alternation(STEADY_SECONDS, self.spec.fps)
        for span, near in cut_spans(len(even), SPAN, margin):
            end = float(even.times[span.stop]) if span.stop < len(even) else np.inf
            edges = np.array([float(even.times[span.start]), end])
            own = slice(*np.searchsorted(motion.times, edges).tolist())
            if own.start == own.stop:  # a long pause
                continue
            answer = self._run_evenly(even, clips, near, focal)
            at, wanted = even.times[near], motion.times[own]
            pose[own] = interpolate_at(answer[..., :3], at, wanted)
            log_sigma[own] = interpolate_at(answer[..., 3:], at, wanted, smooth=False)
        return pose, log_sigma

    def _run_evenly(
        self, even: Motion2D, clips: Int[np.ndarray, "n t"], frames: slice, focal: float
    ) -> Float[np.ndarray, "s j d"]:
        """Run the network over the clips that answer for some frames of a motion at its rate."""
        if self.center_only:
            clips = clips[frames]
        else:
            clips = clips[(clips[:, -1] >= frames.start) & (clips[:, 0] < frames.stop)]

        def run(part: Int[np.ndarray, "m t"]) -> Float[np.ndarray, "m s j d"]:
            normalized = self._normalize(even, part, focal)
            answer = run_network(
                self._network, normalized.xyc, self.skeleton.mirror, flip=self.flip
            )
            pose = normalized.to_camera(answer[..., :3])
            return np.concatenate([pose, answer[..., 3:]], axis=-1)

        parts = np.split(clips, range(CLIPS_IN_MEMORY, len(clips), CLIPS_IN_MEMORY))
        return self._join(map(run, parts), clips - frames.start, frames.stop - frames.start)

    def _run_causally(
        self, motion: Motion2D, focal: float
    ) -> tuple[Float[np.ndarray, "t j 3"], Float[np.ndarray, "t j s"]]:
        """Run the network once a frame, over what is known of it `lookahead` frames later."""
        xyc = np.concatenate([motion.xy, motion.confidence[..., None]], axis=-1)
        rows = np.arange(len(motion))
        parts = np.split(rows, range(CLIPS_IN_MEMORY, len(rows), CLIPS_IN_MEMORY))
        answer = np.concatenate(
            [
                self.answer_clips(
                    causal_clips(
                        xyc, motion.times, part, np.full(len(part), self.lookahead), self.clip_shape
                    ),
                    motion.size,
                    focal,
                )
                for part in parts
            ]
        )
        answer = answer.astype(motion.xy.dtype)
        return answer[..., :3], answer[..., 3:]

    def answer_clips(
        self, clips: CausalClips, size: tuple[int, int], focal: float
    ) -> Float[np.ndarray, "n j d"]:
        """Run the network over clips of which one frame is needed.

        Returns the pose of that frame in camera axes, in the weights' unit, and log sigma in those
        of the virtual camera, if the weights predict it.
        """
        normalized = normalize_clips(
            clips.xyc,
            size,
            focal,
            normalization=self.spec.normalization,
            root=self.skeleton.root,
        )
        answer = run_network(self._network, normalized.xyc, self.skeleton.mirror, flip=self.flip)
        pose = normalized.to_camera(answer[..., :3])
        each = np.arange(len(clips.at))
        return np.concatenate([pose, answer[..., 3:]], axis=-1)[each, clips.at]

    def _run_on_body(
        self, motion: Motion2D, focal: float
    ) -> tuple[Float[np.ndarray, "t 17 3"], Float[np.ndarray, "t 17 s"]]:
        """Run the network over the Human3.6M joints alone; `_run` gives the rest."""
        whole = motion if self.skeleton == H36M else self._prepare(motion)
        pose, log_sigma = self._run(whole, focal)
        return pose[:, BODY], log_sigma[:, BODY]

    def _clips(self, total: int) -> Int[np.ndarray, "n t"]:
        """Return the frame numbers of the clips that cover a motion."""
        frames, step = self.model.config.frames, self.spec.frame_step
        if self.center_only:
            return centered_window_indices(total, frames, frame_step=step)
        return window_indices(total, frames, frame_step=step, overlap=self.overlap)

    def _join(
        self,
        parts: Iterator[Float[np.ndarray, "m s j d"]],
        clips: Int[np.ndarray, "n f"],
        total: int,
    ) -> Float[np.ndarray, "t j d"]:
        """Join the answers to clips: the way back from `_clips`."""
        if self.center_only:
            return np.concatenate([part[:, 0] for part in parts])
        answer = stitch(parts, clips, total)
        if self.spec.frame_step == 1:
            return answer
        return remove_alternation(answer, STEADY_SECONDS, self.spec.fps, out=answer)

    def _normalize(
        self, even: Motion2D, clips: Int[np.ndarray, "n t"], focal: float
    ) -> NormalizedClips:
        """Cut a motion into clips and normalize them."""
        xy, confidence = split(even.xy, clips), split(even.confidence, clips)
        return normalize_clips(
            np.concatenate([xy, confidence[..., None]], axis=-1),
            even.size,
            focal,
            normalization=self.spec.normalization,
            root=self.skeleton.root,
        )

    def camera_sigma(
        self,
        log_sigma: Float[np.ndarray, "t j 3"],
        rays: Float[np.ndarray, "t 17 2"],
        unseen: Float[np.ndarray, " t"],
        out: Float[np.ndarray, "t b 3"] | None = None,
    ) -> Float[np.ndarray, "t b 3"]:
        """Compute sigma of the body's joints along camera axes, in the weights' unit.

        Args:
            log_sigma: The network's answer.
            rays: (x / z, y / z) of Human3.6M's joints.
            unseen: Seconds since the person was seen, by which sigma is wider.
            out: Where sigma is written, which may be log_sigma; by default a new array.
        """
        head = self.uncertainty
        assert head is not None
        prior_std, time_constant = head.prior_std, head.time_constant
        joints = conversion(self.skeleton, self.body)
        shape = len(log_sigma), len(joints), 3
        sigma = np.empty(shape, dtype=log_sigma.dtype) if out is None else out
        for first in range(0, len(sigma), FRAMES_AT_ONCE):
            part = np.s_[first : first + FRAMES_AT_ONCE]
            own = rotate_sigma(np.exp(log_sigma[part]), look_at_rotation(rays[part]))
            own = np.hypot(own, DEFINITION_STD)
            own = widen_unseen(own, unseen[part], prior_std, time_constant)
            sigma[part] = np.sqrt(joints**2 @ own**2)
        sigma[:, H36M.root] = 0.0
        return sigma


@cache
def _fast_lifter() -> Lifter:
    """Return the lifter that compares bodies in `fix_body_swaps`: its weights are fitted to it."""
    return Lifter("fast", "cpu", flip=False)


def _choose_lookahead(lookahead: int | None, shape: ClipShape, weights: str) -> int:
    """Return the frames that may be known after each one; 0 for weights that know all.

    Raises:
        ValueError: If the weights are not for live use, or lookahead is no number of frames.
    """
    if lookahead is None:
        return 0
    if not shape.last_frames:
        raise ValueError(
            f"weights {weights!r} know all later frames, got lookahead={lookahead}; leave "
            "lookahead (--lookahead) out, or take weights for live use."
        )
    if not 0 <= lookahead <= MAX_LOOKAHEAD:
        raise ValueError(f"lookahead must be frames, 0 to {MAX_LOOKAHEAD}, got {lookahead}.")
    return lookahead


_MAKE_MOTION = "make one of joints in pixels: Motion2D(xy, confidence, size, fps, skeleton)"


def _check_arguments(motions: object, focal: object, config: object) -> None:
    """Raise ValueError if arguments of `Lifter.lift_many` are of other types."""
    if not isinstance(motions, list | tuple):
        raise ValueError(
            f"motions must be a list of Motion2D, got {describe(motions)}; Lifter()(motion) lifts "
            "one person."
        )
    for motion in motions:
        lifted = isinstance(motion, Motion3D)
        check_type("motion", motion, Motion2D, "it is lifted already" if lifted else _MAKE_MOTION)
    check_type("focal", focal, float | Literal["motion"] | None)
    check_type(
        "postprocess", config, PostprocessConfig | None, "None leaves out the post-processing"
    )


def _warn_of_people(scale: Scale, motions: Sequence[Motion2D]) -> None:
    """Warn of heights of people who are not there, and of people with the same number."""
    people = {motion.person for motion in motions}
    if len(people) < len(motions):
        log.warning(
            "warning: %d motions have the numbers %s; heights and names of files go by the number: "
            "give each its own, Motion2D(..., person=1)",
            *(len(motions), ", ".join(map(str, sorted(people)))),
        )
    for person in scale.heights.keys() - people - {None}:
        log.warning(
            "warning: a height is given for person %s, who is not lifted; lifted are %s",
            *(person, ", ".join(map(str, sorted(people)))),
        )


def _choose_body(skeleton: Skeleton, joints: int | None, weights: str) -> Skeleton:
    """Choose the joints of the result: those that the weights give, or fewer.

    Raises:
        ValueError: If the weights do not give as many.
    """
    given = skeleton if skeleton == BODY_26 else H36M
    body = given if joints is None else body_skeleton(joints)
    if len(body.joints) > len(given.joints):
        raise ValueError(
            f"weights {weights!r} give {len(given.joints)} joints, got joints={joints}; leave "
            "joints (--joints) out, or take weights with feet, hands and face."
        )
    return body


def _relative(xyz: Float[np.ndarray, "t j 3"]) -> Float[np.ndarray, "t j 3"]:
    return xyz - xyz[:, [H36M.root]]


def _rescale_like(raw: Motion3D, before: Motion3D, after: Motion3D) -> Motion3D:
    """Scale a raw motion by the factor between two finished ones."""
    one, other = (median_stature(m.camera_xyz, m.valid) for m in (before, after))
    return rescale(raw, other / one, after.provenance["scale"])
