"""The video with the joints drawn in, and beside it the figures in space from another side.

People are matched to the video by frame index; what either has beyond the other is not drawn.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, minimum_filter1d

from ..io.video import Frame, Video, write_video
from ..motion import LIMITS, Motion3D
from ..skeleton import BODY
from . import figure
from .ellipse import rotate_to_world
from .scene import Figure, View, draw_scene

Image = UInt8[np.ndarray, "h w 3"]

_MIDLINE = (236.0, 238.0, 242.0)
_RIM = (22.0, 24.0, 30.0)
_STROKE = 0.42  # radius of a stroke over the image, in radii of the body: the body shows beside it


@dataclass(frozen=True)
class OverlayConfig:
    """Size of the overlay and motion of its view in space. All values were chosen by eye."""

    max_height: int = 1080
    """Pixels; larger videos are scaled down, as hardware players of H.264 end not far above."""
    swing: float = 28.0
    """Degrees by which the view moves to either side."""
    swing_period: float = 12.0
    """Seconds."""
    smoothing: float = 0.6
    """Seconds over which the view follows the people."""
    min_radius: float = 0.95
    """Metres around the target that are always in view."""


def write_overlay(
    video: Video,
    people: Sequence[Motion3D] | Mapping[int, Motion3D],
    path: str | Path,
    progress: Callable[[int, int], None] | None = None,
    config: OverlayConfig = OverlayConfig(),
) -> None:
    """Write a video of the same frames and times: the joints in the image, the figures in space.

    Args:
        video: The video that the motions were lifted from.
        people: One motion a person; may be empty. Several people are distinguished by the colour
            of the trunk and by their numbers: the keys, or the places in the sequence.
        path: Output file; .mp4, .m4v, .mov or .mkv.
        progress: Called after each frame with the number done and the number expected.

    Raises:
        ValueError: If the video breaks off, or a motion was made from a video of another size.
    """
    people = dict(people) if isinstance(people, Mapping) else dict(enumerate(people))
    for person in people.values():
        check_video_size(video, person.size)
    write_video(path, _render(video, people, progress, config), video.fps)


def check_video_size(video: Video, size: tuple[int, int]) -> None:
    """Raise ValueError if the images of a video are of another size than joints come from."""
    if tuple(size) != video.size:
        raise ValueError(
            f"expected joints of an image of {video.size}, the size of {video.path}, got "
            f"{tuple(size)}; give the video that they came from."
        )


def draw_2d(image: Image, person: Motion3D, index: int, midline: figure.Colour = _MIDLINE) -> Image:
    """Return the image with one person's joints of one frame drawn in; the image is not changed.

    A bone is as faint as the less certain of its ends. Frames that are not valid, and joints
    without a position or of confidence 0, are not drawn.
    """
    if index >= len(person) or not person.valid[index]:
        return image
    xy, confidence = person.xy[index], person.confidence[index]
    radii = _STROKE * figure.joint_radii(person.skeleton) * _pixels_per_metre(person, index)
    colours = figure.bone_colours(person.skeleton, midline)
    known = np.isfinite(xy).all(axis=1)
    result = image.copy()
    if not known.any():
        return result
    region, corner = figure.crop_around(result, xy[known], 1.35 * radii[known] + 1)
    if not region.size:
        return result
    strokes, opacity, xy = region.copy(), np.zeros(region.shape[:2], np.uint8), xy - corner
    for bone in map(list, figure.strokes(person.skeleton)):
        certain = min(float(confidence[bone].min()), 1.0)
        if certain <= 0 or not known[bone].all():
            continue
        colour, outer = colours[bone[1]], radii[bone] + np.maximum(0.35 * radii[bone], 1.0)
        alpha = float(np.clip(0.15 + 1.5 * (certain - 0.1), 0.15, 1.0))
        figure.draw_capsule(opacity, xy[bone], outer, round(255 * alpha))
        figure.draw_capsule(strokes, xy[bone], outer, figure.mix(colour, _RIM, 0.8))
        figure.draw_capsule(strokes, xy[bone], radii[bone], colour)
    figure.alpha_blend(region, strokes, opacity)
    return result


def draw_number(image: Image, person: Motion3D, index: int, number: int) -> None:
    """Draw a person's number above the head, into the image itself."""
    if index >= len(person) or not person.valid[index]:
        return
    size = 0.11 * _pixels_per_metre(person, index)
    xy = person.xy[index]
    x = float(np.clip(xy[:, 0].mean(), size, max(image.shape[1] - size, size)))
    y = float(np.clip(xy[:, 1].min() - 3 * size, 1.5 * size, image.shape[0] - size))
    px, py, rim, disc = figure.to_fixed_point(np.array([x, y, 1.3 * size, 1.1 * size])).tolist()
    cv2.circle(image, (px, py), rim, _RIM, -1, cv2.LINE_AA, figure.SUBPIXEL)
    cv2.circle(
        image, (px, py), disc, figure.person_colour(number), -1, cv2.LINE_AA, figure.SUBPIXEL
    )
    font, scale, thickness = cv2.FONT_HERSHEY_SIMPLEX, size / 16, max(1, round(size / 7))
    (width, height), _ = cv2.getTextSize(str(number), font, scale, thickness)
    origin = (round(x - width / 2), round(y + height / 2))
    cv2.putText(image, str(number), origin, font, scale, _RIM, thickness, cv2.LINE_AA)


