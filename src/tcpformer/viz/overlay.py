"""The video with the joints drawn in, and beside it the figures in space from another side.

People are matched to the video by frame index: a motion that is longer than the video is cut off,
and once one that is shorter has ended, its figure is gone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, minimum_filter1d

from ..io.video import Frame, Video, write_video
from ..motion import Motion3D
from .ellipse import in_world
from .figure import (
    MIDLINE,
    SUBPIXEL,
    Colour,
    alpha_blend,
    capsule,
    colours,
    crop_around,
    fixed,
    mix,
    of_person,
    radii,
)
from .scene import Figure, View, draw_scene

_TALLEST = 1080  # larger videos are shown smaller; players of H.264 end not far above
_SWING, _PERIOD = 28.0, 12.0  # degrees to either side, seconds
_CALM = 0.6  # seconds over which the view follows
_SMALLEST = 0.95  # metres around the target that are always in view
_MIDLINE: Colour = (236.0, 238.0, 242.0)
_RIM: Colour = (22.0, 24.0, 30.0)
_SLIM = 0.42  # strokes over the image are so much thinner than the body, to let it show


def write_overlay(
    video: Video,
    people: Sequence[Motion3D] | Mapping[int, Motion3D],
    path: str | Path,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a video of the same frames and times: the joints in the image, the figures in space.

    Args:
        video: The video that the motions were lifted from.
        people: One motion a person; none is allowed. Several are told apart by the colour of the
            trunk and by their numbers: the keys, or the places in the sequence.
        path: Where; .mp4, .m4v, .mov or .mkv.
        progress: Called after each frame with the number done and the number expected.

    Raises:
        ValueError: If the video breaks off, or a motion was made from a video of another size.
    """
    people = dict(people) if isinstance(people, Mapping) else dict(enumerate(people))
    for person in people.values():
        of_size(video, person.size)
    write_video(path, _pictures(video, people, progress), video.fps)


def of_size(video: Video, size: tuple[int, int]) -> None:
    """Make sure that joints in pictures of a size can be drawn into a video.

    Raises:
        ValueError: If its pictures are of another size.
    """
    if tuple(size) != video.size:
        raise ValueError(
            f"the joints are of a picture of {tuple(size)}, {video.path} has {video.size}; give "
            "the video that they came from."
        )


def draw_2d(
    image: UInt8[np.ndarray, "h w 3"], person: Motion3D, index: int, midline: Colour = _MIDLINE
) -> UInt8[np.ndarray, "h w 3"]:
    """Give the image with one person's joints of one frame drawn in; the image itself stays.

    A bone is as faint as the less certain of its ends; nothing is drawn where nobody was seen.
    """
    if index >= len(person) or not person.valid[index]:
        return image
    xy, confidence = person.xy[index], person.confidence[index]
    thick = _SLIM * radii(person.skeleton) * _pixels_a_metre(person, index)
    paint = colours(person.skeleton, midline)
    placed = np.isfinite(xy).all(axis=1)
    result = image.copy()
    if not placed.any():
        return result
    where, corner = crop_around(result, xy[placed], 1.35 * thick[placed] + 1)
    if not where.size:
        return result
    strokes, opacity, xy = where.copy(), np.zeros(where.shape[:2], np.uint8), xy - corner
    for parent, child in person.skeleton.bones:
        both = [parent, child]
        certain = min(float(confidence[both].min()), 1.0)
        if certain <= 0 or not placed[both].all():
            continue
        rim = np.maximum(0.35 * thick[both], 1.0)
        capsule(opacity, xy[both], thick[both] + rim, round(255 * _opacity(certain)))
        capsule(strokes, xy[both], thick[both] + rim, mix(paint[child], _RIM, 0.8))
        capsule(strokes, xy[both], thick[both], paint[child])
    alpha_blend(where, strokes, opacity)
    return result


def draw_number(
    image: UInt8[np.ndarray, "h w 3"], person: Motion3D, index: int, number: int
) -> None:
    """Write somebody's number above the head, into the image itself."""
    if index >= len(person) or not person.valid[index]:
        return
    size = 0.11 * _pixels_a_metre(person, index)
    xy = person.xy[index]
    x = float(np.clip(xy[:, 0].mean(), size, max(image.shape[1] - size, size)))
    y = float(np.clip(xy[:, 1].min() - 3 * size, 1.5 * size, image.shape[0] - size))
    px, py, rim, disc = fixed(np.array([x, y, 1.3 * size, 1.1 * size])).tolist()
    cv2.circle(image, (px, py), rim, _RIM, -1, cv2.LINE_AA, SUBPIXEL)
    cv2.circle(image, (px, py), disc, of_person(number), -1, cv2.LINE_AA, SUBPIXEL)
    font, scale, thick = cv2.FONT_HERSHEY_SIMPLEX, size / 16, max(1, round(size / 7))
    (wide, high), _ = cv2.getTextSize(str(number), font, scale, thick)
    at = (round(x - wide / 2), round(y + high / 2))
    cv2.putText(image, str(number), at, font, scale, _RIM, thick, cv2.LINE_AA)


