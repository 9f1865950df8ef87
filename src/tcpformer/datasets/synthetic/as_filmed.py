"""Camera domain "as-filmed": any pace and frame rate, hand-held cameras, the packaged detector.

A clip: motion capture -> another pace, at the frame rate of a video -> other proportions -> camera
-> detector -> gaps filled -> the network's frame rate -> normalization. From the detector on these
are the steps of `lifting.Lifter`. docs/data-engine.md lists what each step is fitted to.
"""

from collections.abc import Iterator
from itertools import count as count_from

import numpy as np
from numpy.random import Generator, default_rng

from ...motion import Motion2D
from ...skeleton import H36M
from ..clip_batch import (
    ClipBatch,
    Clips2D,
    Clips3D,
    PerClip,
    Scores,
    normalize_batch,
    skeleton_of,
)
from ..mocap import Mocap
from .augment import mirror_half, tilt_bodies, vary_proportions
from .cameras import Views, sample_filmed_views
from .confidence import blur_confidence, derive_middle_joints, simulate_confidence
from .detector import simulate_detector
from .groups import drop_groups, hang_unknown
from .motions import SyntheticMotion
from .occlusion import Mask, fill_gaps, simulate_visible
from .playback import resample_linear, resample_spline, sample_playback

EXACT_PROB = 0.15
"""Share of clips whose 2D is exact, with confidence 1."""
MOTION_FRAME_STEP, MOTION_SECONDS = 4, 6.0
"""Capture frames from one instant of a whole motion to the next, and its length."""
PICTURE_FOCAL = 1000.0
"""Focal length, in pixels, of the pictures of whole motions: a view is known by angles alone."""


def generate_filmed_clips(
    mocap: Mocap, *, frames: int, batch: int, frame_step: tuple[int, int], seed: int, first: int = 0
) -> Iterator[ClipBatch]:
    """Yield batches without end; arguments as `benchmark_like.generate_benchmark_clips`."""
    for number in count_from(first):
        rng = default_rng([seed, number])
        played = sample_playback(mocap, frames, batch, frame_step, rng)
        n = played.video.shape[1]
        # One array holds the frames of the video, then those of the clip: both get the same camera.
        bodies = np.concatenate([played.video, played.clip], axis=1)
        bodies, known = hang_unknown(mirror_half(vary_proportions(bodies, rng), rng))
        numbers = np.broadcast_to(np.arange(n), (batch, n))
        seconds = np.concatenate([numbers, played.at], axis=1) / played.fps[:, None]
        if mocap.tilt_prob:
            bodies = tilt_bodies(bodies, seconds, mocap.tilt_prob, rng)
        views = sample_filmed_views(bodies, seconds, rng)
        rays, confidence = _detect(views.xyz[:, :n], known[:, :n], views, 1 / played.fps, rng)
        if mocap.blur_prob:
            confidence = blur_confidence(confidence, mocap.blur_prob, rng)
        truth = np.where(known[:, n:, :, None], views.xyz[:, n:], np.nan)
        yield normalize_batch(
            resample_spline(rays, played.at) * views.zoom()[:, None, None, None],
            np.clip(resample_linear(confidence, played.at), 0, 1),
            truth - truth[:, :, H36M.root, None],
        )


def generate_filmed_motions(mocap: Mocap, *, count: int, seed: int) -> Iterator[SyntheticMotion]:
    """Yield whole motions at the frame rate of their video; all people are of standard height.

    A sequence of motion capture that is too short gives a shorter motion.
    """
    frames = round(MOTION_SECONDS * mocap.fps / MOTION_FRAME_STEP) + 1
    for i in range(count):
        rng = default_rng([seed, i])
        played = sample_playback(mocap, frames, 1, (MOTION_FRAME_STEP, MOTION_FRAME_STEP), rng)
        bodies, known = hang_unknown(mirror_half(vary_proportions(played.video, rng), rng))
        seconds = np.arange(bodies.shape[1])[None] / played.fps[:, None]
        views = sample_filmed_views(bodies, seconds, rng)
        rays, confidence = _detect(views.xyz, known, views, 1 / played.fps, rng)
        width, height = np.round(2 * PICTURE_FOCAL * views.half[0]).astype(int).tolist()
        xy = rays[0] * PICTURE_FOCAL + np.array([width, height]) / 2
        focal = PICTURE_FOCAL if views.known[0] else None
        fps = float(played.fps[0])
        detected = Motion2D(
            xy, confidence[0], (width, height), fps, skeleton_of(bodies), focal=focal
        )
        truth = np.where(known[0, ..., None], views.xyz[0], np.nan).astype(np.float64)
        yield SyntheticMotion(detected, truth - truth[:, H36M.root, None])


def _detect(
    xyz: Clips3D, known: Mask, views: Views, seconds: PerClip, rng: Generator
) -> tuple[Clips2D, Scores]:
    """Return rays, with gaps filled, and confidence, as the lifter gets them of every frame."""
    found = simulate_detector(xyz, views.half, seconds, rng)
    confidence = simulate_confidence(found.visible, found.error, rng)
    confidence *= simulate_visible(confidence, found.inside, seconds, rng)
    rays, confidence = derive_middle_joints(found.rays, confidence, rng)
    exact = rng.random(len(xyz)) < EXACT_PROB
    rays[exact], confidence[exact] = (xyz[..., :2] / xyz[..., 2:])[exact], 1.0
    confidence *= known & drop_groups(len(xyz), xyz.shape[2], rng)[:, None]
    return fill_gaps(rays, confidence > 0), confidence