def figures_in_frame(people: Mapping[int, Motion3D], index: int) -> list[Figure]:
    """Return the figures of a frame; a person between two valid stretches becomes a ghost."""
    alone = len(people) < 2
    result = []
    for number, person in people.items():
        valid = person.valid
        if index < len(person) and (alone or (valid[: index + 1].any() and valid[index:].any())):
            colour = figure.MIDLINE if alone else figure.person_colour(number)
            xyz, covariance = person.xyz[index], None
            if person.sigma is not None:
                covariance = rotate_to_world(person.sigma[index], person.camera_xyz[index], xyz)
            seen = person.confidence[index] > 0
            seen[BODY] = True
            result.append(Figure(xyz, person.skeleton, not valid[index], colour, covariance, seen))
    return result


def _pixels_per_metre(person: Motion3D, index: int) -> float:
    """Return the scale of a person in the image, within bounds that keep strokes readable."""
    depth, longer = float(person.camera_xyz[index, person.skeleton.root, 2]), max(person.size)
    return float(np.clip(person.focal / max(depth, 0.1), 0.045 * longer, 0.35 * longer))


def _render(
    video: Video,
    people: Mapping[int, Motion3D],
    progress: Callable[[int, int], None] | None,
    config: OverlayConfig,
) -> Iterator[Frame]:
    """Yield the frames of the overlay, the first at 0 s, also of a part of a video."""
    begin = None
    targets, radii = _solve_view_path(list(people.values()), video.fps, config)
    scale = min(1.0, config.max_height / max(video.size[1], 1))
    width, height = (round(side * scale) for side in video.size)
    panel = (min(width, height), height)
    for frame in video.frames():
        image = _draw_people(frame.image, people, frame.index)
        if (width, height) != video.size:
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        now = min(frame.index, len(targets) - 1)
        x, y, z = targets[now].tolist()
        swing = config.swing * np.cos(2 * np.pi * frame.time / config.swing_period)
        view = View((x, y, z), float(radii[now]), float(View.azimuth - swing))
        scene = draw_scene(figures_in_frame(people, frame.index), view, panel)
        begin = frame.time if begin is None else begin
        yield Frame(frame.index, frame.time - begin, np.hstack([image, scene]))
        if progress is not None:
            progress(frame.index + 1, max(video.length, frame.index + 1))


def _draw_people(image: Image, people: Mapping[int, Motion3D], index: int) -> Image:
    """Return the image with all people drawn in: the nearest on top, numbered if several."""
    present = {i: person for i, person in people.items() if index < len(person)}
    for i in sorted(present, key=lambda i: -people[i].camera_xyz[index, :, 2].mean()):
        image = draw_2d(
            image, people[i], index, figure.person_colour(i) if len(people) > 1 else _MIDLINE
        )
    if len(people) > 1:
        image = image.copy()
        for i, person in present.items():
            draw_number(image, person, index, i)
    return image


def _solve_view_path(
    people: Sequence[Motion3D], fps: float, config: OverlayConfig = OverlayConfig()
) -> tuple[Float[np.ndarray, "t 3"], Float[np.ndarray, " t"]]:
    """Return target and radius of the view in each frame: smooth, all valid people in view."""
    length = max((len(person) for person in people), default=1)
    low, high = np.full((length, 3), np.inf), np.full((length, 3), -np.inf)
    for person in people:
        valid = np.nonzero(person.valid)[0]
        low[valid] = np.minimum(low[valid], person.xyz[valid].min(axis=1))
        high[valid] = np.maximum(high[valid], person.xyz[valid].max(axis=1))
    known = np.nonzero(np.isfinite(low[:, 0]))[0]
    if not len(known):
        return np.array([[0.0, 0.0, 0.9]]), np.array([config.min_radius])
    low[:, 2] = 0.0  # the floor below a jump stays in view
    window = max(config.smoothing * min(fps, LIMITS.max_fps), 1.0)
    low = _smooth_bound(low, known, window, minimum_filter1d)
    high = _smooth_bound(high, known, window, maximum_filter1d)
    across, top = np.linalg.norm((high - low)[:, :2], axis=1), high[:, 2]
    radius = np.maximum(0.5 * across + 0.2, 0.57 * top)  # bodies extend beyond their joints
    return 0.5 * (low + high), np.maximum(radius, config.min_radius)


def _smooth_bound(
    bound: np.ndarray, known: np.ndarray, window: float, extreme: Callable[..., np.ndarray]
) -> np.ndarray:
    """Interpolate frames without people, take the extreme within the window, then smooth."""
    frames = np.arange(len(bound))
    bridged = np.stack([np.interp(frames, known, column[known]) for column in bound.T], axis=1)
    wide = extreme(bridged, size=2 * round(window) + 1, axis=0, mode="nearest")
    return gaussian_filter1d(wide, window / 2, axis=0, mode="nearest")