def _pixels_a_metre(person: Motion3D, index: int) -> float:
    """How large the person appears; within bounds that keep strokes visible and modest."""
    depth = float(person.camera_xyz[index, person.skeleton.root, 2])
    longer = max(person.size)
    return float(np.clip(person.focal / max(depth, 0.1), 0.045 * longer, 0.35 * longer))


def _opacity(confidence: float) -> float:
    return float(np.clip(0.15 + 1.5 * (confidence - 0.1), 0.15, 1.0))


def _pictures(
    video: Video, people: Mapping[int, Motion3D], progress: Callable[[int, int], None] | None
) -> Iterator[Frame]:
    targets, reach = _follow(list(people.values()), video.fps)
    width, height = _shown(video.size)
    panel = (min(width, height), height)
    for frame in video.frames():
        image = _drawn(frame.image, people, frame.index)
        if (width, height) != video.size:
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        now = min(frame.index, len(targets) - 1)
        x, y, z = targets[now].tolist()
        azimuth = View.azimuth - _SWING * np.cos(2 * np.pi * frame.time / _PERIOD)
        view = View((x, y, z), float(reach[now]), float(azimuth))
        scene = draw_scene(present(people, frame.index), view, panel)
        yield Frame(frame.index, frame.time, np.hstack([image, scene]))
        if progress is not None:
            progress(frame.index + 1, max(video.length, frame.index + 1))


def _drawn(
    image: UInt8[np.ndarray, "h w 3"], people: Mapping[int, Motion3D], index: int
) -> UInt8[np.ndarray, "h w 3"]:
    """Everybody in the image: the nearest on top, numbered if they are several."""
    if len(people) < 2:
        for person in people.values():
            image = draw_2d(image, person, index)
        return image
    there = [i for i, person in people.items() if index < len(person)]
    for i in sorted(there, key=lambda i: -people[i].camera_xyz[index, :, 2].mean()):
        image = draw_2d(image, people[i], index, of_person(i))
    image = image.copy()
    for i in there:
        draw_number(image, people[i], index, i)
    return image


def _shown(size: tuple[int, int]) -> tuple[int, int]:
    share = min(1.0, _TALLEST / max(size[1], 1))
    return round(size[0] * share), round(size[1] * share)


def present(people: Mapping[int, Motion3D], index: int) -> list[Figure]:
    """Who is there in a frame; a ghost is somebody unseen who was seen before and is after."""
    alone = len(people) < 2
    result = []
    for number, person in people.items():
        valid = person.valid
        if index < len(person) and (alone or (valid[: index + 1].any() and valid[index:].any())):
            colour = MIDLINE if alone else of_person(number)
            ghost = not bool(person.valid[index])
            doubt = _doubt(person, index)
            result.append(Figure(person.xyz[index], person.skeleton, ghost, colour, doubt))
    return result


def _doubt(person: Motion3D, index: int) -> Float[np.ndarray, "j 3 3"] | None:
    if person.sigma is None:
        return None
    return in_world(person.sigma[index], person.camera_xyz[index], person.xyz[index])


def _follow(
    people: Sequence[Motion3D], fps: float
) -> tuple[Float[np.ndarray, "t 3"], Float[np.ndarray, " t"]]:
    """What to look at in each frame, and how much around it: calmly, everyone seen in view."""
    length = max((len(person) for person in people), default=1)
    low, high = np.full((length, 3), np.inf), np.full((length, 3), -np.inf)
    for person in people:
        seen = np.nonzero(person.valid)[0]
        low[seen] = np.minimum(low[seen], person.xyz[seen].min(axis=1))
        high[seen] = np.maximum(high[seen], person.xyz[seen].max(axis=1))
    some = np.nonzero(np.isfinite(low[:, 0]))[0]
    if not len(some):
        return np.array([[0.0, 0.0, 0.9]]), np.array([_SMALLEST])
    low[:, 2] = 0.0  # the floor below a jump stays in view
    calm = max(_CALM * fps, 1.0)
    low = _calmed(low, some, calm, minimum_filter1d)
    high = _calmed(high, some, calm, maximum_filter1d)
    across, tall = np.linalg.norm((high - low)[:, :2], axis=1), high[:, 2]
    reach = np.maximum(0.5 * across + 0.2, 0.57 * tall)  # joints have flesh around them
    return 0.5 * (low + high), np.maximum(reach, _SMALLEST)


def _calmed(
    bound: np.ndarray, some: np.ndarray, calm: float, extreme: Callable[..., np.ndarray]
) -> np.ndarray:
    """Bridge the frames without anyone, widen by the extreme nearby, then smooth."""
    every = np.arange(len(bound))
    bridged = np.stack([np.interp(every, some, column[some]) for column in bound.T], axis=1)
    wide = extreme(bridged, size=2 * round(calm) + 1, axis=0, mode="nearest")
    return gaussian_filter1d(wide, calm / 2, axis=0, mode="nearest")
